// What the ONNX kernel and device programs do on WebGPU. webgpu.test.ts runs this file in a process of its
// own, with the environment of a software GPU: native code reads it when it is loaded.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import type { FloatType } from "../../src/base/dtype.ts";
import { bf16ToF32, f16ToF32, roundTo } from "../../src/base/half.ts";
import * as x from "../../src/kernel/expression.ts";
import type { Program } from "../../src/kernel/kernel.ts";
import { compileOnDevice, drawTensor } from "../../src/kernel/onnx/device-program.ts";
import { onnxKernel } from "../../src/kernel/onnx/onnx.ts";
import { interpret } from "../../src/kernel/reference/reference.ts";
import { floats, type HostTensor } from "../../src/ort/tensor.ts";
import { Transfer } from "../../src/ort/transfer.ts";
import { anyCall, anyProgram, bitsOf, encode, makeCall } from "./programs.ts";

const STRICT = { refuseCpuFallback: true };
const kernel = onnxKernel({ device: "webgpu", threads: 1, tile: 16, ...STRICT });
const transfer = new Transfer();
after(async () => {
  await transfer.close();
  await kernel.close();
});

const plain: Program = {
  expression: x.input(0),
  inputs: ["float32"],
  arithmetic: "float32",
  round: "float32",
  store: "float32",
  draws: "counter",
};
const NO_NUMBERS = { scalars: new Float64Array(), integers: new Uint32Array() };

const hostTensor = (values: readonly number[], shape: readonly number[]): HostTensor => ({
  type: "float32",
  shape,
  data: Float32Array.from(values),
});

/** Bits of the results with −0 as +0: rounding by arithmetic does not keep the sign of a zero. */
function magnitudeBits(type: FloatType, bytes: Uint8Array): number[] {
  const negativeZero = type === "float32" ? 0x80000000 : 0x8000;
  return bitsOf(type, bytes).map((bits) => (bits === negativeZero ? 0 : bits));
}

test("without divisions and numbers at the ends of the range the bits are the reference's", async () => {
  await fc.assert(
    fc.asyncProperty(
      anyProgram("tame", "float32", "bfloat16", "float16"),
      anyCall("tame", 33),
      async (program, values) => {
        const call = makeCall(program, values, kernel, false);
        await (await kernel.compile(program)).run(call);
        const expected = makeCall(program, values, kernel, false);
        await interpret(program).run(expected);
        const { store } = program;
        assert.deepEqual(magnitudeBits(store, call.output), magnitudeBits(store, expected.output));
      },
    ),
    { numRuns: 100 },
  );
});

test("a division errs by no more than 2.5 units in the last place", async () => {
  const program = { ...plain, expression: x.div(x.input(0), x.input(1)), inputs: ["float32", "float32"] } as const; // biome-ignore format: one line
  const elements = 4096;
  const column = (step: number) =>
    Array.from({ length: elements }, (_, i) => Math.fround(0.001 + ((i * step) % 7.3)));
  const [a, b] = [column(0.37), column(1.91)];
  const output = new Float32Array(elements);
  await (await kernel.compile(program)).run({
    elements,
    firstElement: 0,
    inputs: [encode("float32", a), encode("float32", b)],
    output: new Uint8Array(output.buffer),
    ...NO_NUMBERS,
  });
  const worst = Math.max(
    ...output.map((quotient, i) => {
      const exact = a[i]! / b[i]!;
      return Math.abs(quotient - exact) / 2 ** (Math.floor(Math.log2(exact)) - 23);
    }),
  );
  assert.ok(worst <= 2.5, `${worst} units`);
});

test("rounding on the device is exact from the smallest normal number to 2^110", async () => {
  for (const type of ["bfloat16", "float16"] as const) {
    const values = neighbourhoods(type).filter((value) => isPromised(type, value));
    const program = await compileOnDevice({ ...plain, round: type }, 1, STRICT);
    const input = await transfer.upload(hostTensor(values, [values.length]));
    const result = await program.run({ inputs: [input], draws: [], ...NO_NUMBERS });
    const rounded = floats(await transfer.readBack(result));
    const wrong = values.filter((value, i) => roundTo(type, value) !== rounded[i]);
    assert.deepEqual(wrong.slice(0, 5), [], `${wrong.length} of ${values.length} ${type}`);
    for (const tensor of [result, input]) tensor.dispose();
    await program.close();
  }
});

/** Each finite value of a type, halfway to the next, and one float32 step to either side of halfway. */
function neighbourhoods(type: "bfloat16" | "float16"): number[] {
  const [widen, middle] = type === "bfloat16" ? [bf16ToF32, 0x8000] : [f16ToF32, 0x1000];
  const values = Array.from({ length: 0x10000 }, (_, bits) => widen(bits)).filter(Number.isFinite);
  const bits = Array.from(new Uint32Array(Float32Array.from(values).buffer), (start) => [
    start,
    start + middle - 1,
    start + middle,
    start + middle + 1,
  ]);
  return [...new Float32Array(Uint32Array.from(bits.flat()).buffer)];
}

function isPromised(type: "bfloat16" | "float16", value: number): boolean {
  const magnitude = Math.abs(value);
  return value === 0 || (magnitude >= (type === "bfloat16" ? 2 ** -126 : 0) && magnitude < 2 ** 110); // biome-ignore format: one line
}

test("a program over resident tensors gives the decoder's weight, round after round", async () => {
  const [rows, columns] = [6, 50];
  const elements = rows * columns;
  const delta = x.sub(x.input(1), x.input(0));
  const kept = x.or(x.drawBelow(0, 0), x.indexBelow(1));
  const program: Program = {
    ...plain,
    expression: x.add(x.input(0), x.mul(x.scalar(0), x.select(kept, delta, x.constant(0)))),
    inputs: ["bfloat16", "bfloat16"],
    round: "bfloat16",
  };
  const key = [7, 8] as const;
  const numbers = { integers: Uint32Array.of(1 << 23, 60) };
  const values = [1, 2].map((scale) =>
    Array.from({ length: elements }, (_, i) => roundTo("bfloat16", Math.sin(i * scale))),
  );
  const resident = await compileOnDevice(program, 2, STRICT);
  const inputs = [];
  for (const column of values) {
    inputs.push(await transfer.upload(hostTensor(column, [rows, columns])));
  }
  const draws = [await transfer.upload(drawTensor(key, [rows, columns]))];
  for (let round = 0; round < 20; round++) {
    const scalars = Float64Array.of(round / 7);
    const merged = await resident.run({ inputs, draws, scalars, ...numbers });
    assert.deepEqual([...merged.shape], [rows, columns]);
    const got = floats(await transfer.readBack(merged));
    merged.dispose();
    const expected = new Float32Array(elements);
    await interpret(program).run({
      elements,
      firstElement: 0,
      inputs: values.map((column) => encode("bfloat16", column)),
      output: new Uint8Array(expected.buffer),
      streams: [key],
      scalars,
      ...numbers,
    });
    assert.deepEqual([...got], [...expected]);
  }
  for (const tensor of [...inputs, ...draws]) tensor.dispose();
  await resident.close();
});
