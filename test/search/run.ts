// A search of a test function, as the run does it: ask every k, tell the generation.

import type { Problem, Strategy } from "../../src/search/strategy.ts";
import type { TestFunction } from "./functions.ts";

/** Half the width of a box that no sample reaches. */
const FAR = 1e4;

/** A problem whose bounds never act. */
export function unbounded(f: TestFunction, n: number, seed: number): Problem {
  return {
    lower: Array(n).fill(-FAR),
    upper: Array(n).fill(FAR),
    start: Array(n).fill(f.start),
    sigma: f.sigma / (2 * FAR),
    seed,
  };
}

/** One generation: every candidate asked, scored and told. */
export function step<State>(
  strategy: Strategy<State>,
  state: State,
  fitness: (genome: readonly number[], k: number) => number,
): State {
  const results = Array.from({ length: strategy.populationSize(state) }, (_, k) => {
    const { genome } = strategy.ask(state, k);
    return { genome, fitness: fitness(genome, k) };
  });
  return strategy.tell(state, results);
}

/** Evaluations until f first falls to `target`, or Infinity after `limit`. */
export function evaluationsTo<State>(
  strategy: Strategy<State>,
  problem: Problem,
  value: (x: readonly number[]) => number,
  target: number,
  limit: number,
): number {
  let state = strategy.initial(problem);
  let evaluations = 0;
  let hit = Number.POSITIVE_INFINITY;
  while (hit === Number.POSITIVE_INFINITY && evaluations < limit) {
    state = step(strategy, state, (genome) => {
      evaluations += 1;
      const f = value(genome);
      if (f <= target) hit = Math.min(hit, evaluations);
      return -f;
    });
  }
  return hit;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
}
