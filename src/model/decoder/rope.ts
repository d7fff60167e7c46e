// Rotary position tables: the cosine and sine of every angle a batch can need, made on the host once and
// fed to the graph, since a GPU's own cosine is poor at large angles. Rounded where transformers rounds.

import type { Rope } from "../config.ts";

/** cos and sin of position × frequency, [length, headDim / 2] each. */
export interface RopeTables {
  readonly length: number;
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

/**
 * Angular frequencies, [headDim / 2]: θ^(-2i/headDim) (Su et al. 2021, arXiv 2104.09864, §3.2.2), then
 * Llama 3's scaling where the configuration asks for it: wavelengths above the original context are
 * stretched by `factor`, short ones kept, and those between interpolated linearly.
 */
export function ropeFrequencies(rope: Rope, headDim: number): Float32Array {
  return Float32Array.from({ length: headDim / 2 }, (_, i) => {
    const power = Math.fround(rope.theta ** Math.fround((2 * i) / headDim));
    return scaled(Math.fround(1 / power), rope);
  });
}

function scaled(frequency: number, rope: Rope): number {
  switch (rope.type) {
    case "default":
      return frequency;
    case "linear":
      return frequency / rope.factor;
    case "llama3": {
      const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = rope;
      const turns = (originalMaxPositions * frequency) / (2 * Math.PI); // in the original context
      if (turns > highFreqFactor) return frequency;
      if (turns < lowFreqFactor) return frequency / factor;
      const smooth = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
      return ((1 - smooth) * frequency) / factor + smooth * frequency;
    }
    default:
      return rope satisfies never;
  }
}

/** Tables for positions 0 … length-1. */
export function ropeTables(rope: Rope, headDim: number, length: number): RopeTables {
  const frequencies = ropeFrequencies(rope, headDim);
  const cos = new Float32Array(length * frequencies.length);
  const sin = new Float32Array(cos.length);
  let at = 0;
  for (let position = 0; position < length; position++) {
    for (const frequency of frequencies) {
      const angle = Math.fround(position * frequency);
      cos[at] = Math.cos(angle);
      sin[at++] = Math.sin(angle);
    }
  }
  return { length, cos, sin };
}
