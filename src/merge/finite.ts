// Whether a tile holds only numbers. A merge with NaN or infinity in it scores like noise and loads
// without a word, so it is stopped where it is made.

import { bytesPerElement, type FloatType } from "../base/dtype.ts";
import { TsmergeError } from "../base/errors.ts";
import { input } from "../kernel/expression.ts";
import { type Bracket, BUCKETS, FOLD_ELEMENTS, type Kernel } from "../kernel/kernel.ts";

/** The largest number alone: what is above it is infinity or NaN, and counting above a bracket is cheapest. */
const LARGEST: Bracket = { lowest: 0x7f7fffff, highest: 0x7f7fffff, shift: 0 };
const NO_ARGUMENTS = {
  scalars: new Float64Array(0),
  integers: new Uint32Array(0),
  streams: [],
} as const;

/**
 * A check of tiles of one type, quickest in the kernel's own memory. It throws TsmergeError `numeric`, naming
 * the tensor, when a tile's bytes hold NaN or infinity.
 */
export function finiteCheck(
  kernel: Kernel,
  type: FloatType,
): (name: string, bytes: Uint8Array) => void {
  const identity = { expression: input(0), inputs: [type], draws: "counter" } as const;
  const { run } = kernel.counts({ ...identity, arithmetic: "float32" });
  const width = bytesPerElement(type);
  const counts = new Uint32Array(BUCKETS + 1);
  return (name, bytes) => {
    counts[BUCKETS] = 0;
    for (let at = 0; at < bytes.length; at += width * FOLD_ELEMENTS) {
      const part = bytes.subarray(at, at + width * FOLD_ELEMENTS);
      const call = { ...NO_ARGUMENTS, elements: part.length / width, firstElement: 0 };
      run({ ...call, inputs: [part] }, LARGEST, counts);
    }
    if (counts[BUCKETS] === 0) return;
    throw new TsmergeError("numeric", `tensor ${name} holds NaN or infinity`, {
      hint: "use smaller weights, or check that no model holds NaN",
    });
  };
}
