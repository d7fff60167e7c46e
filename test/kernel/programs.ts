// Random programs and calls for the back ends to agree on, and a comparison of outputs by bits.

import fc from "fast-check";
import type { StreamKey } from "../../src/base/counter-rng.ts";
import { bytesPerElement, type FloatType } from "../../src/base/dtype.ts";
import { f32ToBf16, f32ToF16 } from "../../src/base/half.ts";
import * as x from "../../src/kernel/expression.ts";
import type { Arithmetic, Kernel, Program, TileCall } from "../../src/kernel/kernel.ts";

export const INPUTS = 3;
export const SCALARS = 3;
export const INTEGERS = 2;
export const STREAMS = 2;

export const floatTypes: readonly FloatType[] = ["float32", "bfloat16", "float16"];

/** Bit patterns where rounding and classification go wrong first: zeros, subnormals, ties, extremes, NaN. */
const SPECIAL_FLOATS = [
  ...[0, -0, 1, -1, 0.5, 3, Infinity, -Infinity, NaN, 1e-45, -1e-45, 1.1754942e-38, 1e-39],
  ...[3.4028235e38, -3.4028235e38, 3.39e38, 1.00390625, 1.01171875, 65504, 65519.996, 65520],
  ...[65536, 6.1035156e-5, 6.0975552e-5, 5.9604645e-8, 2.9802322e-8, 2.98023259e-8, 8.940697e-8],
];

const float = fc.oneof(
  { weight: 3, arbitrary: fc.float({ noNaN: true, min: -4, max: 4 }) },
  { weight: 2, arbitrary: fc.constantFrom(...SPECIAL_FLOATS.map(Math.fround)) },
  { weight: 1, arbitrary: fc.float() },
);

/** Multiples of 1/64 up to 4: products and sums of a few of them are neither subnormal nor near infinity. */
const tameFloat = fc.integer({ min: -256, max: 256 }).map((value) => value / 64);

/** What random programs and calls may contain: `wild` everything, `tame` neither divisions nor numbers that WebGPU may treat its own way. */
export type Manners = "wild" | "tame";
const floatOf = (manners: Manners) => (manners === "wild" ? float : tameFloat);
const binaryOf = (manners: Manners) =>
  fc.constantFrom(x.add, x.sub, x.mul, ...(manners === "wild" ? [x.div] : []));

const expressions = (manners: Manners) =>
  fc.letrec<{ expression: x.Expression; mask: x.Mask }>((tie) => ({
    expression: fc.oneof(
      { maxDepth: 5, depthSize: "small", withCrossShrink: true },
      fc.nat(INPUTS - 1).map(x.input),
      fc.nat(SCALARS - 1).map(x.scalar),
      floatOf(manners).map(x.constant),
      fc.tuple(fc.constantFrom(x.neg, x.abs), tie("expression")).map(([make, a]) => make(a)),
      fc
        .tuple(binaryOf(manners), tie("expression"), tie("expression"))
        .map(([make, a, b]) => make(a, b)),
      fc.array(tie("expression"), { minLength: 0, maxLength: 4 }).map(x.sum),
      // A shared node: the same object twice.
      tie("expression").map((a) => x.mul(a, a)),
      fc
        .tuple(tie("mask"), tie("expression"), tie("expression"))
        .map(([mask, a, b]) => x.select(mask, a, b)),
    ),
    mask: fc.oneof(
      { maxDepth: 4, depthSize: "small", withCrossShrink: true },
      fc.nat(INTEGERS - 1).map(x.indexBelow),
      fc.tuple(fc.nat(STREAMS - 1), fc.nat(INTEGERS - 1)).map(([s, b]) => x.drawBelow(s, b)),
      fc
        .tuple(fc.constantFrom(x.lt, x.le, x.gt, x.ge, x.eq), tie("expression"), tie("expression"))
        .map(([make, a, b]) => make(a, b)),
      fc
        .tuple(fc.constantFrom(x.and, x.or), tie("mask"), tie("mask"))
        .map(([make, a, b]) => make(a, b)),
      tie("mask").map(x.not),
    ),
  })).expression;

const floatType = fc.constantFrom(...floatTypes);

