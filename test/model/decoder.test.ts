// The decoder against transformers' logits, on the CPU.

import assert from "node:assert/strict";
import { test } from "node:test";
import { causalBatch } from "../../src/model/decoder/causal.ts";
import { createDecoder } from "../../src/model/decoder/runner.ts";
import {
  everyPosition,
  FAMILIES,
  golden,
  largestDifference,
  skipGoldens,
} from "./forward-goldens.ts";
import { tinyConfig, tinyWeights } from "./tiny.ts";

for (const family of FAMILIES) {
  test(`logits of ${family} are transformers' to 1e-4`, { skip: skipGoldens }, async () => {
    const { config, weights, rows, logits } = golden(family);
    const decoder = await createDecoder(config, { device: "cpu", threads: 1, logits: true });
    await decoder.setWeights(weights);
    const output = await decoder.runBatch(everyPosition(rows));
    const difference = largestDifference(logits, output.logits!);
    assert.equal(output.logits!.length, logits.length);
    assert.ok(difference < 1e-4, `differs by ${difference}`);
    await decoder.close();
  });
}

test("log-probabilities over a large vocabulary are exact to 2e-5", async () => {
  const config = tinyConfig({ vocab_size: 128256 });
  const decoder = await createDecoder(config, { device: "cpu", threads: 1, logits: true });
  await decoder.setWeights(tinyWeights(config));
  const batch = causalBatch([[5, 80000, 128255, 77, 3, 1]]);
  const { logits, result } = await decoder.runBatch(batch);
  batch.targetToken.forEach((token, k) => {
    const row = logits!.subarray(k * config.vocabSize, (k + 1) * config.vocabSize);
    const largest = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const sum = row.reduce((total, logit) => total + Math.exp(logit - largest), 0); // in float64
    const expected = row[token]! - largest - Math.log(sum);
    assert.ok(Math.abs(result.logProbs[k]! - expected) < 2e-5, `${result.logProbs[k]} ${expected}`);
    assert.equal(result.greedy[k], row[token] === largest ? 1 : 0);
  });
  await decoder.close();
});
