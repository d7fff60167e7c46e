// What a finished run says, as data with a schema version: results.json, --json and the final table are
// this. Every score carries its n and its interval, every claim its paired test.

import type { MetricKey } from "../../evals/metrics.ts";

/** Bumped when a field changes its meaning or goes away. */
export const RESULTS_SCHEMA = 2;

/** How the search ended. */
export interface SearchEnd {
  /** Which limit was met, or why the strategy wants no more, in words. */
  readonly ended: string;
  /** Candidates asked for and settled; repeated recipes count, baselines do not. */
  readonly evaluations: number;
  /** Generations told. */
  readonly generations: number;
  readonly failed: number;
  /** Search items that candidates were scored on, in all. */
  readonly items: number;
  /** Candidates that a race stopped before they had all items. */
  readonly stopped: number;
}

export interface Interval {
  readonly value: number;
  readonly n: number;
  /** null where nothing says it, as of one item. */
  readonly stderr: number | null;
  /** The 95 % interval: Wilson's for shares of right answers. */
  readonly low: number | null;
  readonly high: number | null;
}

/** One model against another on the same items. */
export interface Comparison {
  /** How much better the first is: a share of the items, or in units of the metric. */
  readonly delta: number;
  /**
   * Its 95 % interval, by paired bootstrap over items, or over leaf tasks where they are 20 or more; null where
   * one item stands alone.
   */
  readonly low: number | null;
  readonly high: number | null;
  /** Items that only the first, and only the second, answers right; of answers that are counted. */
  readonly gained?: number;
  readonly lost?: number;
  /** Two-sided: exact McNemar for right answers, a paired z-test for means; null without items to pair. */
  readonly p: number | null;
}

export type Role = "winner" | "parent" | "base" | "equal" | "published";

/** One line of the final table, on report items. */
export interface ReportRow {
  readonly role: Role;
  readonly label: string;
  /** Chosen on the selection items: the row that the run hands back. */
  readonly won: boolean;
  /** Best score on the report items among the models that went in. */
  readonly bestParent: boolean;
  readonly score: Interval;
  /** Score of each leaf task. */
  readonly tasks: Readonly<Record<string, Interval>>;
  /** The run's fitness on report items. */
  readonly fitness: number;
  /** Absent for the model that is compared with. */
  readonly againstBestParent?: Comparison;
  readonly againstEqualWeights?: Comparison;
}

/** One model of the shortlist, from which the winner is chosen on the selection items (winner.ts). */
export interface ShortlistEntry {
  readonly label: string;
  readonly kind: "baseline" | "mean" | "search";
  readonly recipeHash: string;
  /** Absent for the mean, which the search did not score. */
  readonly search?: number;
  /** The fitness on the selection items; absent when it failed there. */
  readonly selection?: number;
  /** The reported metric on the same items, by which the winner is chosen. */
  readonly reported?: Interval;
  /** How often it is the best of the shortlist when the selection items are resampled. */
  readonly chance?: number;
  /** Against the best baseline there, adjusted for all of the shortlist's comparisons (Holm); of merges. */
  readonly p?: number | null;
}

/** One recipe of the front, on the selection items; the report is made for the winner alone. */
export interface FrontEntry {
  readonly label: string;
  readonly recipeHash: string;
  /** Each task by the search's metric. */
  readonly tasks: Readonly<Record<string, Interval>>;
  /** The text of its file in front/. */
  readonly recipe: string;
}

export interface EvolveResult {
  readonly schemaVersion: typeof RESULTS_SCHEMA;
  readonly identity: string;
  readonly seed: number;
  /** What the search followed, in words: the tasks' metrics and which way is better. */
  readonly metric: string;
  readonly tasks: readonly {
    readonly name: string;
    readonly weight: number;
    readonly metric: MetricKey;
    readonly reported: MetricKey;
    readonly direction: "maximise" | "minimise";
  }[];
  /** What the report says of every model, in words. */
  readonly reportMetric: string;
  /** Whether the report's scores are shares of right answers. */
  readonly isCounted: boolean;
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
  /** Of a strategy with several objectives: what no other finalist beats in every task, best in the first first. */
  readonly front?: readonly FrontEntry[];
  readonly search: SearchEnd;
  readonly items: { readonly search: number; readonly selection: number; readonly report: number };
  /** How many different winners have been scored on the report items: above 1 after an extension. */
  readonly reportLooks: number;
}

/** Below this p the difference is said to be shown (two-sided). */
const SIGNIFICANCE = 0.05;

const NO_IMPROVEMENT = "no improvement shown";

/**
 * The sentence under the final table. An improvement is claimed only when the winner is a merge that beats
 * the best parent and the equal-weight merge, each with p < 0.05.
 * @param isCounted whether differences are shares of right answers
 * @param blind programs that measured the report on what the search had seen: nothing is shown by them
 */
export function verdictOf(
  rows: readonly ReportRow[],
  { isCounted, blind }: { readonly isCounted: boolean; readonly blind: readonly string[] },
): { improved: boolean; verdict: string } {
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
    .map(({ name, comparison }) => {
      return `${gain(comparison.delta, isCounted)} against ${name} (${pValue(comparison.p)})`;
    })
    .join(", ");
  const improved =
    rivals.length > 0 &&
    rivals.every(({ comparison: { delta, p } }) => delta > 0 && p !== null && p < SIGNIFICANCE);
  if (blind.length > 0) {
    const seen = `${blind.join(", ")} may have asked the search's own questions again`;
    return { improved: false, verdict: `${words}, but ${seen}: ${NO_IMPROVEMENT}` };
  }
  return {
    improved,
    verdict: improved ? `improved: ${words}` : `${words}: ${NO_IMPROVEMENT}`,
  };
}

/** `+8.2 points`, or `better by 0.31` in units of the metric. */
function gain(delta: number, isCounted: boolean): string {
  if (isCounted) return `${delta < 0 ? "−" : "+"}${Math.abs(delta * 100).toFixed(1)} points`;
  return `${delta < 0 ? "worse" : "better"} by ${Math.abs(delta).toPrecision(3)}`;
}

/** `p = 0.013`, or `p < 0.0001` where more digits would mean nothing. */
function pValue(p: number | null): string {
  if (p === null) return "no test without items";
  return `p ${p < 0.0001 ? "< 0.0001" : `= ${p.toPrecision(2)}`}`;
}
