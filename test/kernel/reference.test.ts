// The oracle itself: worked examples of each rounding rule, so that it is checked by something simpler.

import assert from "node:assert/strict";
import { test } from "node:test";
import { draw24 } from "../../src/base/counter-rng.ts";
import * as x from "../../src/kernel/expression.ts";
import type { Arithmetic, Program, TileCall } from "../../src/kernel/kernel.ts";
import { programKey, stepsOf } from "../../src/kernel/program.ts";
import { interpret } from "../../src/kernel/reference/reference.ts";
import { encode } from "./programs.ts";

/** The float32 results of an expression over float32 inputs. */
function results(
  expression: x.Expression,
  inputs: readonly (readonly number[])[],
  options: Partial<Program> = {},
  call: Partial<TileCall> = {},
): number[] {
  const program: Program = {
    expression,
    inputs: inputs.map(() => "float32"),
    arithmetic: "float32",
    round: "float32",
    store: "float32",
    draws: "counter",
    ...options,
  };
  const elements = inputs[0]!.length;
  const output = new Float32Array(elements);
  void interpret(program).run({
    elements,
    firstElement: 0,
    inputs: inputs.map((values, i) => encode(program.inputs[i]!, values)),
    output: new Uint8Array(output.buffer),
    scalars: new Float64Array(),
    integers: new Uint32Array(),
    ...call,
  });
  return [...output];
}

const arithmetic = (name: Arithmetic) => ({ arithmetic: name });

test("each arithmetic rounds after every operation, f64 never", () => {
  // 1 + 2^-12 − 1: kept by f64 and float32, lost by bfloat16 (8 bits) and float16 (11 bits).
  const expression = x.sub(x.add(x.input(0), x.input(1)), x.input(0));
  const inputs = [[1], [2 ** -12]];
  assert.deepEqual(results(expression, inputs, arithmetic("f64")), [2 ** -12]);
  assert.deepEqual(results(expression, inputs, arithmetic("float32")), [2 ** -12]);
  assert.deepEqual(results(expression, inputs, arithmetic("float16")), [0]);
  assert.deepEqual(results(expression, inputs, arithmetic("bfloat16")), [0]);
  const finer = [[1], [2 ** -30]];
  assert.deepEqual(results(expression, finer, arithmetic("f64")), [2 ** -30]);
  assert.deepEqual(results(expression, finer, arithmetic("float32")), [0]);
});

test("a sum accumulates in float32 and rounds to the arithmetic once", () => {
  const inputs = [[1], [2 ** -8], [2 ** -8]];
  const terms = inputs.map((_, i) => x.input(i));
  const chained = x.add(x.add(terms[0]!, terms[1]!), terms[2]!);
  assert.deepEqual(results(x.sum(terms), inputs, arithmetic("bfloat16")), [1 + 2 ** -7]);
  assert.deepEqual(results(chained, inputs, arithmetic("bfloat16")), [1]);
});

test("a sum starts from +0, so negative zeros add up to +0", () => {
  assert.deepEqual(results(x.sum([x.input(0)]), [[-0, 5]]), [0, 5]);
  assert.deepEqual(results(x.sum([]), [[1]]), [0]);
});

test("inputs are cast to loadAs before the arithmetic", () => {
  const inputs = [[1 + 2 ** -10]];
  assert.deepEqual(results(x.input(0), inputs), [1 + 2 ** -10]);
  assert.deepEqual(results(x.input(0), inputs, { loadAs: "float16" }), [1 + 2 ** -10]);
  assert.deepEqual(results(x.input(0), inputs, { loadAs: "bfloat16" }), [1]);
});

test("scalars are not rounded to a half arithmetic", () => {
  const call = { scalars: Float64Array.of(0.3) };
  const [product] = results(x.scalar(0), [[1]], arithmetic("bfloat16"), call);
  assert.equal(product, Math.fround(0.3));
});

test("masks compare, combine and choose; NaN compares false", () => {
  const smaller = x.lt(x.input(0), x.input(1));
  const choose = (mask: x.Mask) => x.select(mask, x.constant(1), x.constant(0));
  const inputs = [
    [1, 2, NaN],
    [2, 2, 2],
  ];
  assert.deepEqual(results(choose(smaller), inputs), [1, 0, 0]);
  assert.deepEqual(results(choose(x.not(smaller)), inputs), [0, 1, 1]);
  const equal = x.eq(x.input(0), x.input(1));
  assert.deepEqual(results(choose(x.or(smaller, equal)), inputs), [1, 1, 0]);
  assert.deepEqual(results(choose(x.and(smaller, equal)), inputs), [0, 0, 0]);
});

test("indices and draws count from the tensor's start, not the tile's", () => {
  const choose = (mask: x.Mask) => x.select(mask, x.constant(1), x.constant(0));
  const inputs = [[0, 0, 0, 0]];
  const call = {
    firstElement: 10,
    integers: Uint32Array.of(12, 1 << 23),
    streams: [[3, 4] as const],
  };
  assert.deepEqual(results(choose(x.indexBelow(0)), inputs, {}, call), [1, 1, 0, 0]);
  const kept = [10, 11, 12, 13].map((index) => (draw24([3, 4], index) < 1 << 23 ? 1 : 0));
  assert.deepEqual(results(choose(x.drawBelow(0, 1)), inputs, {}, call), kept);
  const planes = [Uint32Array.of(5, 12, 11, 900)];
  assert.deepEqual(
    results(choose(x.drawBelow(0, 0)), inputs, { draws: "planes" }, { ...call, planes }),
    [1, 0, 1, 0],
  );
});

test("equal nodes are one step, and keys tell programs apart", () => {
  const twice = () => x.mul(x.input(0), x.scalar(0));
  assert.equal(stepsOf(x.add(twice(), twice())).length, 4);
  const key = (expression: x.Expression) =>
    programKey({ expression, inputs: ["float32"], arithmetic: "float32", round: "float32", store: "float32", draws: "counter" }); // biome-ignore format: one line
  assert.equal(key(twice()), key(twice()));
  assert.notEqual(key(x.constant(0)), key(x.constant(-0)));
  assert.notEqual(key(x.sub(x.input(0), x.scalar(0))), key(x.sub(x.scalar(0), x.input(0))));
});
