// Names of devices become kernels, or a sentence that says what to do.

import assert from "node:assert/strict";
import { test } from "node:test";
import { selectKernel } from "../../src/kernel/device.ts";

const probe = (available: boolean) => async () => ({ available, detail: "no adapter" });

test("auto and cpu are the WebAssembly kernel, webgpu the ONNX one where it works", async () => {
  assert.equal((await selectKernel("auto", probe(true))).name, "wasm");
  assert.equal((await selectKernel("cpu", probe(true))).name, "wasm");
  assert.equal((await selectKernel("webgpu", probe(true))).name, "onnx-webgpu");
});

test("webgpu without a GPU is refused with the reason", async () => {
  await assert.rejects(selectKernel("webgpu", probe(false)), {
    code: "device",
    message: "WebGPU does not work here: no adapter",
    hint: /--device cpu/,
  });
});

test("cuda is refused with what to use instead", async () => {
  await assert.rejects(selectKernel("cuda"), {
    name: "TsmergeError",
    code: "device",
    hint: /--device webgpu/,
  });
});
