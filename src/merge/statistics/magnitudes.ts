// Exact selection by magnitude: where a task vector is cut to keep its k largest elements, ties by lowest
// index. Two procedures that agree bit for bit: one stable sort that answers every density j/4096 (tableOf),
// and for any k a selection in little memory that counts elements in ever narrower brackets (selectCut).

import {
  and,
  type Expression,
  eq,
  gt,
  indexBelow,
  type Mask,
  or,
  scalar,
} from "../../kernel/expression.ts";
import { type Bracket, BUCKETS } from "../../kernel/kernel.ts";
import type { ElementReader } from "../elements.ts";
import type { MagnitudeCut } from "../method.ts";

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

/** Whether a cut keeps the magnitude of element `element` of its tensor. */
export function isKept({ threshold, cut }: MagnitudeCut, magnitude: number, element: number) {
  return magnitude > threshold || (magnitude === threshold && element < cut);
}

/** isKept as a mask of the kernel's: the cut's numbers are scalar `thresholdAt` and integer `cutAt` of the call. */
export function withinCut(magnitude: Expression, thresholdAt: number, cutAt: number): Mask {
  const threshold = scalar(thresholdAt);
  return or(gt(magnitude, threshold), and(eq(magnitude, threshold), indexBelow(cutAt)));
}

/** k = trunc(density·elements) in f64, and at least one: mergekit fails at k = 0, we keep the largest. */
export function keptCount(density: number, elements: number): number {
  return Math.max(1, Math.trunc(density * elements));
}

/** A magnitude's bits order as the magnitude does, so all work is on integers; NaN counts as largest. */
export const MAGNITUDE_BITS = 0x7fffffff;
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

export interface Sorted {
  readonly sorted: Uint32Array;
  /** The index that each had. */
  readonly order: Uint32Array;
}

/** Keys from large to small; equal keys keep their order. Overwrites `keys`. */
export function sortDescending(keys: Uint32Array<ArrayBuffer>): Sorted {
  return descendingSorter(keys.length)(keys);
}

/** A digit of the radix sort, which has three: 11, 10 and 10 bits, 31 in all. */
interface Digit {
  readonly shift: number;
  readonly mask: number;
  /** Keys with each digit, and then where the next one with it goes. */
  readonly places: Uint32Array;
}

const digitOf = (shift: number, bits: number): Digit => ({
  ...{ shift, mask: 2 ** bits - 1 },
  places: new Uint32Array(2 ** bits),
});

/** sortDescending for many lists of one length: what it gives is overwritten by the next call. */
export function descendingSorter(length: number): (keys: Uint32Array) => Sorted {
  const sorted = new Uint32Array(length);
  const [order, spareOrder] = [new Uint32Array(length), new Uint32Array(length)];
  const [low, middle, high] = [digitOf(0, 11), digitOf(11, 10), digitOf(21, 10)];
  return (keys) => {
    countDigits(keys, low, middle, high);
    distribute(low, keys, inOrder(spareOrder), sorted, order);
    distribute(middle, sorted, order, keys, spareOrder);
    distribute(high, keys, spareOrder, sorted, order);
    return { sorted, order };
  };
}

function inOrder(order: Uint32Array): Uint32Array {
  for (let i = 0; i < order.length; i++) order[i] = i;
  return order;
}

function countDigits(keys: Uint32Array, low: Digit, middle: Digit, high: Digit): void {
  const [a, b, c] = [low.places.fill(0), middle.places.fill(0), high.places.fill(0)];
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    a[key & 0x7ff]!++;
    b[(key >>> 11) & 0x3ff]!++;
    c[key >>> 21]!++;
  }
}

/** One pass: keys and their indices in descending order of a digit, equal digits in the order they come. */
function distribute(
  { shift, mask, places }: Digit,
  keys: Uint32Array,
  order: Uint32Array,
  intoKeys: Uint32Array,
  intoOrder: Uint32Array,
): void {
  for (let digit = mask, start = 0; digit >= 0; digit--) {
    const count = places[digit]!;
    places[digit] = start;
    start += count;
  }
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    const place = places[(key >>> shift) & mask]!++;
    intoKeys[place] = key;
    intoOrder[place] = order[i]!;
  }
}

/** The magnitudes of a tensor as selectCut asks for them. */
export interface Magnitudes {
  readonly elements: number;
  /** A count has 2^bucketBits buckets. */
  readonly bucketBits: number;
  /** Elements in each bucket of a bracket and, last, above them all. */
  count(bracket: Bracket): Promise<Uint32Array>;
  /** Those of a sample of the elements; absent where they would not be cheaper. */
  sample?(): Promise<Magnitudes>;
  /** Index of the nth element, from 1, whose magnitude has these bits. */
  find(bits: number, nth: number): Promise<number>;
}

/** All magnitudes, 2^31 of them. */
const everything = (bucketBits: number): Bracket => ({
  lowest: 0,
  highest: MAGNITUDE_BITS,
  shift: 31 - bucketBits,
});
/** Buckets of a stream's count: two passes find a magnitude. */
const STREAMED_BITS = 16;

