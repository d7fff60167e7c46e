// p-IRT on simulated answers: nearer the truth than the raw mean of few items, and silent about what it does
// not know.

import assert from "node:assert/strict";
import { test } from "node:test";
import { streamKey, uniform } from "../../src/base/counter-rng.ts";
import {
  type Answer,
  estimateMean,
  fitResponses,
} from "../../src/evals/statistics/item-response.ts";

const ITEMS = 300;
const normalOf = (key: ReturnType<typeof streamKey>, i: number): number =>
  Math.sqrt(-2 * Math.log(1 - uniform(key, 2 * i))) *
  Math.cos(2 * Math.PI * uniform(key, 2 * i + 1));

/** Answers of models with normal abilities; items as in tinyBenchmarks' banks. */
function simulated(models: number, seed: number): { answers: Answer[][]; truth: number[] } {
  const key = streamKey("responses", seed);
  const items = Array.from({ length: ITEMS }, (_, j) => ({
    slope: Math.exp(0.5 * normalOf(streamKey(...key, "slope"), j)),
    difficulty: 1.5 * normalOf(streamKey(...key, "difficulty"), j),
  }));
  const rows = Array.from({ length: models }, (_, i) => {
    const ability = 0.5 * normalOf(streamKey(...key, "ability"), i);
    const own = streamKey(...key, "answer", i);
    return items.map(({ slope, difficulty }, j): 0 | 1 =>
      uniform(own, j) < 1 / (1 + Math.exp(slope * (difficulty - ability))) ? 1 : 0,
    );
  });
  const truth = rows.map((row) => row.reduce((sum: number, answer) => sum + answer, 0) / ITEMS);
  return { answers: rows, truth };
}

/** The first `n` items of a fixed shuffle; the rest is not asked. */
function seen(row: readonly Answer[], n: number): Answer[] {
  const key = streamKey("seen", 1);
  const order = row.map((_, j) => j).sort((a, b) => uniform(key, a) - uniform(key, b));
  const asked = new Set(order.slice(0, n));
  return row.map((answer, j) => (asked.has(j) ? answer : undefined));
}

test("20 items with a fitted model miss the truth by less than two thirds of what their mean does", () => {
  let [raw, estimated] = [0, 0];
  for (const seed of [1, 2, 3]) {
    const { answers, truth } = simulated(100, seed);
    const model = fitResponses(answers.slice(0, 60));
    answers.slice(60).forEach((row, i) => {
      const result = estimateMean(model, seen(row, 20));
      assert.equal(result.n, 20);
      raw += Math.abs(result.raw - truth[60 + i]!);
      estimated += Math.abs((result.estimate ?? result.raw) - truth[60 + i]!);
    });
  }
  assert.ok(estimated < (2 * raw) / 3, `mean errors ${estimated / 120} and ${raw / 120}`);
});

test("a collapsed candidate gets no estimate", () => {
  const { answers } = simulated(60, 4);
  const model = fitResponses(answers);
  const wrong = seen(answers[0]!, 60).map((answer): Answer => (answer === undefined ? answer : 0));
  assert.equal(estimateMean(model, wrong).estimate, undefined);
});

test("answers to all items are their mean", () => {
  const { answers, truth } = simulated(40, 5);
  const result = estimateMean(fitResponses(answers), answers[3]!);
  assert.equal(result.raw, truth[3]);
  assert.equal(result.estimate, truth[3]);
});

test("too few models are refused", () => {
  assert.throws(() => fitResponses(simulated(29, 6).answers), /29 models are too few/);
});
