// What may be said about a score or a difference: intervals and tests over items. Everything that draws
// random numbers is seeded, and all candidates share the draws.

import { errorFunction, quantileSorted } from "simple-statistics";
import { streamKey, uniform } from "../../base/counter-rng.ts";
import { TsmergeError } from "../../base/errors.ts";

export interface Bounds {
  readonly low: number;
  readonly high: number;
}

/** The standard normal's 97.5 % quantile: two-sided 95 %. */
export const Z95 = 1.959963984540054;

/**
 * Wilson's score interval for a proportion (Wilson 1927):
 * (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n).
 * @param z quantile of the standard normal; 95 % by default
 */
export function wilson(successes: number, n: number, z = Z95): Bounds {
  if (n < 1 || successes < 0 || successes > n) {
    throw new TsmergeError("internal", `no proportion: ${successes} of ${n}`);
  }
  const p = successes / n;
  const z2 = z * z;
  const centre = p + z2 / (2 * n);
  const half = z * Math.sqrt((p * (1 - p)) / n + z2 / (4 * n * n));
  const scale = 1 + z2 / n;
  // At the ends the bound is the end itself; rounding would leave it a hair outside.
  return {
    low: successes === 0 ? 0 : (centre - half) / scale,
    high: successes === n ? 1 : (centre + half) / scale,
  };
}

/**
 * Exact McNemar test of two models on the same items: the two-sided binomial test of min(gained, lost) in
 * gained + lost at 1/2 (McNemar 1947). Returns p; 1 when no item differs.
 * @param gained items that only the first model has right
 * @param lost items that only the second has right
 */
export function mcnemar(gained: number, lost: number): number {
  const n = gained + lost;
  const k = Math.min(gained, lost);
  if (2 * k === n) return 1;
  // P(X = k) in logarithms, since 2⁻ⁿ underflows; then the tail by ratios of neighbours.
  let logTerm = -n * Math.LN2;
  for (let i = 1; i <= k; i++) logTerm += Math.log((n - k + i) / i);
  let ratio = 1;
  let tail = 1;
  for (let i = k; i > 0; i--) {
    ratio *= i / (n - i + 1);
    tail += ratio;
  }
  return Math.min(1, 2 * tail * Math.exp(logTerm));
}

/** p of a difference that is normal with this standard error, against no difference; 1 where nothing differs. */
export function twoSided(difference: number, stderr: number): number {
  if (difference === 0) return 1;
  return Math.max(0, 1 - errorFunction(Math.abs(difference) / stderr / Math.SQRT2));
}

/**
 * Adjusts p-values for making several tests (Holm 1979): compared with 0.05, the family's error stays
 * below 5 %. The order of the input is kept.
 */
export function holm(pValues: readonly number[]): number[] {
  const order = [...pValues.keys()].sort((a, b) => pValues[a]! - pValues[b]!);
  const adjusted = new Array<number>(pValues.length);
  let largest = 0;
  order.forEach((index, rank) => {
    largest = Math.max(largest, Math.min(1, (pValues.length - rank) * pValues[index]!));
    adjusted[index] = largest;
  });
  return adjusted;
}

/** What resampling the items says about the means of several candidates. */
export interface Bootstrap {
  /** 95 % percentile interval of each candidate's mean. */
  readonly intervals: readonly Bounds[];
  /** How often each candidate has the highest mean; ties share. Sums to 1. */
  readonly best: readonly number[];
  /** 95 % percentile interval of the first candidate's mean minus each candidate's. */
  readonly deltas: readonly Bounds[];
}

export interface BootstrapOptions {
  readonly seed: number;
  /**
   * Group of each item, [items]: whole groups are resampled, since items of one (a subject, a passage) rise and
   * fall together (Davison & Hinkley 1997, § 3.8). Absent: each item is its own.
   */
  readonly groups?: readonly string[] | undefined;
  readonly draws?: number | undefined;
}

/** Draws that make a percentile interval stable in its second digit. */
const DRAWS = 2000;

