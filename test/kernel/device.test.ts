// Names of devices become kernels, or a sentence that says what to do.

import assert from "node:assert/strict";
import { test } from "node:test";
import { selectKernel } from "../../src/kernel/device.ts";

test("auto and cpu are the WebAssembly kernel, webgpu the ONNX one", async () => {
  assert.equal((await selectKernel("auto")).name, "wasm");
  assert.equal((await selectKernel("cpu")).name, "wasm");
  assert.equal((await selectKernel("webgpu")).name, "onnx-webgpu");
});

test("cuda is refused with what to use instead", async () => {
  await assert.rejects(selectKernel("cuda"), {
    name: "TsmergeError",
    code: "device",
    hint: /--device webgpu/,
  });
});
