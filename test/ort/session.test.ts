// Sessions on the CPU: feeds, outputs, errors, lifetime.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Graph } from "../../src/onnx/graph.ts";
import { createSession, sessionsCreated } from "../../src/ort/session.ts";
import { floats, type HostTensor, integers } from "../../src/ort/tensor.ts";

function vector(...values: number[]): HostTensor {
  return { type: "float32", shape: [values.length], data: Float32Array.from(values) };
}

function sumAndProduct(): Uint8Array {
  const graph = new Graph("sum and product");
  const a = graph.input("a", "float32", ["n"]);
  const b = graph.input("b", "float32", ["n"]);
  graph.output("sum", graph.node("Add", [a, b]), "float32", ["n"]);
  graph.output("product", graph.node("Mul", [a, b]), "float32", ["n"]);
  return graph.bytes();
}

test("a session computes the outputs asked for, on views of a larger buffer", async () => {
  const before = sessionsCreated();
  const session = await createSession(sumAndProduct(), { device: "cpu", threads: 1 });
  assert.equal(sessionsCreated(), before + 1);
  assert.deepEqual(session.inputNames, ["a", "b"]);
  const memory = Float32Array.of(0, 1, 2, 3, 0);
  const a: HostTensor = { type: "float32", shape: [3], data: memory.subarray(1, 4) };
  const some = await session.run({ a, b: vector(10, 20, 30) }, ["product"]);
  assert.deepEqual(Object.keys(some), ["product"]);
  assert.deepEqual([...floats(some.product)], [10, 40, 90]);
  memory[1] = 5; // read in place: the next run sees it
  const all = await session.run({ a, b: vector(10, 20, 30) });
  assert.deepEqual([...floats(all.sum)], [15, 22, 33]);
  assert.throws(() => integers(all.sum), /expected int64 host data, got float32/);
  await session.close();
});

test("a closed session says so", async () => {
  const session = await createSession(sumAndProduct(), { device: "cpu" });
  await session.close();
  await session.close();
  await assert.rejects(session.run({ a: vector(1), b: vector(1) }), {
    code: "internal",
    message: "a session was run after close()",
  });
});

test("a run that fails and a graph that is refused are device errors", async () => {
  const session = await createSession(sumAndProduct(), { device: "cpu" });
  await assert.rejects(session.run({ a: vector(1, 2), b: vector(1, 2, 3) }), { code: "device" });
  await session.close();
  const graph = new Graph("wrong");
  graph.output("y", graph.node("NoSuchOperator", []), "float32", [1]);
  await assert.rejects(createSession(graph.bytes(), { device: "cpu" }), { code: "device" });
});
