// The box a strategy searches: its checks, and the map between gene units and the unit box [0, 1]^n in
// which strategies work, so that one step size means the same fraction of every gene's range.

import { TsmergeError } from "../base/errors.ts";
import type { Problem, Told } from "./strategy.ts";

/** Two merges nearer than this share of every gene's range cannot be told apart. */
export const GENE_RESOLUTION = 1e-3;

/**
 * The problem as it came, once it is known to make sense.
 * @throws TsmergeError `config`: no genes, lists of unequal length, an empty or infinite range, a start
 * outside its range, an integer gene with broken bounds, a step size that is not positive, a population below
 * 2, a resolution outside (0, 1), a seed that is no integer
 */
export function checkedProblem(problem: Problem): Problem {
  const { lower, upper, start, sigma, population, resolution, seed } = problem;
  const n = start.length;
  if (n === 0) throw refused("a search needs at least one gene", "declare a gene with a range");
  if (lower.length !== n || upper.length !== n) {
    const lengths = `${lower.length}, ${upper.length} and ${n}`;
    throw refused(
      `lower, upper and start have ${lengths} entries`,
      "give every gene its three numbers",
    );
  }
  for (let i = 0; i < n; i++) {
    const [low, high, from] = [lower[i]!, upper[i]!, start[i]!];
    if (!(Number.isFinite(low) && Number.isFinite(high) && low < high)) {
      throw refused(
        `gene ${i} has the range [${low}, ${high}]`,
        "its lower bound must be below its upper bound; leave a fixed value out of the genome",
      );
    }
    if (!(from >= low && from <= high)) {
      throw refused(
        `gene ${i} starts at ${from}, outside [${low}, ${high}]`,
        "start inside the range",
      );
    }
  }
  checkIntegers(problem);
  checkCategories(problem);
  if (!(sigma > 0 && Number.isFinite(sigma))) {
    throw refused(
      `sigma is ${sigma}`,
      "a positive fraction of each gene's range, such as 0.1667, is expected",
    );
  }
  if (population !== undefined && !(Number.isInteger(population) && population >= 2)) {
    throw refused(`the population is ${population}`, "a whole number of at least 2 is expected");
  }
  if (resolution !== undefined && !(resolution > 0 && resolution < 1)) {
    throw refused(
      `the resolution is ${resolution}`,
      "a fraction of each gene's range, such as 0.001, is expected",
    );
  }
  if (!Number.isSafeInteger(seed)) {
    throw refused(`the search seed is ${seed}`, "a whole number is expected");
  }
  return problem;
}

function checkIntegers({ integer, lower, upper, start }: Problem): void {
  if (integer === undefined) return;
  if (integer.length !== start.length) {
    throw refused(
      `${integer.length} entries say which of ${start.length} genes are integers`,
      "give every gene its entry",
    );
  }
  integer.forEach((whole, i) => {
    if (!whole || (Number.isInteger(lower[i]) && Number.isInteger(upper[i]))) return;
    throw refused(
      `gene ${i} is an integer with the range [${lower[i]}, ${upper[i]}]`,
      "bound an integer by integers",
    );
  });
}

function checkCategories({ categorical, lower, upper, start }: Problem): void {
  if (categorical === undefined) return;
  if (categorical.length !== start.length) {
    throw refused(
      `${categorical.length} entries say which of ${start.length} genes are categorical`,
      "give every gene its entry",
    );
  }
  categorical.forEach((isChoice, i) => {
    if (!isChoice || (lower[i] === 0 && [upper[i], start[i]].every(Number.isInteger))) return;
    throw refused(
      `gene ${i} is categorical with the range [${lower[i]}, ${upper[i]}] and the start ${start[i]}`,
      "number its choices from 0, and start at one of them",
    );
  });
}

/**
 * The problem for a strategy that knows no way to use an earlier run.
 * @throws TsmergeError `config` if it brings one, and what `checkedProblem` throws
 */
export function coldProblem(problem: Problem, strategy: string): Problem {
  if (problem.earlier === undefined) return checkedProblem(problem);
  throw refused(
    `${strategy} cannot start from an earlier run`,
    "choose cmaes, sep-cmaes, lra-cmaes or auto, or start afresh",
  );
}

/** @throws TsmergeError `config` for a problem with categorical genes, in the name of a strategy that takes none */
export function refuseCategories({ categorical }: Problem, strategy: string): void {
  if (categorical?.some(Boolean) !== true) return;
  throw refused(
    `${strategy} cannot search choices without an order, such as merge_method`,
    "choose cmaes, ga or random, or fix them",
  );
}

function refused(message: string, hint: string): TsmergeError {
  return new TsmergeError("config", message, { hint });
}

/** Gene units to unit-box coordinates, [n]; a choice is the middle of its cell. */
export function toUnit(problem: Problem, genome: readonly number[]): number[] {
  const { lower, upper, categorical } = problem;
  return genome.map((gene, i) =>
    categorical?.[i]
      ? (gene + 0.5) / (upper[i]! + 1)
      : (gene - lower[i]!) / (upper[i]! - lower[i]!),
  );
}

/**
 * Unit-box coordinates to gene units, [n], integers rounded, choices each a cell of one size; never outside the
 * box, whatever the rounding.
 */
export function toGenes(problem: Problem, unit: readonly number[]): number[] {
  const { lower, upper, integer, categorical } = problem;
  return unit.map((x, i) => {
    if (categorical?.[i]) return Math.min(upper[i]!, Math.floor(x * (upper[i]! + 1)));
    const exact = lower[i]! + x * (upper[i]! - lower[i]!);
    const gene = integer?.[i] ? Math.round(exact) : exact;
    return Math.min(upper[i]!, Math.max(lower[i]!, gene));
  });
}

/** The nearest point of the unit box, [n]. */
export function clipped(unit: readonly number[]): number[] {
  return unit.map((x) => Math.min(1, Math.max(0, x)));
}

/** The fitness of each candidate with every failure (NaN, ±Infinity) as -Infinity, [population]. */
export function rankable(results: readonly Told[]): number[] {
  return results.map(({ fitness }) => (Number.isFinite(fitness) ? fitness : -Infinity));
}

/** Candidate indices from best to worst, ties in order of k. */
export function ranking(fitness: readonly number[]): number[] {
  const order = fitness.map((_, k) => k);
  // Compared, not subtracted: -Infinity - -Infinity is NaN.
  return order.sort((a, b) =>
    fitness[a]! > fitness[b]! ? -1 : fitness[a]! < fitness[b]! ? 1 : a - b,
  );
}

/** @throws TsmergeError `internal` if a generation is told that was not asked for in this size */
export function checkTold(population: number, results: readonly Told[]): void {
  if (results.length === population) return;
  throw new TsmergeError(
    "internal",
    `${results.length} results were told to a generation of ${population} candidates`,
    { hint: "tell every candidate of a generation at once; a failed one has fitness -Infinity" },
  );
}
