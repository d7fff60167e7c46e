// Points that fill the unit box evenly from the first on (Sobol 1967), each a function of its number alone; a random
// digital shift makes them another set for each stream, just as even. At 50 to 200 points their centred discrepancy is
// 0.4 to 0.6 (2 genes), 0.7 to 0.9 (12 genes) and 1 (48 genes) times that of Latin hypercubes of 16 one after another.

import { draw32, type StreamKey, uniform } from "../base/counter-rng.ts";
import { SOBOL_DIRECTIONS } from "./sobol-directions.ts";

const BITS = 32;

let known: readonly Uint32Array[] | undefined;

/** v_1 to v_32 of each gene, [256][32]. */
function directions(): readonly Uint32Array[] {
  known ??= [
    Uint32Array.from({ length: BITS }, (_, j) => 2 ** (BITS - 1 - j)),
    ...SOBOL_DIRECTIONS.split(",").map((entry) => {
      const [polynomial = 0, ...first] = entry.trim().split(" ").map(Number);
      return directionsOf(polynomial, first);
    }),
  ];
  return known;
}

/** v_j = m_j 2^(32 - j), with Bratley & Fox's recurrence (ACM TOMS 14, 1988, eq. 2) of the polynomial's degree. */
function directionsOf(polynomial: number, first: readonly number[]): Uint32Array {
  const degree = first.length;
  const v = new Uint32Array(BITS);
  for (let j = 0; j < BITS; j++) {
    if (j < degree) {
      v[j] = first[j]! << (BITS - 1 - j);
      continue;
    }
    let next = v[j - degree]! ^ (v[j - degree]! >>> degree);
    for (let i = 1; i < degree; i++) {
      if ((polynomial >> (degree - i)) & 1) next ^= v[j - i]!;
    }
    v[j] = next;
  }
  return v;
}

/** The coordinate's 32 bits, unshifted, in the order of Gray codes (Antonov & Saleev 1979), as a signed integer. */
function bitsOf(v: Uint32Array, k: number): number {
  let bits = 0;
  let gray = k ^ (k >>> 1);
  for (let j = 0; gray !== 0; j++, gray >>>= 1) if (gray & 1) bits ^= v[j]!;
  return bits;
}

/**
 * Point k in unit-box coordinates, [n], each in [0, 1). Genes from the 257th on are drawn uniformly.
 * @param shift the stream of the digital shift; undefined: none
 */
export function sobolPoint(shift: StreamKey | undefined, k: number, n: number): number[] {
  const vectors = directions();
  return Array.from({ length: n }, (_, i) => {
    const v = vectors[i];
    if (v === undefined) return shift === undefined ? 0 : uniform(shift, n * (k + 1) + i);
    const turn = shift === undefined ? 0 : draw32(shift, i);
    return ((bitsOf(v, k) ^ turn) >>> 0) / 2 ** BITS;
  });
}
