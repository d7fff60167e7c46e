// The WebAssembly kernel against the reference interpreter, bit for bit (NaN payloads excepted), and
// its memory: arenas, staging, writes that stay inside the output view.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TsmergeError } from "../../src/base/errors.ts";
import { bf16ToF32, f16ToF32 } from "../../src/base/half.ts";
import {
  add,
  constant,
  drawBelow,
  input,
  mul,
  scalar,
  select,
  sum,
} from "../../src/kernel/expression.ts";
import type { CompiledProgram, Program } from "../../src/kernel/kernel.ts";
import { interpret } from "../../src/kernel/reference/reference.ts";
import { wasmKernel } from "../../src/kernel/wasm/wasm.ts";
import { anyCall, anyProgram, bitsOf, encode, floatTypes, makeCall } from "./programs.ts";

const kernel = wasmKernel();

/** The wasm kernel compiles at once. */
const compile = (program: Program) => kernel.compile(program) as CompiledProgram;

const linear: Program = {
  expression: sum([mul(scalar(0), input(0)), mul(scalar(1), input(1))]),
  inputs: ["bfloat16", "bfloat16"],
  arithmetic: "float32",
  round: "bfloat16",
  store: "bfloat16",
  draws: "counter",
};

test("random programs give the reference's bits, in an arena and staged", () => {
  fc.assert(
    fc.property(
      anyProgram("wild", "float32", "bfloat16", "float16", "f64"),
      anyCall("wild", 33),
      fc.boolean(),
      (program, values, inArena) => {
        const call = makeCall(program, values, kernel, inArena);
        void compile(program).run(call);
        const expected = makeCall(program, values, kernel, false);
        void interpret(program).run(expected);
        assert.deepEqual(
          bitsOf(program.store, call.output),
          bitsOf(program.store, expected.output),
        );
      },
    ),
    { numRuns: 1500 },
  );
});

test("every bfloat16 and float16 pattern is widened exactly and stored back as it was", () => {
  const patterns = Uint16Array.from({ length: 0x10000 }, (_, i) => i);
  const bytes = new Uint8Array(patterns.buffer);
  for (const type of ["bfloat16", "float16"] as const) {
    const widen = type === "bfloat16" ? bf16ToF32 : f16ToF32;
    const expected = encode("float32", Array.from(patterns, widen));
    for (const store of [type, "float32"] as const) {
      const program = { ...linear, expression: input(0), inputs: [type], round: type, store };
      const output = new Uint8Array(patterns.length * (store === "float32" ? 4 : 2));
      void compile(program).run(callOf([bytes], output, patterns.length));
      const wanted = store === "float32" ? expected : bytes;
      assert.deepEqual(bitsOf(store, output), bitsOf(store, wanted), `${type} stored as ${store}`);
    }
  }
});

test("rounding to a half type is the reference's around every value of that type", () => {
  for (const type of ["bfloat16", "float16"] as const) {
    const widen = type === "bfloat16" ? bf16ToF32 : f16ToF32;
    const middle = type === "bfloat16" ? 0x8000 : 0x1000;
    // Each value of the type, halfway to the next, and one float32 step to either side of halfway.
    const bits = Array.from({ length: 0x10000 }, (_, i) => {
      const start = new Uint32Array(Float32Array.of(widen(i)).buffer)[0]!;
      return [start, start + middle - 1, start + middle, start + middle + 1];
    });
    const values = Uint32Array.from(bits.flat());
    const program: Program = { ...linear, expression: input(0), inputs: ["float32"], round: type, store: type }; // biome-ignore format: one line
    const outputs = [compile(program), interpret(program)].map((compiled) => {
      const output = new Uint8Array(2 * values.length);
      void compiled.run(callOf([new Uint8Array(values.buffer)], output, values.length));
      return bitsOf(type, output);
    });
    assert.deepEqual(outputs[0], outputs[1]);
  }
});

function callOf(inputs: Uint8Array[], output: Uint8Array, elements: number) {
  return {
    elements,
    inputs,
    output,
    firstElement: 0,
    scalars: Float64Array.of(0.25, 0.75),
    integers: Uint32Array.of(1 << 22),
    streams: [[1, 2] as const],
  };
}

