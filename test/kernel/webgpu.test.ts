// The ONNX kernel and device programs on WebGPU, every operator on the device: the cases of webgpu-cases.ts.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { skipWebGpu, swiftshaderEnvironment } from "../ort/swiftshader.ts";

test("kernels and device programs keep their promises on WebGPU", { skip: skipWebGpu }, () => {
  const cases = join(import.meta.dirname, "webgpu-cases.ts");
  // Without this variable the child's tests report as text, which is the message of a failure here.
  const { NODE_TEST_CONTEXT: _, ...env } = swiftshaderEnvironment;
  const child = spawnSync(process.execPath, ["--import", "tsx", cases], { env, encoding: "utf8" });
  assert.equal(child.status, 0, `signal ${child.signal}\n${child.stdout}\n${child.stderr}`);
});
