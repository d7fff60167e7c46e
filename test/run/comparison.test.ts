// Reports of what is counted and of what is averaged: values against their definitions, errors against resampling.

import assert from "node:assert/strict";
import { test } from "node:test";
import { streamKey, uniform } from "../../src/base/counter-rng.ts";
import type { ItemScore } from "../../src/evals/item.ts";
import { estimate, itemValues, type MetricKey } from "../../src/evals/metrics.ts";
import { compare, reportedByLeaf, reportedScore } from "../../src/run/evolve/comparison.ts";
import { fitnessOf, objectiveName, type WeightedTask } from "../../src/run/evolve/fitness.ts";

/** A page of a text: its log-likelihood grows with its length. */
function pages(count: number, nats: number, seed = 1): ItemScore[] {
  const key = streamKey("pages", seed);
  return Array.from({ length: count }, (_, docId) => {
    const words = 50 + Math.floor(200 * uniform(key, 2 * docId));
    const logprob = -words * (nats + 0.4 * (uniform(key, 2 * docId + 1) - 0.5));
    return {
      ...{ task: "pages", docId, hash: `p${docId}`, logLikelihoods: [logprob], logprob },
      ...{ acc: 0, accNorm: 0, size: { words, bytes: 5 * words }, others: { perplexity: logprob } },
    };
  });
}

function answers(right: readonly number[], task = "quiz"): ItemScore[] {
  return right.map((acc, docId) => {
    const other = { logLikelihoods: [], accNorm: 1 - acc, logprob: acc - 1 };
    return { task, docId, hash: `${task}${docId}`, acc, ...other };
  });
}

function taskOf(
  name: string,
  metric: MetricKey,
  changes: Partial<WeightedTask> = {},
): WeightedTask {
  return {
    ...{ name, weight: 1, metric, reported: metric, isMinimised: false, isCounted: true },
    ...{ leaves: [name], ...changes },
  };
}

const perplexity = taskOf("pages", "word_perplexity", { isMinimised: true, isCounted: false });

test("item values have the metric as mean, and their spread is the error that resampling finds", () => {
  const scores = pages(300, 3);
  for (const metric of ["word_perplexity", "byte_perplexity", "bits_per_byte"] as const) {
    const { value, stderr, n } = estimate(scores, metric);
    const unit = metric === "word_perplexity" ? "words" : "bytes";
    const rateOf = (list: readonly ItemScore[]): number =>
      -list.reduce((sum, { logprob }) => sum + logprob, 0) /
      list.reduce((sum, { size }) => sum + size![unit], 0);
    const metricOver = (list: readonly ItemScore[]): number =>
      metric === "bits_per_byte" ? rateOf(list) / Math.LN2 : Math.exp(rateOf(list));
    assert.ok(Math.abs(value - metricOver(scores)) < 1e-9 * value);
    assert.equal(n, 300);
    const key = streamKey("resample", metric);
    const draws = Array.from({ length: 400 }, (_, draw) =>
      metricOver(scores.map((_, i) => scores[Math.floor(300 * uniform(key, 300 * draw + i))]!)),
    );
    const mean = draws.reduce((sum, each) => sum + each, 0) / 400;
    const sd = Math.sqrt(draws.reduce((sum, each) => sum + (each - mean) ** 2, 0) / 399);
    assert.ok(Math.abs(stderr! / sd - 1) < 0.15, `${metric}: ${stderr} against ${sd}`);
  }
  assert.deepEqual(itemValues(answers([1, 0]), "acc"), [1, 0]);
});

test("what is minimised counts with its sign turned, and is reported as it is", () => {
  const scores = pages(50, 3);
  const { value } = estimate(scores, "word_perplexity");
  assert.equal(fitnessOf([perplexity], scores).value, -value);
  const reported = reportedScore([perplexity], scores);
  assert.equal(reported.value, value);
  assert.ok(reported.low! < value && value < reported.high!);
  assert.equal(objectiveName([perplexity]), "word_perplexity ↓");
});

test("means are compared item by item: a small gain on every page is shown", () => {
  const [worse, better] = [pages(60, 3.02), pages(60, 3)];
  const { delta, p, gained } = compare([perplexity], better, worse, 1);
  assert.ok(delta > 0 && p! < 1e-4, `${delta}, p ${p}`);
  assert.equal(gained, undefined);
  const other = compare([perplexity], worse, better, 1);
  assert.ok(Math.abs(other.delta + delta) < 1e-9);
  assert.equal(compare([perplexity], worse, worse, 1).p, 1);
});

test("right answers are counted, of every task by the metric it is reported by", () => {
  const tasks = [taskOf("quiz", "acc"), taskOf("exam", "acc_norm")];
  const ours = [...answers([1, 1, 1, 0]), ...answers([0, 0], "exam")];
  const theirs = [...answers([1, 0, 0, 1]), ...answers([0, 1], "exam")];
  const { gained, lost, delta, low, high } = compare(tasks, ours, theirs, 1);
  assert.ok(low! < delta && delta < high!);
  assert.deepEqual([gained, lost], [3, 1]); // exam is right where acc is 0
  assert.ok(Math.abs(delta - 2 / 6) < 1e-12);
  const byLeaf = reportedByLeaf(tasks, ours);
  assert.deepEqual([byLeaf.quiz?.value, byLeaf.exam?.value], [0.75, 1]);
  assert.equal(reportedScore(tasks, ours).value, 5 / 6);
});

test("tasks of different kinds are reported as their weighted mean", () => {
  const quiz = taskOf("quiz", "acc", { weight: 3 });
  const scores = [...answers([1, 0, 1, 1]), ...pages(40, 3)];
  const { value, stderr, n } = reportedScore([quiz, perplexity], scores);
  const pagesValue = estimate(pages(40, 3), "word_perplexity").value;
  assert.ok(Math.abs(value - (3 * 0.75 - pagesValue) / 4) < 1e-12);
  assert.equal(n, 44);
  assert.ok(stderr! > 0);
  assert.equal(objectiveName([quiz, perplexity]), "3 quiz acc ↑, 1 pages word_perplexity ↓");
});

test("one item alone has no interval, and no difference of it is tested", () => {
  const lone = taskOf("pages", "word_perplexity", { isCounted: false });
  const [a, b] = [pages(1, 3), pages(1, 2)];
  assert.deepEqual([reportedScore([lone], a).low, reportedScore([lone], a).stderr], [null, null]);
  const { p, low } = compare([lone], a, b, 1);
  assert.deepEqual([p, low], [null, null]);
});

test("models that answered different items are not compared", () => {
  assert.throws(() => compare([perplexity], pages(3, 3), pages(2, 3), 1), /different items/);
});

test("tasks of different weights are reported as they were searched, not by their numbers of items", () => {
  const few = answers([1, 1], "few");
  const many = answers(
    Array.from({ length: 8 }, (_, i) => (i === 0 ? 1 : 0)),
    "many",
  );
  const tasks = (weight: number) => [taskOf("few", "acc", { weight }), taskOf("many", "acc")];
  const scores = [...few, ...many];
  assert.equal(reportedScore(tasks(1), scores).value, 3 / 10);
  assert.ok(Math.abs(reportedScore(tasks(2), scores).value - (2 * 1 + 1 / 8) / 3) < 1e-12);
  const wrong = [...few, ...answers(new Array(8).fill(0), "many")];
  assert.ok(Math.abs(compare(tasks(2), scores, wrong, 0).delta - 1 / 8 / 3) < 1e-12);
});
