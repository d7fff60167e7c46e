// What a finished run says, as data with a schema version: results.json, --json and the final table are
// this. Every score carries its n and its interval, every claim its paired test.

import type { Metric } from "../evals/metrics.ts";

/** Bumped when a field changes its meaning or goes away. */
export const RESULTS_SCHEMA = 1;

/** What counts as a right answer in the report. */
export type ReportMetric = "acc" | "acc_norm";

/** How the search ended. */
export interface SearchEnd {
  /** Which limit was met, or why the strategy wants no more, in words. */
  readonly ended: string;
  /** Candidates asked for and settled; repeated recipes count, baselines do not. */
  readonly evaluations: number;
  /** Generations told. */
  readonly generations: number;
  readonly failed: number;
}

export interface Interval {
  readonly value: number;
  readonly n: number;
  readonly stderr: number;
  /** Wilson's 95 % interval. */
  readonly low: number;
  readonly high: number;
}

/** The winner against another model on the same items. */
export interface Comparison {
  readonly delta: number;
  /** Items that only the first, and only the second, answers right. */
  readonly gained: number;
  readonly lost: number;
  /** Two-sided exact McNemar p. */
  readonly p: number;
}

export type Role = "winner" | "parent" | "base" | "equal";

/** One line of the final table, on report items. */
export interface ReportRow {
  readonly role: Role;
  readonly label: string;
  /** Highest on the selection items: the row that the run hands back. */
  readonly won: boolean;
  /** Highest accuracy on the report items among the models that went in. */
  readonly bestParent: boolean;
  readonly accuracy: Interval;
  /** Accuracy of each leaf task. */
  readonly tasks: Readonly<Record<string, Interval>>;
  /** The run's fitness on report items. */
  readonly fitness: number;
  /** Absent for the model that is compared with. */
  readonly againstBestParent?: Comparison;
  readonly againstEqualWeights?: Comparison;
}

/** One model of the shortlist; the winner is the one with the highest selection score. */
export interface ShortlistEntry {
  readonly label: string;
  readonly kind: "baseline" | "mean" | "search";
  readonly recipeHash: string;
  /** Absent for the mean, which the search did not score. */
  readonly search?: number;
  /** Absent when it failed there. */
  readonly selection?: number;
}

export interface EvolveResult {
  readonly schemaVersion: typeof RESULTS_SCHEMA;
  readonly identity: string;
  readonly seed: number;
  /** What the search maximised, in words: the tasks' metrics. */
  readonly metric: string;
  readonly tasks: readonly {
    readonly name: string;
    readonly weight: number;
    readonly metric: Metric;
  }[];
  readonly reportMetric: ReportMetric;
  readonly improved: boolean;
  /** One sentence that says what was shown, or that nothing was. */
  readonly verdict: string;
  readonly winner: {
    readonly label: string;
    readonly recipeHash: string;
    /** The text of best_config.yaml. */
    readonly recipe: string;
  };
  readonly report: readonly ReportRow[];
  readonly shortlist: readonly ShortlistEntry[];
  readonly search: SearchEnd;
  readonly items: { readonly search: number; readonly selection: number; readonly report: number };
  /** How many different winners have been scored on the report items: above 1 after an extension. */
  readonly reportLooks: number;
}

/** Below this p the difference is said to be shown (two-sided). */
export const SIGNIFICANCE = 0.05;

export const NO_IMPROVEMENT = "no improvement shown";

/**
 * The sentence under the final table. An improvement is claimed only when the winner is a merge that beats
 * the best parent and the equal-weight merge, each with p < 0.05.
 */
export function verdictOf(rows: readonly ReportRow[]): { improved: boolean; verdict: string } {
  const winner = rows.find((row) => row.role === "winner");
  if (winner === undefined) {
    return {
      improved: false,
      verdict: `a baseline scored best on the selection items: ${NO_IMPROVEMENT}`,
    };
  }
  const rivals = [
    { name: "the best parent", comparison: winner.againstBestParent },
    { name: "equal weights", comparison: winner.againstEqualWeights },
  ].flatMap(({ name, comparison }) => (comparison === undefined ? [] : [{ name, comparison }]));
  const words = rivals
    .map(
      ({ name, comparison }) =>
        `${points(comparison.delta)} against ${name} (p ${pValue(comparison.p)})`,
    )
    .join(", ");
  const improved =
    rivals.length > 0 &&
    rivals.every(({ comparison }) => comparison.delta > 0 && comparison.p < SIGNIFICANCE);
  return {
    improved,
    verdict: improved ? `improved: ${words}` : `${words}: ${NO_IMPROVEMENT}`,
  };
}

/** `+8.2 points` */
function points(delta: number): string {
  return `${delta < 0 ? "−" : "+"}${Math.abs(delta * 100).toFixed(1)} points`;
}

/** `= 0.013`, or `< 0.0001` where more digits would mean nothing. */
function pValue(p: number): string {
  return p < 0.0001 ? "< 0.0001" : `= ${p.toPrecision(2)}`;
}
