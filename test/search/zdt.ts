// Functions of two objectives, to be minimised in [0, 1]^n, whose fronts are known (Zitzler, Deb, Thiele 2000), and
// the area that NSGA-II's front reaches on them.

import { hypervolume } from "../../src/search/pareto.ts";
import { type Nsga2State, nsga2, paretoFront } from "../../src/search/strategies/nsga2.ts";
import type { Problem, Told } from "../../src/search/strategy.ts";

export interface TwoObjectives {
  readonly name: string;
  readonly objectives: (x: readonly number[]) => number[];
  /** The area that the exact front dominates below (1.1, 1.1). */
  readonly area: number;
}

/** f1 = x1 and f2 = g h(f1, g) with the g that all three share. */
function zdt(name: string, area: number, h: (f: number, g: number) => number): TwoObjectives {
  const objectives = (x: readonly number[]) => {
    const g = 1 + (9 * x.slice(1).reduce((sum, value) => sum + value, 0)) / (x.length - 1);
    return [x[0]!, g * h(x[0]!, g)];
  };
  return { name, objectives, area };
}

export const zdt1 = zdt("ZDT1", 0.87667, (f, g) => 1 - Math.sqrt(f / g));
export const zdt2 = zdt("ZDT2", 0.54333, (f, g) => 1 - (f / g) ** 2);
export const zdt3 = zdt(
  "ZDT3",
  1.33176,
  (f, g) => 1 - Math.sqrt(f / g) - (f / g) * Math.sin(10 * Math.PI * f),
);

export function unit(n: number, population: number): Problem {
  const fill = (value: number): number[] => Array(n).fill(value);
  return { lower: fill(0), upper: fill(1), start: fill(0.5), sigma: 0.2, population, seed: 1 };
}

/** NSGA-II's state after so many generations of a function to be minimised. */
export function evolved(
  n: number,
  population: number,
  generations: number,
  minimised: (x: readonly number[]) => number[],
): Nsga2State {
  let state = nsga2.initial(unit(n, population));
  for (let g = 0; g < generations; g++) {
    const told = Array.from({ length: population }, (_, k): Told => {
      const { genome } = nsga2.ask(state, k);
      const objectives = minimised(genome).map((value) => -value);
      return { genome, fitness: objectives.reduce((sum, value) => sum + value, 0), objectives };
    });
    state = nsga2.tell(state, told);
  }
  return state;
}

/** The area below (1.1, 1.1) that the front of 100 candidates and 200 generations dominates, of 30 genes; its size. */
export function frontArea({ objectives }: TwoObjectives): { area: number; size: number } {
  const front = paretoFront(evolved(30, 100, 200, objectives));
  const points = front.map((one) => one.objectives);
  return { area: hypervolume(points, [-1.1, -1.1]), size: front.length };
}
