// The final table's numbers: accuracy with Wilson's interval, and the paired comparison of two models that
// answered the same items.

import { TsmergeError } from "../base/errors.ts";
import type { ItemScore } from "../evals/item.ts";
import { estimateMean } from "../evals/metrics.ts";
import { mcnemar, wilson } from "../evals/statistics.ts";
import type { Comparison, Interval, ReportMetric } from "./results.ts";

function isRight(score: ItemScore, metric: ReportMetric): boolean {
  return (metric === "acc" ? score.acc : score.accNorm) === 1;
}

/** Share of right answers with its 95 % interval. */
export function accuracyOf(scores: readonly ItemScore[], metric: ReportMetric): Interval {
  const right = scores.map((score) => (isRight(score, metric) ? 1 : 0));
  const { value, n, stderr } = estimateMean(right);
  const { low, high } = wilson(Math.round(value * n), n);
  return { value, n, stderr: stderr ?? 0, low, high };
}

/** Accuracy of each leaf task, in order of first item. */
export function accuracyByTask(
  scores: readonly ItemScore[],
  metric: ReportMetric,
): Record<string, Interval> {
  const tasks = [...new Set(scores.map((score) => score.task))];
  return Object.fromEntries(
    tasks.map((task) => [
      task,
      accuracyOf(
        scores.filter((score) => score.task === task),
        metric,
      ),
    ]),
  );
}

/**
 * One model against another, item by item.
 * @throws TsmergeError `internal` when they did not answer the same items in the same order
 */
export function compare(
  ours: readonly ItemScore[],
  theirs: readonly ItemScore[],
  metric: ReportMetric,
): Comparison {
  let gained = 0;
  let lost = 0;
  if (ours.length !== theirs.length) throw unpaired();
  for (const [index, our] of ours.entries()) {
    const their = theirs[index]!;
    if (our.hash !== their.hash || our.task !== their.task) throw unpaired();
    if (isRight(our, metric) && !isRight(their, metric)) gained++;
    if (!isRight(our, metric) && isRight(their, metric)) lost++;
  }
  return { delta: (gained - lost) / ours.length, gained, lost, p: mcnemar(gained, lost) };
}

function unpaired(): TsmergeError {
  return new TsmergeError("internal", "two models were compared on different items");
}