/** The magnitudes of a stream, whose first count of everything is kept: it is asked for once a selection. */
export function streamedMagnitudes(stream: Stream, elements: number): Magnitudes {
  let whole: Promise<Uint32Array> | undefined;
  const buckets = 2 ** STREAMED_BITS;
  const count = async ({ lowest, highest, shift }: Bracket) => {
    const counts = new Uint32Array(buckets + 1);
    await stream((tile) => {
      const bits = bitsOf(tile);
      for (let i = 0; i < bits.length; i++) {
        const magnitude = bits[i]! & MAGNITUDE_BITS;
        if (magnitude < lowest) continue;
        counts[magnitude > highest ? buckets : (magnitude - lowest) >>> shift]!++;
      }
    });
    return counts;
  };
  return {
    elements,
    bucketBits: STREAMED_BITS,
    count(bracket) {
      const { lowest, highest } = everything(STREAMED_BITS);
      if (bracket.lowest !== lowest || bracket.highest !== highest) return count(bracket);
      whole ??= count(bracket);
      return whole;
    },
    async find(wanted, nth) {
      let left = nth;
      let found = elements;
      await stream((tile, firstElement) => {
        const bits = bitsOf(tile);
        for (let i = 0; i < bits.length && left > 0; i++) {
          if ((bits[i]! & MAGNITUDE_BITS) === wanted && --left === 0) found = firstElement + i;
        }
      });
      return found;
    },
  };
}

/** Elements that are counted, and then read, when one of them is looked for. */
const SEARCHED_ELEMENTS = 2 ** 16;

/** The magnitudes of an expression's values, counted by the kernel. */
export function magnitudesOf(reader: ElementReader, expression: Expression): Magnitudes {
  const { elements } = reader;
  const count = reader.counter(expression);
  return {
    elements,
    bucketBits: Math.log2(BUCKETS),
    count: (bracket) => count(bracket, 0, elements),
    sample: async () => magnitudesOf(await reader.sample(), expression),
    async find(wanted, nth) {
      let left = nth;
      let first = 0;
      for (; ; first += SEARCHED_ELEMENTS) {
        const searched = Math.min(SEARCHED_ELEMENTS, elements - first);
        const [equal] = await count({ lowest: wanted, highest: wanted, shift: 0 }, first, searched);
        if (left <= equal!) break;
        left -= equal!;
      }
      const searched = Math.min(SEARCHED_ELEMENTS, elements - first);
      const [values] = await reader.read([expression], first, searched);
      const bits = bitsOf(values as Float32Array<ArrayBuffer>); // readers own what they give
      let i = 0;
      for (; i < bits.length; i++) {
        if ((bits[i]! & MAGNITUDE_BITS) === wanted && --left === 0) break;
      }
      return first + i;
    },
  };
}

/** Below it a sample says little and saves nothing. */
const SAMPLED_ELEMENTS = 2 ** 18;
/** How far, as a share of all elements, the sample's ranks may be off for the guessed bracket to hold. */
const SAMPLE_ERROR = 1 / 64;

/** The cut that keeps the k largest magnitudes (1 ≤ k ≤ elements). */
export async function selectCut(magnitudes: Magnitudes, k: number): Promise<MagnitudeCut> {
  const { bits, above, equal } = await rankedAt(magnitudes, k);
  const ties = k - above;
  const cut = ties === equal ? magnitudes.elements : (await magnitudes.find(bits, ties)) + 1;
  return { threshold: fromBits(bits), cut };
}

/** The k-th largest magnitude (1 ≤ k ≤ elements): selectCut's threshold, without the pass that finds its cut. */
export async function selectThreshold(magnitudes: Magnitudes, k: number): Promise<number> {
  return fromBits((await rankedAt(magnitudes, k)).bits);
}

async function rankedAt(magnitudes: Magnitudes, rank: number): Promise<Ranked> {
  const { elements, bucketBits } = magnitudes;
  const all = everything(bucketBits);
  const isSampled = magnitudes.sample !== undefined && elements >= SAMPLED_ELEMENTS;
  const guess = isSampled ? await guessBracket(await magnitudes.sample!(), rank / elements) : all;
  const ranked = (await rankIn(magnitudes, guess, rank)) ?? (await rankIn(magnitudes, all, rank));
  return ranked!; // all magnitudes have every rank
}

/** A narrow bracket that holds the magnitude which `share` of all elements reach, if the sample is like them. */
async function guessBracket(sample: Magnitudes, share: number): Promise<Bracket> {
  const { elements, bucketBits } = sample;
  const reachedBy = async (wanted: number): Promise<number> => {
    if (wanted <= 0) return MAGNITUDE_BITS;
    if (wanted >= 1) return 0;
    const rank = Math.max(1, Math.round(wanted * elements));
    return (await rankIn(sample, everything(bucketBits), rank))!.bits; // it has every rank
  };
  const lowest = await reachedBy(share + SAMPLE_ERROR);
  const highest = await reachedBy(share - SAMPLE_ERROR);
  const widthBits = Math.ceil(Math.log2(highest - lowest + 1));
  return { lowest, highest, shift: Math.max(0, widthBits - bucketBits) };
}

/** The bits of a magnitude, and how many elements are above it and equal to it. */
interface Ranked {
  readonly bits: number;
  readonly above: number;
  readonly equal: number;
}

/**
 * The magnitude of a rank, from 1 for the largest, in brackets that narrow bucket by bucket; undefined where the
 * first does not hold it.
 */
async function rankIn(
  { bucketBits, count }: Magnitudes,
  bracket: Bracket,
  rank: number,
): Promise<Ranked | undefined> {
  for (let { lowest, highest, shift } = bracket; ; shift = Math.max(0, shift - bucketBits)) {
    const counts = await count({ lowest, highest, shift });
    let bucket = counts.length - 1;
    let above = counts[bucket--]!;
    if (above >= rank) return undefined;
    while (bucket >= 0 && above + counts[bucket]! < rank) above += counts[bucket--]!;
    if (bucket < 0) return undefined;
    lowest += bucket * 2 ** shift;
    if (shift === 0) return { bits: lowest, above, equal: counts[bucket]! };
    highest = Math.min(highest, lowest + 2 ** shift - 1);
  }
}
