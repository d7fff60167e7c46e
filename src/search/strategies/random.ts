// Random search: the start point, then uniform draws from the box. The baseline any other strategy
// has to beat at the same budget; it never finishes by itself.

import { streamKey, uniform } from "../../base/counter-rng.ts";
import { checkTold, coldProblem, rankable, ranking, toGenes } from "../problem.ts";
import type { Problem, Strategy, Told } from "../strategy.ts";

export interface RandomState {
  readonly problem: Problem;
  readonly generation: number;
  /** The best candidate so far; undefined until one has been scored. */
  readonly best?: { readonly genome: readonly number[]; readonly fitness: number };
}

/** Draws do not depend on each other: a generation is only how often the state is stored. */
const DEFAULT_POPULATION = 16;

function populationOf({ problem }: RandomState): number {
  return problem.population ?? DEFAULT_POPULATION;
}

function ask({ problem, generation }: RandomState, k: number) {
  if (generation === 0 && k === 0) return { genome: [...problem.start], parents: [] };
  const key = streamKey(problem.seed, "random", generation, k);
  const x = problem.start.map((_, i) => uniform(key, i));
  return { genome: toGenes(problem, x), parents: [] };
}

function tell(state: RandomState, results: readonly Told[]): RandomState {
  checkTold(populationOf(state), results);
  const fitness = rankable(results);
  const first = ranking(fitness)[0]!;
  const challenger = { genome: results[first]!.genome, fitness: fitness[first]! };
  const better = challenger.fitness > (state.best?.fitness ?? -Infinity);
  const generation = state.generation + 1;
  return better ? { ...state, generation, best: challenger } : { ...state, generation };
}

export const random: Strategy<RandomState> = {
  name: "random",
  summary: "uniform draws from the box after the start point; the baseline",
  initial: (problem) => ({ problem: coldProblem(problem, "random"), generation: 0 }),
  populationSize: populationOf,
  generation: (state) => state.generation,
  ask,
  tell,
  recommend: ({ problem, best }) => [...(best?.genome ?? problem.start)],
  finished: () => undefined,
};
