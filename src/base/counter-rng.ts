// Counter-based random bits: a draw is a pure function of (key, index), so masks do not depend on
// tile size, thread or order, and a resumed run sees the same draws. Not for cryptography.

import { createHash } from "node:crypto";

/** Two 32-bit words that select an independent stream. */
export type StreamKey = readonly [number, number];

/**
 * The stream for a tuple of names and numbers, such as (seed, tensor, model).
 * Equal tuples give equal keys on every machine; SHA-256 keeps unequal ones apart.
 */
export function streamKey(...parts: readonly (string | number)[]): StreamKey {
  const digest = createHash("sha256").update(JSON.stringify(parts)).digest();
  return [digest.readUInt32LE(0), digest.readUInt32LE(4)];
}

/** A 32-bit mixing function with low bias (two multiply-xorshift rounds; constants: C. Wellons, "lowbias32"). */
function mix(x: number): number {
  let h = x;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
  return h ^ (h >>> 16);
}

/** 32 uniform bits for an element: mix(mix(index ^ key0) + key1), as an unsigned integer. */
export function draw32(key: StreamKey, index: number): number {
  return mix((mix(index ^ key[0]) + key[1]) | 0) >>> 0;
}

/** Draws of draw24 are below it. */
export const DRAWS = 2 ** 24;

/**
 * A uniform draw as an integer in [0, DRAWS): the element is kept at density d iff draw < d·DRAWS.
 * Its upper 12 bits decide at every density that is a multiple of 2^-12.
 */
export function draw24(key: StreamKey, index: number): number {
  return draw32(key, index) >>> 8;
}

/** Fills a plane with the draws of elements from `first` on. A loop of its own: captured variables are slow. */
export function fillDraws(key: StreamKey, first: number, plane: Uint32Array): void {
  for (let i = 0; i < plane.length; i++) plane[i] = draw24(key, first + i);
}

/** A uniform number in the open interval (0, 1) with 53 random bits, from draws 2i and 2i+1 of the stream. */
export function uniform(key: StreamKey, i: number): number {
  const high = draw32(key, 2 * i) >>> 5;
  const low = draw32(key, 2 * i + 1) >>> 6;
  return (high * 0x4000000 + low + 0.5) / 0x20000000000000;
}
