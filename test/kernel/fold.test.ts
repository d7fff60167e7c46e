// Folds of the WebAssembly kernel against the reference's plain loops: sums bit for bit, counts exactly.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { abs, drawBelow, input, select, sub } from "../../src/kernel/expression.ts";
import {
  type Bracket,
  BUCKETS,
  DRAW_BUCKETS,
  FOLD_ELEMENTS,
  type Term,
} from "../../src/kernel/kernel.ts";
import {
  interpretCounts,
  interpretDrawSums,
  interpretSums,
} from "../../src/kernel/reference/fold.ts";
import { wasmKernel } from "../../src/kernel/wasm/wasm.ts";
import { anyCall, anyProgram, encode, makeCall } from "./programs.ts";

const kernel = wasmKernel();
const INFINITY = 0x7f800000;

test("random sums give the reference's bits, in an arena and staged", () => {
  fc.assert(
    fc.property(
      anyProgram("wild", "float32", "bfloat16", "float16", "f64"),
      anyCall("wild", 33),
      fc.boolean(),
      ({ expression, ...computation }, values, inArena) => {
        const terms: Term[] = [[expression], [expression, input(1)], [input(0), input(0)]];
        const program = { ...computation, terms };
        const call = makeCall({ ...computation, expression }, values, kernel, inArena);
        assert.deepEqual(kernel.sums(program).run(call), interpretSums(program).run(call));
      },
    ),
    { numRuns: 200 },
  );
});

const FULL: Bracket = { lowest: 0, highest: 0x7fffffff, shift: 20 };
const anyBracket = fc
  .record({
    lowest: fc.nat(INFINITY),
    shift: fc.nat(20),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ lowest, shift, share }): Bracket => {
    const width = Math.max(1, Math.floor(share * BUCKETS * 2 ** shift));
    return { lowest, highest: Math.min(0x7fffffff, lowest + width - 1), shift };
  });

/** NaNs have any payload, so what lies above infinity is counted as one. */
function finite(counts: Uint32Array, { lowest, shift }: Bracket): number[] {
  const last = Math.min(BUCKETS, Math.max(0, (INFINITY - lowest) >>> shift));
  const above = counts.subarray(last).reduce((sum, count) => sum + count, 0);
  return [...counts.subarray(0, last), above];
}

test("random counts are the reference's, whatever the bracket", () => {
  fc.assert(
    fc.property(
      anyProgram("wild", "float32", "bfloat16", "float16", "f64"),
      anyCall("wild", 33),
      anyBracket,
      fc.boolean(),
      (program, values, bracket, inArena) => {
        const call = makeCall(program, values, kernel, inArena);
        const [counts, expected] = [0, 1].map(() => new Uint32Array(BUCKETS + 1));
        kernel.counts(program).run(call, bracket, counts!);
        interpretCounts(program).run(call, bracket, expected!);
        assert.deepEqual(finite(counts!, bracket), finite(expected!, bracket));
      },
    ),
    { numRuns: 200 },
  );
});

test("random sums by draw give the reference's bits", () => {
  fc.assert(
    fc.property(
      anyProgram("wild", "float32", "bfloat16", "float16", "f64"),
      anyCall("wild", 33),
      fc.boolean(),
      (program, values, inArena) => {
        const call = makeCall(program, values, kernel, inArena);
        const [sums, expected] = [0, 1].map(() => new Float64Array(DRAW_BUCKETS));
        for (let twice = 0; twice < 2; twice++) {
          kernel.drawSums(program).run(call, sums!);
          interpretDrawSums(program).run(call, expected!);
        }
        assert.deepEqual([...sums!], [...expected!]); // arrays of f64 are compared with NaN payloads
      },
    ),
    { numRuns: 200 },
  );
});

test("counts add up over calls, and every element of a full bracket is in one", () => {
  const { run } = kernel.counts({
    expression: sub(input(0), input(1)),
    inputs: ["bfloat16", "bfloat16"],
    arithmetic: "float32",
    draws: "counter",
  });
  const values = [3, 5].map((scale) =>
    encode(
      "bfloat16",
      Array.from({ length: 1003 }, (_, i) => Math.sin(i * scale) / 64),
    ),
  );
  const counts = new Uint32Array(BUCKETS + 1);
  for (let twice = 0; twice < 2; twice++) {
    run({ ...NO_ARGUMENTS, elements: 1003, firstElement: 0, inputs: values }, FULL, counts);
  }
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    2006,
  );
  assert.ok(counts.every((count) => count % 2 === 0));
});

const NO_ARGUMENTS = { scalars: new Float64Array(), integers: new Uint32Array(), streams: [] };

test("a whole tile of drawn magnitudes is summed as the reference does", () => {
  const program = {
    terms: [[abs(input(0))], [select(drawBelow(0, 0), abs(input(0)), input(1))]] as Term[],
    inputs: ["float32", "bfloat16"] as const,
    arithmetic: "float32" as const,
    draws: "counter" as const,
  };
  const numbers = Array.from({ length: FOLD_ELEMENTS }, (_, i) => Math.sin(i));
  const call = {
    elements: FOLD_ELEMENTS,
    firstElement: 2 ** 20,
    inputs: [encode("float32", numbers), encode("bfloat16", numbers)],
    scalars: new Float64Array(),
    integers: Uint32Array.of(2 ** 22),
    streams: [[1, 2] as const],
  };
  assert.deepEqual(kernel.sums(program).run(call), interpretSums(program).run(call));
  const longer = [4, 2].map((width) => new Uint8Array(width * (FOLD_ELEMENTS + 1)));
  assert.throws(
    () => kernel.sums(program).run({ ...call, elements: FOLD_ELEMENTS + 1, inputs: longer }),
    /a fold was called with 262145 elements/,
  );
});
