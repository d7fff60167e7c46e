// bfloat16 and float16 as bit patterns in Uint16Array, to and from float32. Rounding is to nearest,
// ties to even; NaN stays NaN, subnormals and signed zeros are kept, overflow becomes infinity.

import { getFloat16, setFloat16 } from "@petamoriken/float16";
import type { FloatType } from "./dtype.ts";

const scratch = new DataView(new ArrayBuffer(4));

/** The float32 value of a bfloat16 bit pattern. */
export function bf16ToF32(bits: number): number {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}

/** The bfloat16 bit pattern nearest to a number (rounded to float32 first). */
export function f32ToBf16(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40; // quiet the NaN, keep its sign
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** The float32 value of a float16 bit pattern. */
export function f16ToF32(bits: number): number {
  scratch.setUint16(0, bits);
  return getFloat16(scratch, 0);
}

/** The float16 bit pattern nearest to a number. */
export function f32ToF16(value: number): number {
  setFloat16(scratch, 0, value);
  return scratch.getUint16(0);
}

const number = new Float32Array(1);
const bitsOfNumber = new Uint32Array(number.buffer);

/** The nearest bfloat16, ties to even: as bf16ToF32(f32ToBf16(value)), several times as fast. */
function roundToBf16(value: number): number {
  number[0] = value;
  const bits = bitsOfNumber[0]!;
  if ((bits & 0x7fffffff) > 0x7f800000) return Number.NaN;
  bitsOfNumber[0] = (bits + 0x7fff + ((bits >>> 16) & 1)) & 0xffff0000;
  return number[0];
}

/** The smallest normal float16; below it numbers are multiples of 2^-24, as float32 has them from 1/2 to 1. */
const SMALLEST_NORMAL_F16 = 2 ** -14;
const LARGEST_F16 = 65504;

/** The nearest float16, ties to even: as f16ToF32(f32ToF16(Math.fround(value))), many times as fast. */
function roundToF16(value: number): number {
  const x = Math.fround(value);
  if (Math.abs(x) < SMALLEST_NORMAL_F16) {
    const rounded = Math.fround(Math.abs(x) + 0.5) - 0.5;
    return x < 0 || Object.is(x, -0) ? -rounded : rounded;
  }
  if (Number.isNaN(x)) return Number.NaN;
  number[0] = x;
  const bits = bitsOfNumber[0]!;
  bitsOfNumber[0] = (bits + 0xfff + ((bits >>> 13) & 1)) & 0xffffe000;
  const rounded = number[0];
  return Math.abs(rounded) > LARGEST_F16 ? Math.sign(x) * Number.POSITIVE_INFINITY : rounded;
}

/** `value` rounded to a type and back, as a number. */
export function roundTo(type: FloatType, value: number): number {
  switch (type) {
    case "float32":
      return Math.fround(value);
    case "bfloat16":
      return roundToBf16(value);
    case "float16":
      return roundToF16(value);
    default:
      return type satisfies never;
  }
}
