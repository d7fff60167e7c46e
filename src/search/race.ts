// A race within one generation: all candidates get the same next items, then some stop. Pure: it sees every
// candidate's values on the same items and decides at fixed points (rungs), so order of arrival changes nothing.
// Candidates are stopped only if they will hardly be among the parents; who wins is not its business.

import { midPMcnemar, wilcoxonSignedRank } from "../evals/statistics/paired-tests.ts";

export interface RaceRules {
  /**
   * `test`: those stop that are significantly worse than the last parent, paired by item (a selection race,
   * Heidrich-Meisner & Igel 2009). `halving`: the better half goes on, with twice the items (successive
   * halving, Jamieson & Talwalkar 2016, arXiv:1502.07943).
   */
  readonly rule: "test" | "halving";
  /** Portions that the items come in, at least 2. */
  readonly rungs: number;
  /** `test`: the chance to stop a candidate that is as good as the last parent, spent evenly over the rungs. */
  readonly error: number;
}

export const RACE_DEFAULTS: Omit<RaceRules, "rule"> = { rungs: 4, error: 0.3 };

/** Fewer items than this decide nothing: where all rungs would be smaller, there are fewer rungs. */
const LEAST_ITEMS = 20;

/** How many items each candidate still in the race has had after each rung, ascending; the last is `items`. */
export function rungEnds(items: number, { rule, rungs }: RaceRules): number[] {
  const share = (rung: number): number =>
    rule === "halving" ? 2 ** (rung + 1 - rungs) : (rung + 1) / rungs;
  const ends = Array.from({ length: rungs }, (_, rung) => Math.round(items * share(rung)));
  const enough = ends.filter((end, rung) => rung === rungs - 1 || end >= LEAST_ITEMS);
  return enough.filter((end, index) => end > (enough[index - 1] ?? 0));
}

/**
 * Which candidates stop after a rung that is not the last, ascending.
 * @param values what each candidate still in the race got on each item so far, [candidates][items], higher
 * is better; all 0 or 1 is tested by mid-p McNemar, anything else by Wilcoxon's signed ranks
 * @param parents how many of a generation the strategy breeds from: so many are never stopped
 */
export function stopped(
  values: readonly (readonly number[])[],
  parents: number,
  { rule, rungs, error }: RaceRules,
): number[] {
  const means = values.map((own) => own.reduce((sum, value) => sum + value, 0) / own.length);
  const order = means.map((_, k) => k).sort((a, b) => means[b]! - means[a]! || a - b);
  if (rule === "halving") {
    const kept = Math.max(2, Math.ceil(values.length / 2));
    return order.slice(kept).sort((a, b) => a - b);
  }
  const last = order[Math.min(parents, order.length) - 1]!;
  const level = error / (rungs - 1);
  return order
    .slice(parents)
    .filter((k) => chanceAsGood(values[k]!, values[last]!) < level)
    .sort((a, b) => a - b);
}

/** The one-sided p-value of being no worse than the other on the same items. */
function chanceAsGood(own: readonly number[], other: readonly number[]): number {
  const isBinary = [own, other].every((list) => list.every((value) => value === 0 || value === 1));
  if (!isBinary) return wilcoxonSignedRank(own.map((value, i) => value - other[i]!));
  const gained = own.filter((value, i) => value > other[i]!).length;
  const lost = own.filter((value, i) => value < other[i]!).length;
  return midPMcnemar(gained, lost);
}

/** A candidate of a raced generation: its mean over the items it had, and the rung after which it stopped. */
export interface Raced {
  /** -Infinity for one that failed. */
  readonly fitness: number;
  /** undefined when it had all items. */
  readonly stoppedAfter: number | undefined;
}

/**
 * Fitness values that rank a raced generation, [candidates]: whoever stopped comes below everyone who went
 * on, and among those who stopped together the means decide. Those who had all items keep their fitness.
 */
export function racedFitness(candidates: readonly Raced[]): number[] {
  const rungOf = (k: number): number => candidates[k]!.stoppedAfter ?? Number.POSITIVE_INFINITY;
  const order = candidates
    .map((_, k) => k)
    .filter((k) => Number.isFinite(candidates[k]!.fitness))
    .sort((a, b) => rungOf(b) - rungOf(a) || candidates[b]!.fitness - candidates[a]!.fitness);
  const told = candidates.map(() => Number.NEGATIVE_INFINITY);
  order.forEach((k, place) => {
    const { fitness, stoppedAfter } = candidates[k]!;
    const above = order[place - 1];
    if (above === undefined || fitness < told[above]!) told[k] = fitness;
    else if (rungOf(above) === rungOf(k) && candidates[above]!.fitness === fitness) {
      told[k] = told[above]!;
    } else told[k] = stoppedAfter === undefined ? fitness : below(told[above]!);
  });
  return told;
}

/** A number that is smaller, by little. */
function below(value: number): number {
  return value - Math.max(1e-12, Math.abs(value) * 1e-12);
}
