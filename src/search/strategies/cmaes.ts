// CMA-ES with active covariance update, after Hansen's tutorial (arXiv:1604.00772). Works in the unit box and
// maximises. The one thing to know: merges are scored on few items, so noise never ends a run, and what to
// take home is the mean (`recommend`), not the best sample.

import {
  type CmaesState,
  finished,
  initial,
  populationOf,
  sampleOf,
  withinLimits,
} from "../gaussian/cmaes-state.ts";
import { proposal, unordered } from "../gaussian/cmaes-update.ts";
import { toGenes } from "../problem.ts";
import type { Strategy } from "../strategy.ts";

export type { CmaesState } from "../gaussian/cmaes-state.ts";

const NAME = "cmaes";

export const cmaes: Strategy<CmaesState> = {
  name: NAME,
  summary: "covariance matrix adaptation, active; hands back the distribution mean",
  initial,
  populationSize: populationOf,
  generation: (state) => state.generation,
  ask: (state, k) => ({
    genome: toGenes(state.problem, sampleOf(state, NAME, k)),
    parents: [],
  }),
  tell: (state, results) => {
    const next = proposal(state, NAME, results);
    if (next === undefined) return unordered(state, results);
    const generation = state.generation + 1;
    return withinLimits(state.problem, { ...state, generation, ...next, failedGenerations: 0 });
  },
  recommend: (state) => toGenes(state.problem, state.mean),
  finished,
};
