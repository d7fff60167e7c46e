// Latin hypercubes: in each generation every gene takes every n-th of its range exactly once (McKay, Beckman,
// Conover 1979). Evener than uniform draws in any number of genes, where Sobol points need hundreds to be.

import { type StreamKey, streamKey, uniform } from "../base/counter-rng.ts";
import { toGenes } from "./problem.ts";
import { type RandomState, random } from "./random.ts";
import type { Strategy } from "./strategy.ts";

/** Point k of a hypercube of `size` points, in unit-box coordinates, [n]. */
export function latinPoint(key: StreamKey, k: number, size: number, n: number): number[] {
  return Array.from({ length: n }, (_, i) => {
    // the ranks of independent draws are a fair permutation
    const draw = streamKey(...key, i);
    const own = uniform(draw, k);
    let rank = 0;
    for (let other = 0; other < size; other++) if (uniform(draw, other) < own) rank++;
    return (rank + uniform(draw, size + k)) / size;
  });
}

export const latin: Strategy<RandomState> = {
  ...random,
  name: "latin",
  summary: "a Latin hypercube each generation, after the start point; an evener baseline",
  ask: (state, k) => {
    const { problem, generation } = state;
    if (generation === 0 && k === 0) return { genome: [...problem.start], parents: [] };
    const key = streamKey(problem.seed, "latin", generation);
    const x = latinPoint(key, k, random.populationSize(state), problem.start.length);
    return { genome: toGenes(problem, x), parents: [] };
  },
};
