// The noise that a strategy with several objectives is told of.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ItemScore } from "../../src/evals/item.ts";
import { pairedStderrs } from "../../src/run/evolve/objectives.ts";
import { FAKE_TASK } from "./fake-contest.ts";

const tasks = ["left", "right"].map((name) => ({ ...FAKE_TASK, name, leaves: [name] }));

function scores(task: string, values: readonly number[]): ItemScore[] {
  return values.map((logprob, docId) => ({
    ...{ task, docId, hash: `${task}-${docId}`, logprob },
    ...{ logLikelihoods: [], acc: 0, accNorm: 0 },
  }));
}

test("errors are of differences from the generation's mean, so what all miss is no noise", () => {
  const hard = [0, -9, -1, -8];
  const shifted = hard.map((value) => value - 2);
  const luckier = hard.map((value, i) => value + (i === 0 ? 3 : 0));
  const right = [-1, -2, -3, -4];
  const [a, b, c] = pairedStderrs(
    tasks,
    [hard, shifted, luckier].map((left) => [...scores("left", left), ...scores("right", right)]),
  );
  // the mean is hard + (1/3, -2/3, -2/3, -2/3): differences of a are (-1/3, 2/3, 2/3, 2/3), their sd is 1/2
  for (const [errors, expected] of [
    [a, 0.25],
    [b, 0.25],
    [c, 0.5],
  ] as const) {
    assert.ok(Math.abs(errors![0]! - expected) < 1e-12, `${errors}`);
    assert.equal(errors![1], 0);
  }
});

test("where candidates were asked different numbers of items, nothing is paired", () => {
  const right = scores("right", [-1, -2]);
  const short = [...scores("left", [0, -9]), ...right];
  const long = [...scores("left", [0, -9, -1]), ...right];
  assert.deepEqual(pairedStderrs(tasks, [short, long]), [
    [0, 0],
    [0, 0],
  ]);
});
