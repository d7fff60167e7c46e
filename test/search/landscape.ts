// A merge landscape without a merge: 0/1 answers of 2000 questions by item response theory, whose ability is a
// rotated quadratic of the genome. What a search would score, and the true score it cannot see.

import { Matrix, QrDecomposition } from "ml-matrix";
import { streamKey, uniform } from "../../src/base/counter-rng.ts";
import { normal } from "../../src/search/deviate.ts";
import {
  type Raced,
  type RaceRules,
  racedFitness,
  rungEnds,
  stopped,
} from "../../src/search/race.ts";
import type { Problem, Strategy, Told } from "../../src/search/strategy.ts";

const ITEMS = 2000;
/** Accuracies of the start point and of the optimum. */
const START_ACCURACY = 0.5;
const BEST_ACCURACY = 0.637;
const CONDITION = 30;
const DIFFICULTY_DEVIATION = 1.5;
const DISCRIMINATION_DEVIATION = 0.5;
/** Share of an item's luck that all candidates have in common; the rest each genome has for itself. */
const SHARED_LUCK = 0.7;

export interface Landscape {
  readonly problem: Problem;
  /** 0 or 1 for each of the first `items` questions: what a search sees. */
  answers(genome: readonly number[], items: number): number[];
  /** Share of the first `items` questions answered rightly. */
  observed(genome: readonly number[], items: number): number;
  /** Expected share over all questions. */
  accuracy(genome: readonly number[]): number;
}

export function landscape(n: number, seed: number): Landscape {
  const key = streamKey("landscape", n, seed);
  const items = Array.from({ length: ITEMS }, (_, j) => ({
    slope: Math.exp(DISCRIMINATION_DEVIATION * normal(streamKey(...key, "slope"), j)),
    difficulty: DIFFICULTY_DEVIATION * normal(streamKey(...key, "difficulty"), j),
    luck: normal(streamKey(...key, "luck"), j),
  }));
  const expected = (ability: number) =>
    items.reduce(
      (sum, { slope, difficulty }) => sum + logistic(slope * (ability - difficulty)),
      0,
    ) / ITEMS;
  const [low, high] = [abilityAt(expected, START_ACCURACY), abilityAt(expected, BEST_ACCURACY)];
  const optimum = Array.from({ length: n }, (_, i) => 0.2 + 0.6 * uniform(key, i));
  const axes = Array.from({ length: n * n }, (_, i) => normal(streamKey(...key, "axes"), i));
  const basis = new QrDecomposition(Matrix.from1DArray(n, n, axes)).orthogonalMatrix.to2DArray();
  const distance = (genome: readonly number[]) =>
    basis.reduce((sum, axis, i) => {
      const along = axis.reduce((dot, a, k) => dot + a * (genome[k]! - optimum[k]!), 0);
      return sum + CONDITION ** (n === 1 ? 0 : i / (n - 1)) * along * along;
    }, 0);
  const start = Array<number>(n).fill(0.5);
  const unit = (high - low) / distance(start);
  const ability = (genome: readonly number[]) => high - unit * distance(genome);
  const answers = (genome: readonly number[], count: number): number[] => {
    const own = streamKey(...key, "own", ...genome);
    const able = ability(genome);
    return items.slice(0, count).map(({ slope, difficulty, luck }, j) => {
      const mixed = Math.sqrt(SHARED_LUCK) * luck + Math.sqrt(1 - SHARED_LUCK) * normal(own, j);
      return logisticQuantile(mixed) < slope * (able - difficulty) ? 1 : 0;
    });
  };
  return {
    problem: { lower: start.map(() => 0), upper: start.map(() => 1), start, sigma: 1 / 6, seed },
    answers,
    observed: (genome, count) => mean(answers(genome, count)),
    accuracy: (genome) => expected(ability(genome)),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** A standard normal luck as a logistic one: Φ by the logistic approximation 1.702 (its error is below .01). */
function logisticQuantile(luck: number): number {
  return 1.702 * luck;
}

/** The ability at which the expected share right is `accuracy`, by bisection. */
function abilityAt(expected: (ability: number) => number, accuracy: number): number {
  let [low, high] = [-10, 10];
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2;
    if (expected(middle) < accuracy) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** What a search looks like from outside, after each generation. */
export interface Trace {
  /** Evaluations and items so far. */
  readonly evaluations: number;
  readonly items: number;
  /** The strategy's recommendation, and its true score. */
  readonly genome: readonly number[];
  readonly recommended: number;
  /** True and observed score of the best candidate seen on all items. */
  readonly best: number;
  readonly claimed: number;
}

export interface SearchSize {
  /** Candidates, the last generation may overshoot; or items in all, if that is less. */
  readonly evaluations: number;
  readonly itemBudget?: number;
  /** Items a candidate. */
  readonly items: number;
  readonly population?: number;
  readonly race?: RaceRules;
}

/** A search of one landscape. */
export function searched<State>(
  strategy: Strategy<State>,
  land: Landscape,
  { evaluations, itemBudget = Number.POSITIVE_INFINITY, items, population, race }: SearchSize,
): Trace[] {
  const size = population === undefined ? {} : { population };
  let state = strategy.initial({ ...land.problem, ...size, evaluations, items });
  let best: Told = { genome: land.problem.start, fitness: -Infinity };
  const traces: Trace[] = [];
  let spent = { evaluations: 0, items: 0 };
  while (spent.evaluations < evaluations && spent.items < itemBudget) {
    const genomes = Array.from(
      { length: strategy.populationSize(state) },
      (_, k) => strategy.ask(state, k).genome,
    );
    const raced =
      race === undefined ? plain(land, genomes, items) : run(land, genomes, items, race);
    const fitness = racedFitness(raced);
    raced.forEach((one, k) => {
      if (one.stoppedAfter === undefined && one.fitness > best.fitness) {
        best = { genome: genomes[k]!, fitness: one.fitness };
      }
    });
    spent = {
      evaluations: spent.evaluations + genomes.length,
      items: raced.reduce((sum, one) => sum + one.items, spent.items),
    };
    state = strategy.tell(
      state,
      genomes.map((genome, k) => ({ genome, fitness: fitness[k]! })),
    );
    const genome = strategy.recommend(state);
    traces.push({
      ...spent,
      genome,
      recommended: land.accuracy(genome),
      best: land.accuracy(best.genome),
      claimed: best.fitness,
    });
  }
  return traces;
}

type Scored = Raced & { readonly items: number };

function plain(land: Landscape, genomes: readonly number[][], items: number): Scored[] {
  return genomes.map((genome) => ({
    fitness: land.observed(genome, items),
    stoppedAfter: undefined,
    items,
  }));
}

function run(
  land: Landscape,
  genomes: readonly number[][],
  items: number,
  rules: RaceRules,
): Scored[] {
  const answers = genomes.map((genome) => land.answers(genome, items));
  const result: Scored[] = plain(land, genomes, items);
  let racing = [...genomes.keys()];
  rungEnds(items, rules)
    .slice(0, -1)
    .forEach((end, rung) => {
      const values = racing.map((k) => answers[k]!.slice(0, end));
      const out = new Set(stopped(values, Math.floor(genomes.length / 2), rules));
      for (const i of out) {
        result[racing[i]!] = { fitness: mean(values[i]!), stoppedAfter: rung, items: end };
      }
      racing = racing.filter((_, i) => !out.has(i));
    });
  return result;
}
