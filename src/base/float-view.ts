// Numbers in and out of stored bytes, one at a time: what little arithmetic reading needs, and the oracle of the
// kernels that merge.

import { bytesPerElement, type FloatType } from "./dtype.ts";
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "./half.ts";

export interface FloatView {
  readonly length: number;
  get(index: number): number;
  /** Rounds to the type, to nearest even. */
  set(index: number, value: number): void;
}

/** Little-endian bytes, at any alignment, as numbers of a type. */
export function floatView(bytes: Uint8Array, type: FloatType): FloatView {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.byteLength / bytesPerElement(type);
  switch (type) {
    case "float32":
      return {
        length,
        get: (i) => view.getFloat32(4 * i, true),
        set: (i, value) => view.setFloat32(4 * i, value, true),
      };
    case "bfloat16":
      return {
        length,
        get: (i) => bf16ToF32(view.getUint16(2 * i, true)),
        set: (i, value) => view.setUint16(2 * i, f32ToBf16(value), true),
      };
    case "float16":
      return {
        length,
        get: (i) => f16ToF32(view.getUint16(2 * i, true)),
        set: (i, value) => view.setUint16(2 * i, f32ToF16(value), true),
      };
    default:
      return type satisfies never;
  }
}

/** Numbers of one type as another's, as many as `into` holds. */
export function convertFloats(from: FloatView, into: FloatView): void {
  for (let i = 0; i < into.length; i++) into.set(i, from.get(i));
}
