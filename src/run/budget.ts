// How long a search may go on. Whichever limit is met first ends it; limits are no part of a run's
// identity, so a larger budget extends a finished run.

import { TsmergeError } from "../base/errors.ts";

export interface Budget {
  /** Candidates asked of the strategy; a recipe that was met before counts too, a baseline does not. */
  readonly maxEvals?: number | undefined;
  /** Working time of the search, interruptions not counted. */
  readonly minutes?: number | undefined;
  readonly generations?: number | undefined;
}

/** What a search has used up. */
export interface Spent {
  readonly evaluations: number;
  readonly generations: number;
  readonly minutes: number;
}

/** Evaluations that any search gets by default, and those that each further gene adds. */
const DEFAULT_EVALUATIONS = 100;
const DEFAULT_EVALUATIONS_PER_GENE = 10;

/** The default number of evaluations: 100 + 10 a gene, in whole generations. */
export function defaultEvaluations(dimension: number, population: number): number {
  const wanted = DEFAULT_EVALUATIONS + DEFAULT_EVALUATIONS_PER_GENE * dimension;
  return Math.ceil(wanted / population) * population;
}

/**
 * The limits that hold: those of the command line, else those of the file, else the default.
 * @throws TsmergeError `usage` for a limit that is not above zero
 */
export function resolveBudget(
  given: Budget,
  file: Budget,
  dimension: number,
  population: number,
): { budget: Budget; note: string | undefined } {
  const chosen = isEmpty(given) ? file : given;
  requirePositive("--max-evals", chosen.maxEvals, true);
  requirePositive("--generations", chosen.generations, true);
  requirePositive("--budget-minutes", chosen.minutes, false);
  if (!isEmpty(chosen)) return { budget: chosen, note: undefined };
  const maxEvals = defaultEvaluations(dimension, population);
  return {
    budget: { maxEvals },
    note: `no budget given: ${maxEvals} evaluations for ${dimension} genes (--max-evals, --budget-minutes or --generations change it)`,
  };
}

/** Which limit is met, in words, or undefined while there is something left. */
export function exhausted(budget: Budget, spent: Spent): string | undefined {
  const { maxEvals, generations, minutes } = budget;
  if (maxEvals !== undefined && spent.evaluations >= maxEvals)
    return `${maxEvals} evaluations done`;
  if (generations !== undefined && spent.generations >= generations) {
    return `${generations} generations done`;
  }
  if (minutes !== undefined && spent.minutes >= minutes) return `${minutes} minutes used`;
  return undefined;
}

/** Evaluations that the limits allow in all, as far as they can be counted; undefined under minutes alone. */
export function plannedEvaluations(budget: Budget, population: number): number | undefined {
  const { maxEvals, generations } = budget;
  const byGenerations = generations === undefined ? undefined : generations * population;
  if (maxEvals === undefined) return byGenerations;
  return byGenerations === undefined ? maxEvals : Math.min(maxEvals, byGenerations);
}

function isEmpty(budget: Budget): boolean {
  const { maxEvals, minutes, generations } = budget;
  return maxEvals === undefined && minutes === undefined && generations === undefined;
}

function requirePositive(flag: string, value: number | undefined, whole: boolean): void {
  if (value === undefined || (value > 0 && (!whole || Number.isInteger(value)))) return;
  const kind = whole ? "a whole number" : "a number";
  throw new TsmergeError("usage", `${flag} must be ${kind} above zero, not ${value}`);
}
