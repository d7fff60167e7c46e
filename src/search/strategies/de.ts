// Differential evolution, current-to-pbest/1/bin (Storn & Price 1997; the pbest base is Zhang & Sanderson's,
// 2009): a member is moved towards one of the better ones and along the difference of two others. It keeps
// what scored best, luck included, so what is recommended is the centre of the better half.

import { streamKey, uniform } from "../../base/counter-rng.ts";
import { choice } from "../deviate.ts";
import { converged, populationOf } from "../population.ts";
import { checkTold, coldProblem, rankable, ranking, toGenes, toUnit } from "../problem.ts";
import { sobolPoint } from "../sobol-points.ts";
import type { Problem, Strategy, Told } from "../strategy.ts";
import { centre } from "../variation.ts";

interface Member {
  /** Unit-box coordinates, [n]. */
  readonly x: readonly number[];
  /** Absent after a failure: any score replaces it. */
  readonly fitness?: number;
  /** Generation × population + k of the candidate it was. */
  readonly ordinal: number;
}

export interface DeState {
  readonly problem: Problem;
  readonly generation: number;
  /** One for each k; empty until a generation has been told. */
  readonly members: readonly Member[];
}

/** Scale factors are drawn anew for each child: a constant one stalls on a lattice of differences. */
const LEAST_SCALE = 0.4;
const MOST_SCALE = 0.9;
/** Chance that a gene is the mutant's. */
const CROSSOVER = 0.9;
/** The share of members that count as the better ones, at least two. */
const BETTER_SHARE = 0.2;

function ask(state: DeState, k: number): { genome: number[]; parents: number[] } {
  const { problem, members, generation } = state;
  const n = problem.start.length;
  if (members.length === 0) {
    if (k === 0) return { genome: [...problem.start], parents: [] };
    const key = streamKey(problem.seed, "de", "founders");
    return { genome: toGenes(problem, sobolPoint(key, k, n)), parents: [] };
  }
  const key = streamKey(problem.seed, "de", generation, k);
  const order = ranking(members.map(({ fitness }) => fitness ?? -Infinity));
  const better = Math.max(2, Math.round(BETTER_SHARE * members.length));
  const target = members[k]!;
  const guide = members[order[choice(key, 0, Math.min(better, members.length))]!]!;
  const one = members[choice(key, 1, members.length)]!;
  const other = members[choice(key, 2, members.length)]!;
  const scale = LEAST_SCALE + (MOST_SCALE - LEAST_SCALE) * uniform(key, 3);
  const forced = choice(key, 4, n); // one gene is always the mutant's
  const x = target.x.map((from, i) => {
    if (i !== forced && uniform(key, 5 + i) > CROSSOVER) return from;
    if (problem.categorical?.[i]) return one.x[i]!; // between choices lies nothing
    const to = from + scale * (guide.x[i]! - from) + scale * (one.x[i]! - other.x[i]!);
    // halfway to a bound that was overstepped, so that bounds attract no copies
    return to < 0 ? from / 2 : to > 1 ? (from + 1) / 2 : to;
  });
  const parents = [...new Set([target, guide, one, other].map(({ ordinal }) => ordinal))];
  return { genome: toGenes(problem, x), parents };
}

/** Each candidate replaces the member of its k unless it scores worse. */
function tell(state: DeState, results: readonly Told[]): DeState {
  const population = populationOf(state);
  checkTold(population, results);
  const members = rankable(results).map((fitness, k): Member => {
    const known = state.members[k];
    const ordinal = state.generation * population + k;
    const x = toUnit(state.problem, results[k]!.genome);
    if (fitness === -Infinity) return known ?? { x, ordinal };
    return fitness >= (known?.fitness ?? -Infinity) ? { x, fitness, ordinal } : known!;
  });
  return { ...state, generation: state.generation + 1, members };
}

/** The centre of the better half of the members that have a score. */
function recommend({ problem, members }: DeState): number[] {
  const scored = members.filter(({ fitness }) => fitness !== undefined);
  if (scored.length === 0) return [...problem.start];
  const order = ranking(scored.map(({ fitness }) => fitness!));
  const half = order.slice(0, Math.ceil(order.length / 2)).map((index) => scored[index]!.x);
  return toGenes(problem, centre(problem, half));
}

function finished({ problem, members }: DeState): string | undefined {
  return members.length === 0 ? undefined : converged(problem, members, "members");
}

export const de: Strategy<DeState> = {
  name: "de",
  summary: "differential evolution: members move along the differences of others",
  initial: (problem) => ({ problem: coldProblem(problem, "de"), generation: 0, members: [] }),
  populationSize: populationOf,
  generation: (state) => state.generation,
  ask,
  tell,
  recommend,
  finished,
};
