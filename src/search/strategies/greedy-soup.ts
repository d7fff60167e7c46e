// Greedy soup (Wortsman et al. 2022, arXiv:2203.05482, recipe 1): the uniform soup and every parent alone are
// scored first; then the parents, best first, are put into the average one after another and stay if the score
// does not fall. It decides the genes that say which models take part; all others stay where they start.

import { TsmergeError } from "../../base/errors.ts";
import { checkTold, coldProblem, rankable, ranking } from "../problem.ts";
import type { Problem, Strategy, Told } from "../strategy.ts";

interface Scored {
  readonly genome: readonly number[];
  readonly fitness: number;
}

export interface GreedySoupState {
  readonly problem: Problem;
  readonly generation: number;
  /** The genes that take a parent in, best parent first; in genome order until their scores were told. */
  readonly parents: readonly number[];
  /** How many of them have been tried, the best among them; 0 before anything was told. */
  readonly tried: number;
  /** The best average so far of those that were tried; absent before anything was told, or if all failed. */
  readonly soup?: Scored;
  readonly uniform?: Scored;
}

/** Genes of whole numbers from 0 to 1. */
function switches({ integer, lower, upper, start }: Problem): number[] {
  return start.flatMap((_, i) => (integer?.[i] && lower[i] === 0 && upper[i] === 1 ? [i] : []));
}

function initial(given: Problem): GreedySoupState {
  const problem = coldProblem(given, NAME);
  const parents = switches(problem);
  if (parents.length >= 2) return { problem, generation: 0, parents, tried: 0 };
  throw new TsmergeError(
    "config",
    `${NAME} decides which models take part, and no gene says that`,
    {
      hint: "write genome.models: {from: [the models], subset: {min: 1}}",
    },
  );
}

/** The start with exactly these parents in. */
function withParents({ problem, parents }: GreedySoupState, members: readonly number[]): number[] {
  return problem.start.map((gene, i) => (parents.includes(i) ? Number(members.includes(i)) : gene));
}

/**
 * First the uniform soup and each parent; then one parent a generation, or as many as the population allows, each
 * added to the same soup: the first that stays ends the turn, and those after it are tried again on the new soup.
 */
function populationOf({ problem, parents, tried, generation }: GreedySoupState): number {
  if (generation === 0) return parents.length + 1;
  return Math.max(1, Math.min(problem.population ?? 1, parents.length - tried));
}

function genomeOf(state: GreedySoupState, k: number): number[] {
  const { parents, generation, tried } = state;
  if (generation === 0) return withParents(state, k === 0 ? parents : [parents[k - 1]!]);
  const added = parents[tried + k];
  return withParents(state, [...membersOf(state), ...(added === undefined ? [] : [added])]);
}

function membersOf({ parents, soup }: GreedySoupState): number[] {
  return soup === undefined ? [] : parents.filter((i) => soup.genome[i] === 1);
}

function tell(state: GreedySoupState, results: readonly Told[]): GreedySoupState {
  checkTold(populationOf(state), results);
  const fitness = rankable(results);
  const scored = (k: number): Scored => ({ genome: results[k]!.genome, fitness: fitness[k]! });
  const generation = state.generation + 1;
  if (state.generation === 0) {
    const alone = fitness.slice(1);
    const order = ranking(alone);
    const parents = order.map((k) => state.parents[k]!);
    const best = scored(order[0]! + 1);
    return {
      ...state,
      ...{ generation, parents, tried: 1 },
      ...(best.fitness === -Infinity ? {} : { soup: best }),
      ...(fitness[0] === -Infinity ? {} : { uniform: scored(0) }),
    };
  }
  const floor = state.soup?.fitness ?? -Infinity;
  const stays = fitness.findIndex((value) => value !== -Infinity && value >= floor);
  if (stays < 0) return { ...state, generation, tried: state.tried + results.length };
  return { ...state, generation, tried: state.tried + stays + 1, soup: scored(stays) };
}

const NAME = "greedy-soup";

export const greedySoup: Strategy<GreedySoupState> = {
  name: NAME,
  summary: "takes parents into the average, best first, as long as the score does not fall",
  initial,
  populationSize: populationOf,
  generation: (state) => state.generation,
  ask: (state, k) => ({ genome: genomeOf(state, k), parents: [] }),
  tell,
  // the greedy soup unless the uniform one is better: it starts from the best parent and never gets worse
  recommend: ({ problem, soup, uniform }) => {
    if (soup === undefined) return [...(uniform?.genome ?? problem.start)];
    return [...(uniform !== undefined && uniform.fitness > soup.fitness ? uniform : soup).genome];
  },
  finished: ({ parents, tried, soup, generation }) => {
    if (generation > 0 && soup === undefined) return "every parent alone failed";
    return tried >= parents.length ? `all ${parents.length} parents were tried` : undefined;
  },
};
