// A genetic algorithm: binary tournaments, SBX crossover, polynomial mutation. Items are the same for
// every candidate, so scoring a survivor again would return the same number: what keeps a lucky score
// from living forever is an age limit, and what is recommended is the centre of the better half.

import { type StreamKey, streamKey, uniform } from "../../base/counter-rng.ts";
import { choice } from "../deviate.ts";
import { converged, populationOf, unlike } from "../population.ts";
import { checkTold, coldProblem, rankable, ranking, toGenes, toUnit } from "../problem.ts";
import type { Problem, Strategy, Told } from "../strategy.ts";
import { centre, crossed, mutated } from "../variation.ts";

interface Individual {
  /** Unit-box coordinates, [n]. */
  readonly x: readonly number[];
  readonly fitness: number;
  /** Generation × population + k of the candidate it was. */
  readonly ordinal: number;
}

export interface GaState {
  readonly problem: Problem;
  readonly generation: number;
  /** Survivors, best first; empty until a generation has been told. */
  readonly survivors: readonly Individual[];
}

/** Generations an individual may breed in: an elitist algorithm on a noisy score keeps luck, not quality. */
const MAX_AGE = 3;

function ask(state: GaState, k: number): { genome: number[]; parents: number[] } {
  const { problem, survivors } = state;
  if (survivors.length === 0) return { genome: founder(state, k), parents: [] };
  const child = unlike(survivors, (attempt) => breed(state, k, attempt));
  return { genome: toGenes(problem, child.x), parents: child.parents };
}

/**
 * The start point itself, then uniform draws. The problem's step size is not used: crossover only ever
 * contracts a population, so the founders have to span the box.
 */
function founder({ problem, generation }: GaState, k: number): number[] {
  if (k === 0 && generation === 0) return [...problem.start];
  const key = streamKey(problem.seed, "ga", generation, k, "founder");
  return toGenes(
    problem,
    problem.start.map((_, i) => uniform(key, i)),
  );
}

function breed(state: GaState, k: number, attempt: number): { x: number[]; parents: number[] } {
  const { problem, generation } = state;
  const pair = Math.floor(k / 2); // both children of a crossover are used
  const parenting = streamKey(problem.seed, "ga", generation, pair, attempt, "parents");
  const mother = tournament(parenting, 0, state.survivors);
  const father = tournament(parenting, 2, state.survivors);
  const crossing = streamKey(problem.seed, "ga", generation, pair, attempt, "crossover");
  const child = crossed(crossing, problem, mother.x, father.x)[k % 2]!;
  const mutating = streamKey(problem.seed, "ga", generation, k, attempt, "mutation");
  return { x: mutated(mutating, problem, child), parents: [mother.ordinal, father.ordinal] };
}

/** The better of two survivors drawn at random; survivors stand best first. */
function tournament(key: StreamKey, draw: number, survivors: readonly Individual[]): Individual {
  const one = choice(key, draw, survivors.length);
  const other = choice(key, draw + 1, survivors.length);
  return survivors[Math.min(one, other)]!;
}

/** The best of the young survivors and the newcomers; failures never survive. */
function tell(state: GaState, results: readonly Told[]): GaState {
  const population = populationOf(state);
  checkTold(population, results);
  const fitness = rankable(results);
  const newcomers = results.map(({ genome }, k) => ({
    x: toUnit(state.problem, genome),
    fitness: fitness[k]!,
    ordinal: state.generation * population + k,
  }));
  const generation = state.generation + 1;
  const oldest = (generation - MAX_AGE) * population;
  const eligible = [...state.survivors, ...newcomers].filter(
    (one) => one.ordinal >= oldest && one.fitness !== -Infinity,
  );
  const order = ranking(eligible.map((one) => one.fitness));
  const survivors = order.slice(0, population).map((index) => eligible[index]!);
  return { ...state, generation, survivors };
}

/** The centre of the better half: crossover keeps it in place, and it averages luck away. */
function recommend({ problem, survivors }: GaState): number[] {
  const half = survivors.slice(0, Math.ceil(survivors.length / 2));
  if (half.length === 0) return [...problem.start];
  return toGenes(
    problem,
    centre(
      problem,
      half.map(({ x }) => x),
    ),
  );
}

function finished({ problem, survivors }: GaState): string | undefined {
  return survivors.length < 2 ? undefined : converged(problem, survivors, "survivors");
}

export const ga: Strategy<GaState> = {
  name: "ga",
  summary: "genetic algorithm: SBX crossover, polynomial mutation, survivors with an age limit",
  initial: (problem) => ({ problem: coldProblem(problem, "ga"), generation: 0, survivors: [] }),
  populationSize: populationOf,
  generation: (state) => state.generation,
  ask,
  tell,
  recommend,
  finished,
};
