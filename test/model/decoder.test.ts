// The decoder against transformers' logits, on the CPU.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createDecoder } from "../../src/model/runner.ts";
import {
  everyPosition,
  FAMILIES,
  golden,
  largestDifference,
  skipGoldens,
} from "./forward-goldens.ts";

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
