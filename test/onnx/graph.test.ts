// The graph writer: same calls, same bytes; what is written is what a protobuf reader finds.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { ModelProtoSchema } from "onnx-buf";
import { Graph } from "../../src/onnx/graph.ts";

function example(epsilon: number): Graph {
  const graph = new Graph("example");
  const x = graph.input("x", "float32", ["rows", 4]);
  const ones = graph.constant("float32", [4], [1, 1, 1, 1]);
  const normed = graph.node("RMSNormalization", [x, ones], {
    axis: -1,
    epsilon: { float: epsilon },
  });
  const [top, bottom] = graph.nodes("Split", [normed], 2, { axis: 1, num_outputs: 2 });
  graph.output("top", top!, "float32", ["rows", 2]);
  graph.output("bottom", bottom!, "float32", ["rows", 2]);
  return graph;
}

test("equal calls give equal bytes, unequal ones do not", () => {
  assert.deepEqual(example(1e-6).bytes(), example(1e-6).bytes());
  assert.notDeepEqual(example(1e-6).bytes(), example(1e-5).bytes());
});

test("names, shapes, operands and attributes arrive", () => {
  const model = fromBinary(ModelProtoSchema, example(0.5).bytes());
  assert.equal(model.opsetImport[0]!.version, 24n);
  const graph = model.graph!;
  assert.deepEqual(
    graph.node.map((node) => node.opType),
    ["RMSNormalization", "Split", "Identity", "Identity"],
  );
  assert.deepEqual(
    graph.node[0]!.attribute.map(({ name, i, f }) => ({ name, value: name === "axis" ? i : f })),
    [
      { name: "axis", value: -1n },
      { name: "epsilon", value: 0.5 },
    ],
  );
  assert.deepEqual(
    graph.output.map((output) => output.name),
    ["top", "bottom"],
  );
});

test("a constant's numbers survive, and equal constants are stored once", () => {
  const numbers = fc.float32Array({ minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(
      numbers,
      fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
      (floats, ints) => {
        const graph = new Graph("constants");
        const first = graph.constant("float32", [floats.length], floats);
        assert.equal(graph.constant("float32", [floats.length], floats), first);
        graph.constant("int64", [ints.length], ints);
        const stored = fromBinary(ModelProtoSchema, graph.bytes()).graph!.initializer;
        assert.equal(stored.length, 2);
        assert.deepEqual(new Float32Array(Uint8Array.from(stored[0]!.rawData!).buffer), floats);
        const wide = new BigInt64Array(Uint8Array.from(stored[1]!.rawData!).buffer);
        assert.deepEqual([...wide].map(Number), ints);
      },
    ),
  );
});

test("two values of one name are refused", () => {
  const graph = new Graph("twice");
  graph.input("x", "float32", [1]);
  assert.throws(() => graph.input("x", "int32", [1]), /graph twice already has a value called "x"/);
  assert.throws(() => graph.output("", "x", "float32", [1]), { code: "internal" });
});
