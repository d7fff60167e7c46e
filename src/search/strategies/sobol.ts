// Sobol search: the start point, then points that fill the box evenly. The better baseline: as blind as uniform
// draws, but without their gaps. After each generation, whatever its size, the points so far are even.

import { streamKey } from "../../base/counter-rng.ts";
import { coldProblem, toGenes } from "../problem.ts";
import { sobolPoint } from "../sobol-points.ts";
import type { Strategy } from "../strategy.ts";
import { type RandomState, random } from "./random.ts";

export const sobol: Strategy<RandomState> = {
  ...random,
  name: "sobol",
  summary: "points that fill the box evenly, after the start point; the evener baseline",
  initial: (problem) => ({ problem: coldProblem(problem, "sobol"), generation: 0 }),
  ask: (state, k) => {
    const { problem, generation } = state;
    if (generation === 0 && k === 0) return { genome: [...problem.start], parents: [] };
    const number = generation * random.populationSize(state) + k;
    const x = sobolPoint(streamKey(problem.seed, "sobol"), number, problem.start.length);
    return { genome: toGenes(problem, x), parents: [] };
  },
};
