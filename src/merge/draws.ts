// Where random masks come from. Native: counter streams, a pure function of (seed, tensor, model,
// element). Compat: mergekit's one MT19937, consumed tensor after tensor and model after model, which
// is why its state is carried through a whole merge.

import { mersenne, mersenneFromState } from "pure-rand/generator/mersenne";
import { draw32, fillDraws, type StreamKey, streamKey } from "../base/counter-rng.ts";

/** The mask streams of one tensor. */
export interface TensorDraws {
  /** One key a stream; undefined where draws are sequential and the kernel needs planes. */
  readonly keys: readonly StreamKey[] | undefined;
  /** A fresh reader of one stream from its first element: each call fills `plane` with the next 24-bit draws. */
  reader(stream: number): (plane: Uint32Array) => void;
  /** The first `count` of a random permutation of [0, elements), from a stream's whole 32-bit draws. */
  sample(stream: number, elements: number, count: number): Uint32Array;
}

/** Gives each tensor of a merge its draws; called once a tensor, in plan order. */
export interface MaskGenerator {
  /**
   * `models[s]` is the index of stream s's model among the tensor's non-base inputs.
   * @param draws how many draws each stream takes
   */
  tensor(name: string, draws: number, models: readonly number[]): TensorDraws;
  /** Where the draws after the last tensor start; undefined when a tensor's draws depend on no other's. */
  state(): readonly number[] | undefined;
}

/** Draws that depend on nothing but (seed, output tensor, model, element). */
export function counterGenerator(seed: number): MaskGenerator {
  return {
    state: () => undefined,
    tensor(name, _draws, models) {
      const keys = models.map((model) => streamKey(seed, name, model));
      return {
        keys,
        reader(stream) {
          const key = keys[stream]!;
          let element = 0;
          return (plane) => {
            fillDraws(key, element, plane);
            element += plane.length;
          };
        },
        sample(stream, elements, count) {
          let draw = 0;
          return permuted(() => draw32(keys[stream]!, draw++), elements, count);
        },
      };
    },
  };
}

const LOW_24_BITS = 0xffffff;

/**
 * mergekit's draws under `--random-seed`: MT19937 (Matsumoto & Nishimura 1998, init_genrand), the low
 * 24 bits of one 32-bit output an element. A tensor's streams follow one another.
 * @param state where an interrupted merge stopped drawing; the start by default
 */
export function sequentialGenerator(seed: number, state?: readonly number[]): MaskGenerator {
  const generator = state === undefined ? mersenne(seed) : mersenneFromState(state);
  return {
    state: () => generator.getState(),
    tensor(_name, draws, models) {
      // Streams are read side by side, tile by tile, and twice when masses are rescaled: so each start is kept.
      const starts = models.map(() => {
        const start = generator.clone();
        for (let i = 0; i < draws; i++) generator.next();
        return start;
      });
      return {
        keys: undefined,
        reader(stream) {
          const replay = starts[stream]!.clone();
          return (plane) => {
            for (let i = 0; i < plane.length; i++) plane[i] = replay.next() & LOW_24_BITS;
          };
        },
        sample(stream, elements, count) {
          const replay = starts[stream]!.clone();
          return permuted(() => replay.next() >>> 0, elements, count);
        },
      };
    },
  };
}

/**
 * The first `count` of torch's `randperm(elements)`: a Fisher–Yates shuffle from the front, whose later swaps do not
 * reach them. Only what was moved is held.
 */
function permuted(draw: () => number, elements: number, count: number): Uint32Array {
  const moved = new Map<number, number>();
  const at = (i: number) => moved.get(i) ?? i;
  return Uint32Array.from({ length: Math.min(count, elements) }, (_, i) => {
    if (i === elements - 1) return at(i); // the last one has nothing to swap with
    const other = i + (draw() % (elements - i));
    const chosen = at(other);
    moved.set(other, at(i));
    moved.delete(i);
    return chosen;
  });
}
