// Exact selection by magnitude: where a task vector is cut to keep its k largest elements, ties by
// lowest index. Two procedures that agree bit for bit: one stable sort that answers every density
// j/4096 (tableOf), and a selection in three passes and little memory for any k (selectCut).

import type { MagnitudeCut } from "./method.ts";

/** Calls `visit` with each tile of a task vector, in element order. */
export type Stream = (
  visit: (tile: Float32Array<ArrayBuffer>, firstElement: number) => void,
) => Promise<void>;

/** Densities in a table are multiples of 1/4096, as a search proposes them. */
export const DENSITY_STEPS = 4096;
/** Larger tensors are not sorted: the sort holds 16 bytes an element. */
export const SORT_LIMIT = 2 ** 24;

/** Cuts for the densities 0, 1/4096, …, 1. */
export interface MagnitudeTable {
  readonly thresholds: Float32Array; // [4097]
  readonly cuts: Uint32Array; // [4097]
}

/** k = trunc(density·elements) in f64, and at least one: mergekit fails at k = 0, we keep the largest. */
export function keptCount(density: number, elements: number): number {
  return Math.max(1, Math.trunc(density * elements));
}

/** A magnitude's bits order as the magnitude does, so all work is on integers; NaN counts as largest. */
const MAGNITUDE_BITS = 0x7fffffff;
const bitsOf = (tile: Float32Array<ArrayBuffer>) =>
  new Uint32Array(tile.buffer, tile.byteOffset, tile.length);
const fromBits = (bits: number) => new Float32Array(Uint32Array.of(bits).buffer)[0]!;

/** The cut at every density of the table, from one stable sort. `elements` is at most SORT_LIMIT. */
export async function tableOf(stream: Stream, elements: number): Promise<MagnitudeTable> {
  const keys = new Uint32Array(elements);
  await stream((tile, firstElement) => {
    const bits = bitsOf(tile);
    for (let i = 0; i < bits.length; i++) keys[firstElement + i] = bits[i]! & MAGNITUDE_BITS;
  });
  const { sorted, order } = sortDescending(keys);
  const thresholds = new Float32Array(DENSITY_STEPS + 1);
  const thresholdBits = new Uint32Array(thresholds.buffer);
  const cuts = new Uint32Array(DENSITY_STEPS + 1);
  for (let j = 0; j <= DENSITY_STEPS; j++) {
    const k = keptCount(j / DENSITY_STEPS, elements);
    thresholdBits[j] = sorted[k - 1]!;
    // With no tie left out every tie is kept, as selectCut says it too.
    cuts[j] = k < elements && sorted[k] === sorted[k - 1] ? order[k - 1]! + 1 : elements;
  }
  return { thresholds, cuts };
}

/** Digits of the radix sort, low to high: [shift, bits]; 31 bits in all. */
const DIGITS = [
  [0, 11],
  [11, 10],
  [21, 10],
] as const;

/** Keys from large to small and the index each had; equal keys keep their order. Overwrites `keys`. */
export function sortDescending(keys: Uint32Array<ArrayBuffer>): {
  sorted: Uint32Array;
  order: Uint32Array;
} {
  const n = keys.length;
  let [sorted, order] = [keys, new Uint32Array(n)];
  let [spareKeys, spareOrder] = [new Uint32Array(n), new Uint32Array(n)];
  for (let i = 0; i < n; i++) order[i] = i;
  for (const [shift, bits] of DIGITS) {
    const mask = 2 ** bits - 1;
    const next = new Uint32Array(mask + 1); // where the next key with this digit goes
    for (let i = 0; i < n; i++) next[(sorted[i]! >>> shift) & mask]!++;
    for (let digit = mask, start = 0; digit >= 0; digit--) {
      const count = next[digit]!;
      next[digit] = start;
      start += count;
    }
    for (let i = 0; i < n; i++) {
      const key = sorted[i]!;
      const place = next[(key >>> shift) & mask]!++;
      spareKeys[place] = key;
      spareOrder[place] = order[i]!;
    }
    [sorted, spareKeys] = [spareKeys, sorted];
    [order, spareOrder] = [spareOrder, order];
  }
  return { sorted, order };
}

/** The low bits that the second pass of selectCut resolves. */
const LOW_BITS = 15;
const LOW_MASK = 2 ** LOW_BITS - 1;

/** How many elements have each value of a magnitude's high 16 bits: selectCut's first pass, reusable for every k. */
export async function highHistogram(stream: Stream): Promise<Uint32Array> {
  const counts = new Uint32Array(2 ** 16);
  await stream((tile) => {
    const bits = bitsOf(tile);
    for (let i = 0; i < bits.length; i++) counts[(bits[i]! & MAGNITUDE_BITS) >>> LOW_BITS]!++;
  });
  return counts;
}

/** The cut that keeps the k largest of `elements` magnitudes (1 ≤ k ≤ elements), in one or two more passes. */
export async function selectCut(
  stream: Stream,
  elements: number,
  high: Uint32Array,
  k: number,
): Promise<MagnitudeCut> {
  const bucket = descend(high, k);
  const low = new Uint32Array(LOW_MASK + 1);
  await stream((tile) => {
    const bits = bitsOf(tile);
    for (let i = 0; i < bits.length; i++) {
      const magnitude = bits[i]! & MAGNITUDE_BITS;
      if (magnitude >>> LOW_BITS === bucket.digit) low[magnitude & LOW_MASK]!++;
    }
  });
  const exact = descend(low, k - bucket.above);
  const thresholdBits = (bucket.digit << LOW_BITS) | exact.digit;
  const threshold = fromBits(thresholdBits);
  let ties = k - bucket.above - exact.above;
  if (ties === low[exact.digit]) return { threshold, cut: elements };
  let cut = elements;
  await stream((tile, firstElement) => {
    const bits = bitsOf(tile);
    for (let i = 0; i < bits.length && ties > 0; i++) {
      if ((bits[i]! & MAGNITUDE_BITS) === thresholdBits && --ties === 0) cut = firstElement + i + 1;
    }
  });
  return { threshold, cut };
}

/** The digit that holds the k-th largest element, and how many elements have a larger one. */
function descend(counts: Uint32Array, k: number): { digit: number; above: number } {
  let above = 0;
  let digit = counts.length - 1;
  while (digit > 0 && above + counts[digit]! < k) above += counts[digit--]!;
  return { digit, above };
}
