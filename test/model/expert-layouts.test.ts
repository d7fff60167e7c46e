// Experts of one layout seen in the other: names, shapes and ranges of what is stored. Bits are in
// test/merge/experts.test.ts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesPerElement, type DType } from "../../src/base/dtype.ts";
import type { TensorInfo } from "../../src/checkpoint/checkpoint.ts";
import { areAlike, expertLayout, relaidTensors } from "../../src/model/family/expert-layouts.ts";

const INNER = 3;
const HIDDEN = 5;

function tensorsOf(
  named: Readonly<Record<string, readonly number[]>>,
  dtype: DType = "bfloat16",
): Map<string, TensorInfo> {
  const tensors = Object.entries(named).map(([name, shape]): [string, TensorInfo] => {
    const elements = shape.reduce((product, size) => product * size, 1);
    const byteLength = elements * bytesPerElement(dtype);
    return [name, { name, dtype, shape, elements, byteLength }];
  });
  return new Map(tensors);
}

/** Mixtral's layer 0 with that many experts. */
function separate(experts: number): Map<string, TensorInfo> {
  const block = "model.layers.0.block_sparse_moe";
  const matrices = Array.from({ length: experts }, (_, index) => ({
    [`${block}.experts.${index}.w1.weight`]: [INNER, HIDDEN],
    [`${block}.experts.${index}.w2.weight`]: [HIDDEN, INNER],
    [`${block}.experts.${index}.w3.weight`]: [INNER, HIDDEN],
  }));
  const router = { [`${block}.gate.weight`]: [experts, HIDDEN] };
  return tensorsOf(Object.assign({ "model.norm.weight": [HIDDEN] }, router, ...matrices));
}

const packed = tensorsOf({
  "model.norm.weight": [HIDDEN],
  "model.layers.0.mlp.gate.weight": [2, HIDDEN],
  "model.layers.0.mlp.experts.gate_up_proj": [2, 2 * INNER, HIDDEN],
  "model.layers.0.mlp.experts.down_proj": [2, HIDDEN, INNER],
});
const namesOf = (tensors: ReadonlyMap<string, unknown>) => [...tensors.keys()].sort();

test("layouts are told apart by their names", () => {
  const [one, other] = [expertLayout(separate(2))!, expertLayout(packed)!];
  assert.ok(areAlike(one, expertLayout(separate(4))!) && !areAlike(one, other));
  assert.equal(expertLayout(tensorsOf({ "model.norm.weight": [1] })), undefined);
});

test("separate experts are parts of a packed tensor, gate over up", () => {
  const stored = separate(2);
  const { tensors, views } = relaidTensors(stored, expertLayout(stored)!, expertLayout(packed)!);
  assert.deepEqual(namesOf(tensors), namesOf(packed));
  for (const [name, { shape }] of packed) assert.deepEqual(tensors.get(name)!.shape, shape, name);
  const parts = views.get("model.layers.0.mlp.experts.gate_up_proj")!;
  assert.deepEqual(
    parts.map(({ name }) => name.slice("model.layers.0.block_sparse_moe.experts.".length)),
    ["0.w1.weight", "0.w3.weight", "1.w1.weight", "1.w3.weight"],
  );
});

test("packed experts are ranges of what is stored", () => {
  const to = expertLayout(separate(2))!;
  const { tensors, views } = relaidTensors(packed, expertLayout(packed)!, to);
  assert.deepEqual(namesOf(tensors), namesOf(separate(2)));
  const size = INNER * HIDDEN;
  assert.deepEqual(views.get("model.layers.0.block_sparse_moe.experts.1.w3.weight"), [
    { name: "model.layers.0.mlp.experts.gate_up_proj", firstElement: 3 * size, elements: size },
  ]);
});

test("experts that are incomplete or unlike stay as they are", () => {
  const whole = separate(3);
  const without = (matrix: string) => {
    const tensors = new Map(whole);
    tensors.delete(`model.layers.0.block_sparse_moe.experts.1.${matrix}.weight`);
    return tensors;
  };
  const unlike = new Map(whole);
  for (const [name, tensor] of whole) {
    if (name.includes("experts.2.")) unlike.set(name, { ...tensor, dtype: "float16" });
  }
  const gone = new Map([...whole].filter(([name]) => !name.includes("experts.1.")));
  for (const stored of [without("w1"), without("w3"), gone, unlike]) {
    const { tensors, views } = relaidTensors(stored, expertLayout(whole)!, expertLayout(packed)!);
    assert.deepEqual(namesOf(tensors), namesOf(stored));
    assert.equal(views.size, 0);
  }
});
