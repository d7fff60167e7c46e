// Whether a tile holds only numbers. A merge with NaN or infinity in it scores like noise and loads
// without a word, so it is stopped where it is made.

import type { FloatType } from "../base/dtype.ts";
import { TsmergeError } from "../base/errors.ts";

/** Throws TsmergeError `numeric`, naming the tensor, when `bytes` (aligned, little-endian) hold NaN or infinity. */
export function checkFinite(name: string, type: FloatType, bytes: Uint8Array): void {
  const holds =
    type === "float32"
      ? sumIsFinite(new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4))
      : exponentsAreFinite(bytes, type === "bfloat16" ? 0x7f80 : 0x7c00);
  if (holds) return;
  throw new TsmergeError("numeric", `tensor ${name} of the merge holds NaN or infinity`, {
    hint: "use smaller weights, or check that no parent holds NaN",
  });
}

/** A float64 sum of float32 values cannot overflow, and NaN and infinity persist in it. */
function sumIsFinite(values: Float32Array): boolean {
  let [a, b, c, d] = [0, 0, 0, 0]; // four sums, so that additions need not wait for each other
  let i = 0;
  for (; i + 3 < values.length; i += 4) {
    a += values[i]!;
    b += values[i + 1]!;
    c += values[i + 2]!;
    d += values[i + 3]!;
  }
  for (; i < values.length; i++) a += values[i]!;
  return Number.isFinite(a) && Number.isFinite(b) && Number.isFinite(c) && Number.isFinite(d);
}

/** Two numbers at a time: adding the exponent's lowest bit to a full exponent, and to no other, sets the sign's place. */
function exponentsAreFinite(bytes: Uint8Array, exponent: number): boolean {
  const lowest = exponent & -exponent;
  const [masks, ones] = [exponent * 0x10001, lowest * 0x10001];
  const pairs = Math.floor(bytes.byteLength / 4);
  const isSplit = bytes.byteOffset % 4 !== 0; // a view of pairs must be aligned
  const words = isSplit
    ? new Uint32Array(bytes.slice(0, 4 * pairs).buffer)
    : new Uint32Array(bytes.buffer, bytes.byteOffset, pairs);
  let found = 0;
  for (let i = 0; i < words.length; i++) found |= (words[i]! & masks) + ones;
  const last = new Uint16Array(bytes.slice(4 * pairs).buffer)[0] ?? 0;
  found |= (last & exponent) + lowest;
  return (found & 0x80008000) === 0;
}
