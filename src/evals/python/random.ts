// CPython's `random.Random(seed)`, as far as few-shot selection needs it: seeding, getrandbits, sample. Not a
// source of randomness for tsmerge's own draws. The generator's state carries over from call to call.

import { mersenneFromState } from "pure-rand/generator/mersenne";
import { TsmergeError } from "../../base/errors.ts";

/** Words of MT19937's state. */
const WORDS = 624;

/** init_by_array starts from init_genrand of this seed (Matsumoto and Nishimura 2002, mt19937ar.c). */
const ARRAY_SEED = 19650218;

export interface PythonRandom {
  /** `getrandbits(bits)` for 1 to 32 bits. */
  readonly bits: (bits: number) => number;
  /** `sample(range(n), k)`: k distinct indices below n. Throws `internal` for k > n. */
  readonly sample: (n: number, k: number) => number[];
}

/** `random.Random(seed)` for a seed from 0 to 2³² − 1. */
export function pythonRandom(seed: number): PythonRandom {
  const generator = mersenneFromState([0, ...stateOf(seed)]);
  // the library keeps its state one round ahead of mt19937ar
  for (let i = 0; i < WORDS; i++) generator.next();
  const bits = (count: number): number => generator.next() >>> (32 - count);
  const below = (n: number): number => {
    const width = 32 - Math.clz32(n);
    for (;;) {
      const drawn = bits(width);
      if (drawn < n) return drawn;
    }
  };
  return { bits, sample: (n, k) => sample(below, n, k) };
}

/** init_by_array([seed]) of mt19937ar.c. */
function stateOf(seed: number): number[] {
  const state = [ARRAY_SEED];
  for (let i = 1; i < WORDS; i++) {
    const previous = state[i - 1]!;
    state.push((Math.imul(1812433253, previous ^ (previous >>> 30)) + i) | 0);
  }
  let i = 1;
  const mix = (factor: number, plus: (index: number) => number): void => {
    const previous = state[i - 1]!;
    state[i] = ((state[i]! ^ Math.imul(previous ^ (previous >>> 30), factor)) + plus(i)) | 0;
    if (++i === WORDS) {
      state[0] = state[WORDS - 1]!;
      i = 1;
    }
  };
  for (let round = 0; round < WORDS; round++) mix(1664525, () => seed);
  for (let round = 1; round < WORDS; round++) mix(1566083941, (index) => -index);
  state[0] = 0x80000000 | 0;
  return state;
}

/** CPython keeps a pool where it is smaller than a set of the drawn indices would be. */
function sample(below: (n: number) => number, n: number, k: number): number[] {
  if (k > n) throw new TsmergeError("internal", `cannot draw ${k} of ${n}`);
  const setSize = 21 + (k > 5 ? 4 ** Math.ceil(Math.log(3 * k) / Math.log(4)) : 0);
  if (n <= setSize) {
    const pool = Array.from({ length: n }, (_, index) => index);
    return Array.from({ length: k }, (_, drawn) => {
      const index = below(n - drawn);
      const value = pool[index]!;
      pool[index] = pool[n - drawn - 1]!;
      return value;
    });
  }
  const drawn = new Set<number>();
  while (drawn.size < k) drawn.add(below(n)); // a repeated index is drawn again
  return [...drawn];
}
