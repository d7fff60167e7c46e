// One number for a candidate: the weighted mean of its tasks' metrics. It is a function of item scores
// alone, so neither reuse nor a restart can change it.

import { TsmergeError } from "../base/errors.ts";
import type { ItemScore } from "../evals/item.ts";
import type { Metric } from "../evals/metrics.ts";
import { type Estimate, estimateMean, metricOf } from "../evals/metrics.ts";

/** A task that was asked for, and how much it counts. */
export interface WeightedTask {
  readonly name: string;
  readonly weight: number;
  readonly metric: Metric;
  /** Its leaf tasks; every item of them counts the same. */
  readonly leaves: readonly string[];
}

/**
 * Σ w·mean / Σ w over the tasks; the standard error adds the tasks' own in quadrature.
 * @throws TsmergeError `data` when a task has no item among the scores
 */
export function fitnessOf(tasks: readonly WeightedTask[], scores: readonly ItemScore[]): Estimate {
  let weights = 0;
  let sum = 0;
  let variance = 0;
  let n = 0;
  for (const { name, weight, metric, leaves } of tasks) {
    const own = scores.filter((score) => leaves.includes(score.task));
    if (own.length === 0) {
      throw new TsmergeError("data", `task ${name} has no item in this split`, {
        hint: "raise --limit, or leave the task out",
      });
    }
    const estimate = estimateMean(own.map((score) => metricOf(score, metric)));
    weights += weight;
    sum += weight * estimate.value;
    // one item alone says nothing of its spread
    variance += (weight * (estimate.stderr ?? 0)) ** 2;
    n += estimate.n;
  }
  return { n, value: sum / weights, stderr: Math.sqrt(variance) / weights };
}
