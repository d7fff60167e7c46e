// How long a search may go on. Whichever limit is met first ends it; limits are no part of a run's
// identity, so a larger budget extends a finished run.

import { TsmergeError } from "../../base/errors.ts";

export interface Budget {
  /** Candidates asked of the strategy; a recipe that was met before counts too, a baseline does not. */
  readonly maxEvals?: number | undefined;
  /** Search items that candidates are scored on, in all: a race's stopped ones count what they had. */
  readonly items?: number | undefined;
  /** Working time of the search, interruptions not counted. */
  readonly minutes?: number | undefined;
  readonly generations?: number | undefined;
}

/** What a search has used up. */
export interface Spent {
  readonly evaluations: number;
  readonly items: number;
  /** What one more candidate costs at most; above zero. */
  readonly itemsEach: number;
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

/** The limits that were asked for: those of the command line, else those of the file; maybe none. */
export function askedBudget(given: Budget, file: Budget): Budget {
  return isEmpty(given) ? file : given;
}

/**
 * The limits that hold: those that were asked for, else the default.
 * @throws TsmergeError `usage` for a limit that is not above zero
 */
export function resolveBudget(
  asked: Budget,
  dimension: number,
  population: number,
): { budget: Budget; note: string | undefined } {
  requirePositive("--max-evals", asked.maxEvals, true);
  requirePositive("--budget-items", asked.items, true);
  requirePositive("--generations", asked.generations, true);
  requirePositive("--budget-minutes", asked.minutes, false);
  if (!isEmpty(asked)) return { budget: asked, note: undefined };
  const maxEvals = defaultEvaluations(dimension, population);
  return {
    budget: { maxEvals },
    note: `no budget given: ${maxEvals} evaluations for ${dimension} genes (--max-evals, --budget-minutes or --generations change it)`,
  };
}

/**
 * Refuses a budget that buys no candidate.
 * @param itemsEach search items a candidate is scored on, 0 where nobody knows
 * @throws TsmergeError `usage`
 */
export function requireOneCandidate({ items }: Budget, itemsEach: number): void {
  if (items === undefined || items >= itemsEach) return;
  throw new TsmergeError(
    "usage",
    `a budget of ${items} items is less than the ${itemsEach} that one candidate is scored on`,
    { hint: `give --budget-items ${itemsEach} or more, or ask fewer questions with --limit` },
  );
}

/** How many more candidates the limits allow; Infinity where only time and generations are limited. */
export function candidatesLeft(budget: Budget, { evaluations, items, itemsEach }: Spent): number {
  const { maxEvals = Number.POSITIVE_INFINITY, items: most = Number.POSITIVE_INFINITY } = budget;
  return Math.min(maxEvals - evaluations, Math.floor((most - items) / itemsEach));
}

/** Which limit is met, in words, or undefined while there is something left. */
export function exhausted(budget: Budget, spent: Spent): string | undefined {
  const { generations, minutes } = budget;
  if (candidatesLeft(budget, spent) <= 0) return limitMet(budget, spent, 0);
  if (generations !== undefined && spent.generations >= generations) {
    return `${generations} generations done`;
  }
  if (minutes !== undefined && spent.minutes >= minutes) return `${minutes} minutes used`;
  return undefined;
}

/** The limit that leaves room for so many candidates only, in words. */
export function limitMet({ maxEvals, items }: Budget, spent: Spent, room: number): string {
  const isEvaluations = maxEvals !== undefined && maxEvals - spent.evaluations <= room;
  return isEvaluations ? `${maxEvals} evaluations done` : `${items} items used`;
}

/**
 * Evaluations that the limits allow in all, as far as they can be counted; undefined under minutes alone.
 * @param itemsEach 0 where only a program knows its items: theirs is no limit that can be counted yet
 */
export function plannedEvaluations(
  { maxEvals, generations, items }: Budget,
  population: number,
  itemsEach: number,
): number | undefined {
  const counts = [
    maxEvals,
    generations === undefined ? undefined : generations * population,
    items === undefined || itemsEach === 0 ? undefined : Math.floor(items / itemsEach),
  ].filter((count) => count !== undefined);
  return counts.length === 0 ? undefined : Math.min(...counts);
}

function isEmpty(budget: Budget): boolean {
  return Object.values(budget).every((limit) => limit === undefined);
}

function requirePositive(flag: string, value: number | undefined, whole: boolean): void {
  if (value === undefined || (value > 0 && (!whole || Number.isInteger(value)))) return;
  const kind = whole ? "a whole number" : "a number";
  throw new TsmergeError("usage", `${flag} must be ${kind} above zero, not ${value}`);
}
