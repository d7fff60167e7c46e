// Run by webgpu.test.ts in its own process: the lifetimes of device tensors. Prints "ok" at the end.

import assert from "node:assert/strict";
import { Graph } from "../../src/onnx/graph.ts";
import { probeWebGpu } from "../../src/ort/probe.ts";
import { createSession } from "../../src/ort/session.ts";
import { DeviceTensor, floats, type HostTensor } from "../../src/ort/tensor.ts";
import { Transfer } from "../../src/ort/transfer.ts";

const graph = new Graph("double");
const x = graph.input("x", "float32", ["n"]);
graph.output("y", graph.node("Add", [x, x]), "float32", ["n"]);
const session = await createSession(graph.bytes(), {
  device: "webgpu",
  deviceOutputs: ["y"],
  refuseCpuFallback: true,
});
const transfer = new Transfer();

const host: HostTensor = { type: "float32", shape: [3], data: Float32Array.of(1, 2, 3) };
const uploaded = await transfer.upload(host);
let current: DeviceTensor = uploaded;
for (let round = 0; round < 10; round++) {
  const { y } = await session.run({ x: current });
  assert.ok(y instanceof DeviceTensor);
  current.dispose();
  current = y;
  assert.equal(session.tensorsAlive, 1);
}
assert.deepEqual([...floats(await transfer.readBack(current))], [1024, 2048, 3072]);
assert.throws(() => floats(current), /expected float32 host data/);

current.dispose();
current.dispose();
assert.equal(session.tensorsAlive, 0);
await assert.rejects(session.run({ x: current }), /after dispose/);

const left = (await session.run({ x: host })).y;
assert.ok(left instanceof DeviceTensor);
await session.close(); // disposes `left` first: the other order would end the process
assert.throws(() => left.handle(), /after dispose/);
await transfer.upload(host);
await transfer.close();

assert.deepEqual(await probeWebGpu(), { available: true, detail: "a product came out right" });
console.log("ok");