test("a tile larger than a staging piece gives the same bits as in an arena", () => {
  const elements = 300_001;
  const program: Program = { ...linear, expression: select(drawBelow(0, 0), linear.expression, input(1)) }; // biome-ignore format: one line
  const values = [1, 2].map((scale) =>
    encode(
      "bfloat16",
      Array.from({ length: elements }, (_, i) => Math.sin(i * scale)),
    ),
  );
  const arena = kernel.arena(8 * elements);
  const inputs = values.map((bytes) => {
    const view = arena.allocate(bytes.length);
    view.set(bytes);
    return view;
  });
  const output = arena.allocate(2 * elements);
  void compile(program).run(callOf(inputs, output, elements));
  const staged = new Uint8Array(2 * elements);
  void compile(program).run(callOf(values, staged, elements));
  assert.ok(Buffer.from(output).equals(staged));
});

test("nothing outside the output view is written, whatever its length and alignment", () => {
  const arena = kernel.arena(4096);
  const region = arena.allocate(1024);
  const compiled = compile({ ...linear, store: "float32" });
  for (let elements = 0; elements < 40; elements++) {
    for (const shift of [0, 2, 13]) {
      region.fill(0xab);
      const inputs = [0, 1].map((i) => region.subarray(i * 80, i * 80 + 2 * elements));
      const output = region.subarray(200 + shift, 200 + shift + 4 * elements);
      void compiled.run(callOf(inputs, output, elements));
      const outside = [
        region.subarray(0, 200 + shift),
        region.subarray(200 + shift + 4 * elements),
      ];
      assert.ok(outside.every((part) => part.every((byte) => byte === 0xab)));
    }
  }
});

test("a choice of either zero keeps its sign", () => {
  for (const zero of [0, -0]) {
    const expression = select(drawBelow(0, 0), input(0), constant(zero));
    const output = new Uint8Array(16);
    const call = callOf([encode("float32", [1, 2, 3, 4])], output, 4);
    const program = { ...linear, expression, inputs: ["float32"], store: "float32" } as const;
    void compile(program).run({ ...call, integers: Uint32Array.of(0) });
    assert.deepEqual(output, encode("float32", [zero, zero, zero, zero]));
  }
});

test("programs with equal content are compiled once", () => {
  const again = sum([mul(scalar(0), input(0)), mul(scalar(1), input(1))]);
  assert.equal(kernel.compile({ ...linear, expression: again }), kernel.compile(linear));
  assert.notEqual(kernel.compile({ ...linear, round: "float32" }), kernel.compile(linear));
});

test("a call that does not fit its program is refused by name", () => {
  const short = callOf([new Uint8Array(8), new Uint8Array(6)], new Uint8Array(8), 4);
  assert.throws(() => compile(linear).run(short), {
    name: "TsmergeError",
    message: "a kernel call has 6 bytes of input 1; it needs 8",
  });
  const undeclared = { ...linear, expression: add(input(0), input(5)) };
  assert.throws(() => kernel.compile(undeclared), /reads input 5 but the program declares 2/);
});

test("an arena hands out zeroed, aligned views and says when it is full or closed", () => {
  const arena = kernel.arena(65_536);
  const first = arena.allocate(3);
  const second = arena.allocate(64);
  assert.deepEqual([first.byteOffset % 64, second.byteOffset % 64], [0, 0]);
  assert.equal(first.buffer, second.buffer);
  assert.ok(second.every((byte) => byte === 0));
  assert.equal(arena.bytesFree, 65_536 - 128);
  assert.throws(() => arena.allocate(65_536), /65536 bytes do not fit the 65408 left/);
  arena.close();
  assert.throws(() => arena.allocate(1), TsmergeError);
  assert.throws(() => kernel.arena(2 ** 32), /exceeds the 4294901760/);
});

test("every pair of stored types goes through unchanged where the values allow it", () => {
  for (const type of floatTypes) {
    for (const store of floatTypes) {
      const program = { ...linear, expression: input(0), inputs: [type], round: store, store };
      const values = [0, -0, 1, -2.5, 0.125, 1024];
      const output = new Uint8Array(encode(store, values).length);
      void compile(program).run(callOf([encode(type, values)], output, values.length));
      assert.deepEqual(output, encode(store, values));
    }
  }
});
