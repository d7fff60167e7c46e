// Where random masks come from. Native: counter streams, a pure function of (seed, tensor, model,
// element). Compat: mergekit's one MT19937, consumed tensor after tensor and model after model, which
// is why its state is carried through a whole merge.

import { mersenne, mersenneFromState } from "pure-rand/generator/mersenne";
import { draw24, type StreamKey, streamKey } from "../base/counter-rng.ts";

/** The mask streams of one tensor. */
export interface TensorDraws {
  /** One key a stream; undefined where draws are sequential and the kernel needs planes. */
  readonly keys: readonly StreamKey[] | undefined;
  /** A fresh reader of one stream from its first element: each call fills `plane` with the next 24-bit draws. */
  reader(stream: number): (plane: Uint32Array) => void;
}

/** Gives each tensor of a merge its draws; called once a tensor, in plan order. */
export interface MaskGenerator {
  /** `models[s]` is the index of stream s's model among the tensor's non-base inputs. */
  tensor(name: string, elements: number, models: readonly number[]): TensorDraws;
  /** Where the draws after the last tensor start; undefined when a tensor's draws depend on no other's. */
  state(): readonly number[] | undefined;
}

/** Draws that depend on nothing but (seed, output tensor, model, element). */
export function counterGenerator(seed: number): MaskGenerator {
  return {
    state: () => undefined,
    tensor(name, _elements, models) {
      const keys = models.map((model) => streamKey(seed, name, model));
      return {
        keys,
        reader(stream) {
          const key = keys[stream]!;
          let element = 0;
          return (plane) => {
            for (let i = 0; i < plane.length; i++) plane[i] = draw24(key, element++);
          };
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
    tensor(_name, elements, models) {
      // Streams are read side by side, tile by tile, and twice when masses are rescaled: so each start is kept.
      const starts = models.map(() => {
        const start = generator.clone();
        for (let i = 0; i < elements; i++) generator.next();
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
      };
    },
  };
}