/** Any program in one of the arithmetics. */
export const anyProgram = (
  manners: Manners,
  ...arithmetics: readonly Arithmetic[]
): fc.Arbitrary<Program> =>
  fc
    .record({
      expression: expressions(manners),
      inputs: fc.tuple(floatType, floatType, floatType),
      loadAs: fc.option(floatType, { nil: undefined }),
      arithmetic: fc.constantFrom(...arithmetics),
      round: floatType,
      store: floatType,
      draws: fc.constantFrom("counter" as const, "planes" as const),
    })
    .map(({ loadAs, ...program }) => (loadAs === undefined ? program : { ...program, loadAs }));

/** A call before its views exist: values instead of bytes. */
export interface CallValues {
  readonly values: readonly (readonly number[])[];
  readonly firstElement: number;
  readonly scalars: readonly number[];
  readonly integers: readonly number[];
  readonly streams: readonly StreamKey[];
  readonly planes: readonly (readonly number[])[];
}

const word = fc.nat(0xffffffff);
const draw = fc.nat(0xffffff);

/** Calls of 0 to `most` elements; bounds lie near the elements' indices or the draws' range. */
export const anyCall = (manners: Manners, most: number): fc.Arbitrary<CallValues> =>
  fc.nat(most).chain((elements) => {
    const row = <T>(item: fc.Arbitrary<T>) =>
      fc.array(item, { minLength: elements, maxLength: elements });
    const number = floatOf(manners);
    return fc
      .record({
        values: fc.tuple(row(number), row(number), row(number)),
        firstElement: fc.constantFrom(0, 5, 0x7ffffff8, 0xfffffff0 - most),
        scalars: fc.tuple(number, manners === "wild" ? fc.double() : number, number),
        near: fc.nat(most + 2),
        bound: fc.nat(0x1000000),
        streams: fc.tuple(fc.tuple(word, word), fc.tuple(word, word)),
        planes: fc.tuple(row(draw), row(draw)),
      })
      .map(({ near, bound, ...call }) => ({
        ...call,
        integers: [call.firstElement + near, bound],
      }));
  });

/** Little-endian bytes of numbers in a stored type. */
export function encode(type: FloatType, values: readonly number[]): Uint8Array {
  const wide = Float32Array.from(values);
  if (type === "float32") return new Uint8Array(wide.buffer);
  const narrow = type === "bfloat16" ? f32ToBf16 : f32ToF16;
  return new Uint8Array(Uint16Array.from(wide, narrow).buffer);
}

/** A TileCall over fresh buffers, or over views of an arena of `kernel` if `inArena`. */
export function makeCall(
  program: Program,
  call: CallValues,
  kernel: Kernel,
  inArena: boolean,
): TileCall {
  const elements = call.values[0]!.length;
  const arena = inArena ? kernel.arena(65_536) : undefined;
  const place = (bytes: Uint8Array) => {
    if (arena === undefined) return bytes;
    const view = arena.allocate(bytes.length);
    view.set(bytes);
    return view;
  };
  const planes = call.planes.map((plane) => {
    const bytes = place(new Uint8Array(Uint32Array.from(plane).buffer));
    return new Uint32Array(bytes.buffer, bytes.byteOffset, plane.length);
  });
  return {
    elements,
    firstElement: call.firstElement,
    inputs: program.inputs.map((type, i) => place(encode(type, call.values[i]!))),
    output: place(new Uint8Array(elements * bytesPerElement(program.store))),
    scalars: Float64Array.from(call.scalars),
    integers: Uint32Array.from(call.integers),
    ...(program.draws === "counter" ? { streams: call.streams } : { planes }),
  };
}

/** An output's elements as bit patterns, all NaNs as one. */
export function bitsOf(type: FloatType, bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const width = bytesPerElement(type);
  const infinity = { float32: 0x7f800000, bfloat16: 0x7f80, float16: 0x7c00 }[type];
  const magnitude = { float32: 0x7fffffff, bfloat16: 0x7fff, float16: 0x7fff }[type];
  return Array.from({ length: bytes.length / width }, (_, i) => {
    const bits = width === 4 ? view.getUint32(4 * i, true) : view.getUint16(2 * i, true);
    return (bits & magnitude) > infinity ? -1 : bits;
  });
}
