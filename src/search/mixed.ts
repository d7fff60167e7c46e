// A Gaussian strategy for problems with categorical genes: the strategy searches the genes that have an order,
// a categorical distribution the others, and both learn from the same ranking (CatCMA, arXiv:2405.09962). For
// a problem without categorical genes it is the strategy itself, state and all.

import { streamKey } from "../base/counter-rng.ts";
import {
  type Categories,
  drawn,
  evenCategories,
  knownCategories,
  learned,
  likeliest,
} from "./categories.ts";
import { cmaesParameters, defaultPopulation } from "./gaussian/cmaes-parameters.ts";
import { selection } from "./gaussian/cmaes-update.ts";
import { bestOf } from "./gaussian/warm-start.ts";
import { checkedProblem, checkTold, rankable, ranking } from "./problem.ts";
import type { Problem, Strategy, Told } from "./strategy.ts";

export interface MixedState<Inner> {
  readonly problem: Problem;
  readonly generation: number;
  /** Of the genes with an order; absent where there is none. */
  readonly inner?: Inner;
  readonly categories: Categories;
}

const isCategorical = ({ categorical }: Problem, i: number): boolean => categorical?.[i] === true;

/** The entries of the genes with an order, and of the others. */
function ordered<T>(problem: Problem, entries: readonly T[]): T[] {
  return entries.filter((_, i) => !isCategorical(problem, i));
}
function categoricalOf<T>(problem: Problem, entries: readonly T[]): T[] {
  return entries.filter((_, i) => isCategorical(problem, i));
}

/** A whole genome from its two halves. */
function joined(problem: Problem, genes: readonly number[], choices: readonly number[]): number[] {
  let [gene, choice] = [0, 0];
  return problem.start.map((_, i) =>
    isCategorical(problem, i) ? choices[choice++]! : genes[gene++]!,
  );
}

/** The problem of the genes with an order; undefined where there is none. */
function innerProblem(problem: Problem): Problem | undefined {
  const { categorical: _, integer, earlier, ...rest } = problem;
  const start = ordered(problem, problem.start);
  if (start.length === 0) return undefined;
  const only = (one: Told): Told => ({ ...one, genome: ordered(problem, one.genome) });
  return {
    ...rest,
    start,
    lower: ordered(problem, problem.lower),
    upper: ordered(problem, problem.upper),
    population: populationOf(problem),
    ...(integer === undefined ? {} : { integer: ordered(problem, integer) }),
    ...(earlier === undefined ? {} : { earlier: earlier.map(only) }),
  };
}

function populationOf({ population, start }: Problem): number {
  return population ?? defaultPopulation(start.length);
}

function initial<Inner>(strategy: Strategy<Inner>, given: Problem): MixedState<Inner> {
  const { earlier, ...problem } = checkedProblem(given);
  const counts = categoricalOf(problem, problem.upper).map((last) => last + 1);
  const inside = innerProblem(given);
  return {
    problem,
    generation: 0,
    ...(inside === undefined ? {} : { inner: strategy.initial(inside) }),
    categories:
      earlier === undefined
        ? evenCategories(counts)
        : knownCategories(
            counts,
            bestOf(problem, earlier).map(({ genome }) => categoricalOf(problem, genome)),
          ),
  };
}

function tell<Inner>(
  strategy: Strategy<Inner>,
  state: MixedState<Inner>,
  results: readonly Told[],
): MixedState<Inner> {
  const { problem, inner, categories } = state;
  const population = populationOf(problem);
  checkTold(population, results);
  const told = {
    ...state,
    generation: state.generation + 1,
    ...(inner === undefined
      ? {}
      : { inner: strategy.tell(inner, orderedResults(problem, results)) }),
  };
  const fitness = rankable(results);
  if (fitness.every((value) => value === fitness[0])) return told;
  const finite = fitness.filter((value) => value !== -Infinity).length;
  const { weights } = selection(cmaesParameters(problem.start.length, population), finite);
  const choices = ranking(fitness).map((k) => categoricalOf(problem, results[k]!.genome));
  const pull = weights.map((weight) => Math.max(0, weight));
  return { ...told, categories: learned(categories, choices, pull) };
}

function orderedResults(problem: Problem, results: readonly Told[]): Told[] {
  return results.map((one) => ({ ...one, genome: ordered(problem, one.genome) }));
}

function isMixed<Inner>(state: Inner | MixedState<Inner>): state is MixedState<Inner> {
  return typeof state === "object" && state !== null && "categories" in state;
}

/** The strategy with categorical genes. */
export function withCategories<Inner>(
  strategy: Strategy<Inner>,
): Strategy<Inner | MixedState<Inner>> {
  const { name, summary } = strategy;
  return {
    name,
    summary,
    initial: (problem) =>
      problem.categorical?.some(Boolean) ? initial(strategy, problem) : strategy.initial(problem),
    populationSize: (state) =>
      isMixed(state) ? populationOf(state.problem) : strategy.populationSize(state),
    generation: (state) => (isMixed(state) ? state.generation : strategy.generation(state)),
    ask(state, k) {
      if (!isMixed(state)) return strategy.ask(state, k);
      const { problem, inner, generation, categories } = state;
      const genes = inner === undefined ? [] : strategy.ask(inner, k).genome;
      const choices = drawn(categories, streamKey(problem.seed, name, "choices", generation, k));
      return { genome: joined(problem, genes, choices), parents: [] };
    },
    tell: (state, results) =>
      isMixed(state) ? tell(strategy, state, results) : strategy.tell(state, results),
    recommend(state) {
      if (!isMixed(state)) return strategy.recommend(state);
      const { problem, inner, categories } = state;
      const genes = inner === undefined ? [] : strategy.recommend(inner);
      const choices = likeliest(categories, categoricalOf(problem, problem.start));
      return joined(problem, genes, choices);
    },
    finished(state) {
      if (!isMixed(state)) return strategy.finished(state);
      return state.inner === undefined ? undefined : strategy.finished(state.inner);
    },
  };
}