/**
 * Paired bootstrap (Efron 1979): items, or groups of them, are resampled, and every candidate's mean is taken
 * over the same resampled items.
 * @param values one list a candidate, [candidates][items], the same items in the same order
 */
export function pairedBootstrap(
  values: readonly (readonly number[])[],
  { seed, groups, draws = DRAWS }: BootstrapOptions,
): Bootstrap {
  const n = values[0]?.length ?? 0;
  if (n === 0 || values.some((list) => list.length !== n) || (groups?.length ?? n) !== n) {
    throw new TsmergeError(
      "internal",
      "a paired bootstrap needs the same items for every candidate",
    );
  }
  const names = groups === undefined ? undefined : [...new Set(groups)];
  const indexOf = new Map(names?.map((name, index) => [name, index]));
  const unitOf = Int32Array.from({ length: n }, (_, i) => indexOf.get(groups?.[i] ?? "") ?? i);
  const units = names?.length ?? n;
  const sizes = summed(unitOf, units, () => 1);
  const sums = values.map((list) => summed(unitOf, units, (i) => list[i]!));

  const means = values.map(() => new Float64Array(draws)); // [candidates][draws]
  const best = values.map(() => 0);
  const key = streamKey("bootstrap", seed);
  const counts = new Int32Array(units);
  for (let draw = 0; draw < draws; draw++) {
    counts.fill(0);
    for (let i = 0; i < units; i++) {
      counts[Math.floor(uniform(key, draw * units + i) * units)]!++;
    }
    const items = dot(counts, sizes);
    sums.forEach((own, candidate) => {
      means[candidate]![draw] = dot(counts, own) / items;
    });
    const top = means.reduce((high, each) => Math.max(high, each[draw]!), -Infinity);
    const winners = [...means.keys()].filter((candidate) => means[candidate]![draw] === top);
    for (const winner of winners) best[winner]! += 1 / winners.length / draws;
  }
  const deltas = means.map((each) => means[0]!.map((mean, draw) => mean - each[draw]!));
  return {
    intervals: means.map((each) => percentiles95(each, units)),
    best,
    deltas: deltas.map((each) => percentiles95(each, units)),
  };
}

/** Sums over the items of each unit, [units]. */
function summed(unitOf: Int32Array, units: number, value: (item: number) => number): Float64Array {
  const sums = new Float64Array(units);
  unitOf.forEach((unit, item) => {
    sums[unit]! += value(item);
  });
  return sums;
}

function dot(counts: Int32Array, values: Float64Array): number {
  return counts.reduce((sum, count, i) => (count === 0 ? sum : sum + count * values[i]!), 0);
}

/**
 * The expanded percentile interval (Hesterberg 2015, doi:10.1080/00031305.2015.1089789): percentiles further
 * out by what resampling `units` units understates, √(n/(n−1)) and Student's t over the normal.
 */
function percentiles95(samples: Float64Array, units: number): Bounds {
  const sorted = [...samples].sort((a, b) => a - b);
  const outer = -Math.sqrt(units / Math.max(1, units - 1)) * studentT95(Math.max(1, units - 1));
  const tail = (1 + errorFunction(outer / Math.SQRT2)) / 2;
  return { low: quantileSorted(sorted, tail), high: quantileSorted(sorted, 1 - tail) };
}

/** Student's 97.5 % quantile by Cornish and Fisher's expansion (Abramowitz & Stegun 26.7.5); from 10 degrees on good to 1e-3. */
function studentT95(degrees: number): number {
  const z = Z95;
  const second = (z ** 3 + z) / (4 * degrees);
  const third = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * degrees ** 2);
  return z + second + third;
}

/**
 * Kendall's tau-a of two rankings of the same things: (concordant − discordant) pairs over all pairs
 * (Kendall 1938). Pairs that are equal in either count for neither; 1 for fewer than two things.
 */
export function kendallTau(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  for (let i = 1; i < a.length; i++) {
    for (let j = 0; j < i; j++) sum += Math.sign(a[i]! - a[j]!) * Math.sign(b[i]! - b[j]!);
  }
  return a.length < 2 ? 1 : sum / ((a.length * (a.length - 1)) / 2);
}
