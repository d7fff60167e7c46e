// Intervals stay where their metric can be.

import assert from "node:assert/strict";
import { test } from "node:test";
import { intervalAround } from "../../src/evals/interval.ts";

const estimate = (value: number, stderr: number | null) => ({ n: 3, value, stderr });

test("an interval is 1.96 standard errors wide to each side, and ends where the metric does", () => {
  assert.deepEqual(intervalAround(estimate(0.5, 0.1), "inst_level_strict_acc"), {
    low: 0.5 - 1.959963984540054 * 0.1,
    high: 0.5 + 1.959963984540054 * 0.1,
  });
  assert.equal(intervalAround(estimate(0.25, 0.3), "inst_level_strict_acc")?.low, 0);
  assert.equal(intervalAround(estimate(0.9, 0.3), "acc,strict-match")?.high, 1);
  assert.equal(intervalAround(estimate(-0.01, 0.1), "logprob")?.high, 0);
  assert.equal(intervalAround(estimate(0.1, 0.2), "bits_per_byte")?.low, 0);
  assert.ok(intervalAround(estimate(0.9, 0.3), "score")!.high > 1);
  assert.ok(intervalAround(estimate(0.9, 0.3))!.high > 1);
  assert.equal(intervalAround(estimate(0.5, null), "acc"), null);
});

test("a perplexity's interval is that of its logarithm, and never below zero", () => {
  const { low, high } = intervalAround(estimate(6e14, 8e14), "word_perplexity")!;
  assert.ok(low > 0 && Math.abs(low * high - 36e28) < 1e16);
});
