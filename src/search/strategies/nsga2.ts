// NSGA-II (Deb et al. 2002): a genetic algorithm for several objectives at once, one per task. It hands back a
// front, not a point; `recommend` takes from it the one with the best fitness, the tasks' weighted mean. Fronts
// of noisy scores hold luck, so survivors count as better only by more than a standard error; score the front again
// before believing it.

import { type StreamKey, streamKey } from "../../base/counter-rng.ts";
import { choice } from "../deviate.ts";
import { clearlyDominates, dominates, fronts, survivors } from "../pareto.ts";
import { populationOf, unlike } from "../population.ts";
import { checkTold, coldProblem, rankable, toGenes, toUnit } from "../problem.ts";
import { sobolPoint } from "../sobol-points.ts";
import type { Problem, Strategy, Told } from "../strategy.ts";
import { crossed, mutated } from "../variation.ts";

interface Individual {
  /** Unit-box coordinates, [n]. */
  readonly x: readonly number[];
  readonly fitness: number;
  readonly objectives: readonly number[];
  /** As told; absent: exact. */
  readonly stderrs?: readonly number[];
  /** Generation × population + k of the candidate it was. */
  readonly ordinal: number;
}

export interface Nsga2State {
  readonly problem: Problem;
  readonly generation: number;
  /** Survivors by front and then by crowding, best first; empty until a generation has been told. */
  readonly survivors: readonly Individual[];
}

function ask(state: Nsga2State, k: number): { genome: number[]; parents: number[] } {
  const { problem, survivors: known, generation } = state;
  if (known.length === 0) {
    if (k === 0 && generation === 0) return { genome: [...problem.start], parents: [] };
    const key = streamKey(problem.seed, "nsga2", generation, "founders");
    const x = sobolPoint(key, k, problem.start.length);
    return { genome: toGenes(problem, x), parents: [] };
  }
  const child = unlike(known, (attempt) => breed(state, k, attempt));
  return { genome: toGenes(problem, child.x), parents: child.parents };
}

function breed(state: Nsga2State, k: number, attempt: number): { x: number[]; parents: number[] } {
  const { problem, generation } = state;
  const pair = Math.floor(k / 2); // both children of a crossover are used
  const stream = (...parts: (string | number)[]) =>
    streamKey(problem.seed, "nsga2", generation, attempt, ...parts);
  const mother = tournament(stream(pair, "mother"), state.survivors);
  const father = tournament(stream(pair, "father"), state.survivors);
  const child = crossed(stream(pair, "crossover"), problem, mother.x, father.x)[k % 2]!;
  return {
    x: mutated(stream(k, "mutation"), problem, child),
    parents: [mother.ordinal, father.ordinal],
  };
}

/** The better of two survivors drawn at random; they stand in the order of front and crowding. */
function tournament(key: StreamKey, known: readonly Individual[]): Individual {
  return known[Math.min(choice(key, 0, known.length), choice(key, 1, known.length))]!;
}

/** Parents and children compete; failures never survive. Without objectives the fitness is the only one. */
function tell(state: Nsga2State, results: readonly Told[]): Nsga2State {
  const population = populationOf(state);
  checkTold(population, results);
  const fitness = rankable(results);
  const newcomers = results.map(
    ({ genome, objectives, stderrs }, k): Individual => ({
      x: toUnit(state.problem, genome),
      fitness: fitness[k]!,
      objectives: objectives ?? [fitness[k]!],
      ...(stderrs === undefined ? {} : { stderrs }),
      ordinal: state.generation * population + k,
    }),
  );
  const all = [...state.survivors, ...newcomers.filter((one) => one.fitness !== -Infinity)];
  const chosen = survivors(
    all.map(({ objectives }) => objectives),
    population,
    (one, other) => isBetter(all[one]!, all[other]!),
  );
  return {
    ...state,
    generation: state.generation + 1,
    survivors: chosen.map((index) => all[index]!),
  };
}

/**
 * Dominance by more than one standard error of the difference. With one objective every gain counts: near ties would
 * all stand on one front, where only distance decides.
 */
function isBetter(one: Individual, other: Individual): boolean {
  const ours = one.objectives;
  if (ours.length < 2) return dominates(ours, other.objectives);
  const differences = ours.map((value, m) => value - other.objectives[m]!);
  const margins = ours.map((_, m) => Math.hypot(one.stderrs?.[m] ?? 0, other.stderrs?.[m] ?? 0));
  return clearlyDominates(differences, margins);
}

/** The survivors that no other dominates, however little, with their objectives. */
export function paretoFront({ problem, survivors: known }: Nsga2State): {
  genome: number[];
  objectives: readonly number[];
  fitness: number;
  ordinal: number;
}[] {
  const [first = []] = fronts(known.length, (i, j) =>
    dominates(known[i]!.objectives, known[j]!.objectives),
  );
  return first.map((index) => {
    const { x, objectives, fitness, ordinal } = known[index]!;
    return { genome: toGenes(problem, x), objectives, fitness, ordinal };
  });
}

function recommend(state: Nsga2State): number[] {
  const front = paretoFront(state);
  const best = front.reduce<(typeof front)[number] | undefined>(
    (known, one) => (known === undefined || one.fitness > known.fitness ? one : known),
    undefined,
  );
  return best?.genome ?? [...state.problem.start];
}

export const nsga2: Strategy<Nsga2State> = {
  name: "nsga2",
  summary:
    "genetic algorithm for several tasks at once: keeps the front of what no other dominates",
  initial: (problem) => ({ problem: coldProblem(problem, "nsga2"), generation: 0, survivors: [] }),
  populationSize: populationOf,
  generation: (state) => state.generation,
  ask,
  tell,
  recommend,
  front: (state) => paretoFront(state).map(({ ordinal }) => ordinal),
  finished: () => undefined,
};
