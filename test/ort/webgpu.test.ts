// WebGPU: device tensors live and die in order, and a device that is not there is reported, not fatal.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { probeWebGpu } from "../../src/ort/probe.ts";
import { runOnSwiftshader, skipWebGpu } from "./swiftshader.ts";

test("device tensors stay on the device and are freed in order", { skip: skipWebGpu }, async () => {
  const printed = await runOnSwiftshader(join(import.meta.dirname, "webgpu-tensors.ts"));
  assert.equal(printed.trim(), "ok");
});

test("a machine without a device is told so", { timeout: 60_000 }, async () => {
  const saved = process.env.VK_ICD_FILENAMES;
  process.env.VK_ICD_FILENAMES = "/nonexistent.json";
  const probe = await probeWebGpu();
  if (saved === undefined) delete process.env.VK_ICD_FILENAMES;
  else process.env.VK_ICD_FILENAMES = saved;
  assert.equal(typeof probe.available, "boolean"); // other backends than Vulkan may be there
  assert.notEqual(probe.detail, "");
});
