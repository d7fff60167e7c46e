// One decoder, many candidates: nothing is rebuilt, nothing grows.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { causalBatch } from "../../src/model/decoder/causal.ts";
import { createDecoder } from "../../src/model/decoder/runner.ts";
import { sessionsCreated } from "../../src/ort/session.ts";
import { tinyConfig, tinyWeights } from "./tiny.ts";

setFlagsFromString("--expose-gc");
/** Collects garbage, so that resident memory shows leaks and not V8's leisure. */
const collect: () => void = runInNewContext("gc");

const SEQUENCES = Array.from({ length: 16 }, (_, row) =>
  Array.from({ length: 24 }, (_, column) => (row * 13 + column * 5) % 40),
);

test("logits exist for scored slots only", async () => {
  const config = tinyConfig({ vocab_size: 65536 });
  const batch = causalBatch(Array.from({ length: 8 }, () => SEQUENCES.flat().slice(0, 128)));
  const scoreSlots = batch.scoreSlots.slice(0, 8);
  const few = {
    scoreSlots,
    targetRow: Int32Array.from(scoreSlots.keys()),
    targetToken: batch.targetToken.slice(0, 8),
  };
  const decoder = await createDecoder(config, { device: "cpu", threads: 1 });
  await decoder.setWeights(tinyWeights(config));
  const peakBytes = () => process.resourceUsage().maxRSS * 1024;
  const before = peakBytes();
  await decoder.runBatch({ ...batch, ...few });
  const grown = peakBytes() - before;
  const allLogits = batch.tokens.length * config.vocabSize * 4;
  assert.ok(grown < allLogits / 4, `${grown} bytes more, all logits would be ${allLogits}`);
  await decoder.close();
});

test("twenty candidates use the same two sessions, and each its own weights", async () => {
  const config = tinyConfig();
  const batch = causalBatch(SEQUENCES);
  const before = sessionsCreated();
  const decoder = await createDecoder(config, { device: "cpu", threads: 1 });
  const scores = new Set<number>();
  for (let candidate = 0; candidate < 20; candidate++) {
    await decoder.setWeights(tinyWeights(config, candidate));
    const { result } = await decoder.runBatch(batch);
    assert.ok(result.logProbs.every((value) => value <= 0));
    scores.add(result.logProbs[0]!);
  }
  await decoder.setWeights(tinyWeights(config, 0));
  const again = await decoder.runBatch(batch);
  assert.ok(scores.has(again.result.logProbs[0]!));
  assert.equal(scores.size, 20);
  assert.equal(sessionsCreated() - before, 2, "blocks and head");
  await decoder.close();
});

test("memory is flat over 1,000 candidates of 4 MB, once the heap has found its size", async () => {
  const config = tinyConfig({ hidden_size: 128, intermediate_size: 512, vocab_size: 512 });
  const batch = { ...causalBatch(SEQUENCES), keepsState: true };
  const decoder = await createDecoder(config, { device: "cpu", threads: 1 });
  const residentBytes = () => {
    collect();
    return process.memoryUsage.rss();
  };
  const weights = [tinyWeights(config, 1), tinyWeights(config, 2)];
  let early = 0;
  for (let candidate = 0; candidate < 2000; candidate++) {
    await decoder.setWeights(weights[candidate % 2]!);
    await decoder.runBatch(batch);
    if (candidate === 1000) early = residentBytes();
  }
  const late = residentBytes();
  assert.ok(late <= early * 1.05, `${early} bytes after 1,000, ${late} after 2,000`);
  await decoder.close();
});

test("weights that do not fit are refused by name", async () => {
  const config = tinyConfig();
  const decoder = await createDecoder(config, { device: "cpu", threads: 1 });
  const batch = causalBatch(SEQUENCES);
  await assert.rejects(decoder.runBatch(batch), /before setWeights/);
  const weights = new Map<string, { data: Float32Array; shape: number[] }>(tinyWeights(config));
  const name = "model.layers.1.mlp.up_proj.weight";
  weights.set(name, { data: new Float32Array(48 * 32), shape: [32, 48] });
  await assert.rejects(decoder.setWeights(weights), {
    code: "incompatible",
    message: `${name} has shape [32, 48] instead of [48, 32]`,
  });
  weights.delete(name);
  await assert.rejects(decoder.setWeights(weights), { code: "incompatible", message: /missing/ });
  await decoder.close();
});

test("one-row products and foreign tokens are refused", async () => {
  const config = tinyConfig();
  const decoder = await createDecoder(config, { device: "cpu", threads: 1 });
  await decoder.setWeights(tinyWeights(config));
  await assert.rejects(decoder.runBatch(causalBatch([[1, 2]])), { code: "internal" });
  await assert.rejects(decoder.runBatch(causalBatch([[1, 2, 40]])), {
    code: "data",
    message: "token 40 is outside the model's vocabulary of 40",
  });
  await decoder.close();
});
