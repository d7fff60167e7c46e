// Two ways to sum magnitudes that arrive tile by tile: exactly enough (f64, element order), and as torch
// sums float32 on the CPU, so that mergekit's rescaling is met to the last bit under compat.

export interface Sum {
  /** Takes the next values; a tile's length does not change the result. */
  add(values: Float32Array): void;
  total(): number;
}

/** Accumulates in f64, in element order. */
export function orderedSum(): Sum {
  let total = 0;
  return {
    add(values) {
      let sum = total; // a local: captured variables are slow in inner loops
      for (let i = 0; i < values.length; i++) sum += values[i]!;
      total = sum;
    },
    total: () => total,
  };
}

/** float32 lanes of an AVX2 register, which torch's default CPU build sums in; shorter arrays are summed without. */
const VECTOR = 8;
/** Vectors that torch sums side by side, and the levels that its partial sums cascade through. */
const UNROLLED = 4;
const LEVELS = 4;
const SMALLEST_BLOCK_BITS = 4;

/**
 * torch's float32 `sum` of `elements` contiguous values on one thread (its cascade summation; observed on
 * torch 2.13 with AVX2). From 32,768 values on torch splits among its threads, and last bits may differ.
 */
export function cascadeSum(elements: number): Sum {
  const lanes = elements >= VECTOR ? VECTOR : 1;
  const width = lanes * UNROLLED;
  const rows = Math.floor(elements / width);
  const blockBits = Math.max(SMALLEST_BLOCK_BITS, Math.floor(ceilLog2(rows) / LEVELS));
  const blockMask = 2 ** blockBits - 1;
  const levels = Array.from({ length: LEVELS }, () => new Float32Array(width));
  const rest: number[] = []; // fewer than `width` values after the last full row
  let [row, column] = [0, 0];

  /** After a block of rows its sums move one level up, and on while that level is full too. */
  const carry = () => {
    for (let level = 1; level < LEVELS; level++) {
      const [from, into] = [levels[level - 1]!, levels[level]!];
      for (let k = 0; k < width; k++) into[k]! += from[k]!;
      from.fill(0);
      if ((row & (blockMask << (level * blockBits))) !== 0) break;
    }
  };
  return {
    add(values) {
      const lowest = levels[0]!;
      for (const value of values) {
        if (row === rows) {
          rest.push(value);
          continue;
        }
        lowest[column]! += value;
        if (++column < width) continue;
        column = 0;
        row++;
        if ((row & blockMask) === 0) carry();
      }
    },
    total() {
      const sums = levels[0]!.slice();
      for (const level of levels.slice(1)) for (let k = 0; k < width; k++) sums[k]! += level[k]!;
      const vectors = rest.length - (rest.length % lanes);
      for (let i = 0; i < vectors; i++) sums[i % lanes]! += rest[i]!;
      for (let k = lanes; k < width; k++) sums[k % lanes]! += sums[k]!;
      const scalars = [...rest.slice(vectors), ...sums.subarray(0, lanes)];
      return scalars.reduce((total, value) => Math.fround(total + value), 0);
    },
  };
}

/** The least n with 2^n ≥ x; 0 for x ≤ 1. */
function ceilLog2(x: number): number {
  return x <= 1 ? 0 : 32 - Math.clz32(x - 1);
}
