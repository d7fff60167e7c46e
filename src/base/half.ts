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

/** `value` rounded to a type and back, as a number. */
export function roundTo(type: FloatType, value: number): number {
  switch (type) {
    case "float32":
      return Math.fround(value);
    case "bfloat16":
      return bf16ToF32(f32ToBf16(value));
    case "float16":
      return f16ToF32(f32ToF16(Math.fround(value)));
    default:
      return type satisfies never;
  }
}
