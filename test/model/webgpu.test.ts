// The decoder on WebGPU: transformers' logits and the CPU's schedules, every operator on the device.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { runOnSwiftshader, skipWebGpu } from "../ort/swiftshader.ts";

test("logits and schedules agree to 1e-4 on WebGPU", { skip: skipWebGpu }, async (t) => {
  const printed = await runOnSwiftshader(join(import.meta.dirname, "webgpu-decoder.ts"));
  const differences: Record<string, number> = JSON.parse(printed);
  for (const [what, difference] of Object.entries(differences)) {
    t.diagnostic(`${what}: ${difference.toExponential(1)}`);
    assert.ok(difference < 1e-4, `${what} differs by ${difference}`);
  }
});
