// The final table's numbers: a model's score on the report items with its interval, and the paired comparison of two
// models that answered the same items. Answers that are right or wrong are counted; any other metric is averaged.

import { TsmergeError } from "../../base/errors.ts";
import { intervalAround } from "../../evals/interval.ts";
import type { ItemScore } from "../../evals/item.ts";
import { type Estimate, estimateMean, type MetricKey, metricOf } from "../../evals/metrics.ts";
import {
  mcnemar,
  pairedBootstrap,
  twoSided,
  wilson,
  Z95,
} from "../../evals/statistics/statistics.ts";
import {
  type Contributions,
  contributions,
  fitnessOf,
  oriented,
  taskEstimate,
  taskValues,
  type WeightedTask,
} from "./fitness.ts";
import type { Comparison, Interval } from "./results.ts";

/**
 * Whether the report counts right answers: of every task it can, and all weigh the same. A count would follow the
 * numbers of items, not the weights that were asked for.
 */
export function isCounted(tasks: readonly WeightedTask[]): boolean {
  return (
    tasks.every((task) => task.isCounted) && new Set(tasks.map(({ weight }) => weight)).size <= 1
  );
}

/**
 * A model's score on the report items: the share of right answers over all items with Wilson's interval, or the
 * weighted mean of the tasks' reported metrics, which is of one task the metric itself, ± 1.96 standard errors; of a
 * perplexity those of its logarithm.
 */
export function reportedScore(
  tasks: readonly WeightedTask[],
  scores: readonly ItemScore[],
): Interval {
  if (isCounted(tasks)) return countedScore(tasks, scores);
  const fitness = fitnessOf(tasks, scores, ({ reported }) => reported);
  const [task] = tasks;
  return tasks.length === 1 && task !== undefined
    ? around({ ...fitness, value: oriented(task, fitness.value) }, task.reported)
    : around(fitness);
}

/** The same of each leaf task, in order of first item. */
export function reportedByLeaf(
  tasks: readonly WeightedTask[],
  scores: readonly ItemScore[],
): Record<string, Interval> {
  const leaves = [...new Set(scores.map((score) => score.task))];
  return Object.fromEntries(
    leaves.map((leaf) => {
      const task = { ...ownerOf(tasks, leaf), leaves: [leaf] };
      const own = scores.filter((score) => score.task === leaf);
      return [leaf, reportedScore([task], own)];
    }),
  );
}

/** From so many leaf tasks on, subjects are what is resampled: their questions rise and fall together. */
const FEWEST_GROUPS = 20;

/** What a paired bootstrap resamples: items, or leaf tasks where there are many. */
export function groupsOf({ leaves }: Contributions): readonly string[] | undefined {
  return new Set(leaves).size >= FEWEST_GROUPS ? leaves : undefined;
}

/**
 * One model against another, item by item: McNemar's test of right answers, or a z-test of the mean difference;
 * beside it the difference's 95 % interval by paired bootstrap.
 * @throws TsmergeError as requireSameItems
 */
export function compare(
  tasks: readonly WeightedTask[],
  ours: readonly ItemScore[],
  theirs: readonly ItemScore[],
  seed: number,
): Comparison {
  const test = tested(tasks, ours, theirs);
  // resampling says nothing of one item, nor of a score without items
  if (ours.length < 2 || ours.some(({ summary }) => summary !== undefined)) return test;
  const items = [ours, theirs].map((scores) => reportedItems(tasks, scores));
  const groups = groupsOf(items[0]!);
  const values = items.map((one) => one.values);
  return { ...test, ...pairedBootstrap(values, { seed, groups }).deltas[1]! };
}

/**
 * Only answers to the same items can be compared.
 * @throws TsmergeError `data` when two models did not answer the same items in the same order: a program's doing
 */
export function requireSameItems(ours: readonly ItemScore[], theirs: readonly ItemScore[]): void {
  const nameOf = ({ task, hash }: ItemScore): string => `${task} ${hash}`;
  const differs = (score: ItemScore, i: number): boolean =>
    nameOf(score) !== (theirs[i] && nameOf(theirs[i]));
  const odd = ours.find(differs) ?? theirs[ours.length];
  if (odd === undefined) return;
  throw new TsmergeError("data", `two models were scored on different items of ${odd.task}`, {
    hint: "a program has to report the same items in the same order for every model of a split",
  });
}

/**
 * The comparison without its interval, which costs 2,000 resamples: for choosing a rival.
 * @throws TsmergeError as requireSameItems
 */
export function tested(
  tasks: readonly WeightedTask[],
  ours: readonly ItemScore[],
  theirs: readonly ItemScore[],
): Comparison {
  requireSameItems(ours, theirs);
  if (!isCounted(tasks)) return meanDifference(tasks, ours, theirs);
  const isRight = ours.map((_, index) => [
    rightOf(tasks, ours[index]!),
    rightOf(tasks, theirs[index]!),
  ]);
  const gained = isRight.filter(([our, their]) => our! > their!).length;
  const lost = isRight.filter(([our, their]) => our! < their!).length;
  const delta = (gained - lost) / ours.length;
  return { delta, gained, lost, p: mcnemar(gained, lost), low: null, high: null };
}

/** What each item adds to the reported score. */
export function reportedItems(
  tasks: readonly WeightedTask[],
  scores: readonly ItemScore[],
): Contributions {
  if (!isCounted(tasks)) return contributions(tasks, scores, ({ reported }) => reported);
  return {
    values: scores.map((score) => rightOf(tasks, score)),
    leaves: scores.map(({ task }) => task),
  };
}

/** A task's value by the metric of the search, with its interval. @param scores maybe of other tasks, too */
export function searchedScore(task: WeightedTask, scores: readonly ItemScore[]): Interval {
  const { metric, reported, isCounted: counted, leaves } = task;
  return counted && metric === reported
    ? countedScore(
        [task],
        scores.filter((score) => leaves.includes(score.task)),
      )
    : around(taskEstimate(task, scores), metric);
}

function countedScore(tasks: readonly WeightedTask[], scores: readonly ItemScore[]): Interval {
  const right = scores.map((score) => rightOf(tasks, score));
  const { value, n, stderr } = estimateMean(right);
  const { low, high } = wilson(Math.round(value * n), n);
  return { value, n, stderr, low, high };
}

/** 1 for a right answer, 0 for a wrong one. */
function rightOf(tasks: readonly WeightedTask[], score: ItemScore): number {
  return metricOf(score, ownerOf(tasks, score.task).reported);
}

/** The first task that asked for a leaf. */
function ownerOf(tasks: readonly WeightedTask[], leaf: string): WeightedTask {
  const owner = tasks.find(({ leaves }) => leaves.includes(leaf));
  if (owner !== undefined) return owner;
  throw new TsmergeError("internal", `no task asked for ${leaf}`);
}

/** An estimate ± 1.96 standard errors; of a perplexity those of its logarithm. */
export function around(estimate: Estimate, metric?: MetricKey): Interval {
  const { value, n, stderr } = estimate;
  return { value, n, stderr, ...(intervalAround(estimate, metric) ?? { low: null, high: null }) };
}

function meanDifference(
  tasks: readonly WeightedTask[],
  ours: readonly ItemScore[],
  theirs: readonly ItemScore[],
): Comparison {
  const { value: delta, stderr } = reportedDifference(tasks, ours, theirs);
  if (stderr === null) return { delta, p: null, low: null, high: null };
  const half = Z95 * stderr;
  return { delta, p: twoSided(delta, stderr), low: delta - half, high: delta + half };
}

/**
 * How much better one model is by the reported metrics: Σ w·difference / Σ w over tasks, more always being better;
 * its variance adds the tasks' own. The error is null where one task's is.
 */
export function reportedDifference(
  tasks: readonly WeightedTask[],
  ours: readonly ItemScore[],
  theirs: readonly ItemScore[],
): Pick<Estimate, "value" | "stderr"> {
  let [weights, sum, variance]: [number, number, number | null] = [0, 0, 0];
  for (const task of tasks) {
    const { weight, reported } = task;
    const { value, stderr } = taskDifference(task, reported, ours, theirs);
    weights += weight;
    sum += weight * value;
    variance = variance === null || stderr === null ? null : variance + (weight * stderr) ** 2;
  }
  return { value: sum / weights, stderr: variance === null ? null : Math.sqrt(variance) / weights };
}

/**
 * How much better one model is in a task by a metric, more always being better: item by item, or without items from
 * two independent scores. The error is null where one score has none.
 */
export function taskDifference(
  task: WeightedTask,
  metric: MetricKey,
  ours: readonly ItemScore[],
  theirs: readonly ItemScore[],
): Pick<Estimate, "value" | "stderr"> {
  const [our, their] = [taskValues(task, ours, metric), taskValues(task, theirs, metric)];
  if (our.values.length > 1) {
    return estimateMean(our.values.map((value, i) => oriented(task, value - their.values[i]!)));
  }
  const [a, b] = [our.estimate, their.estimate];
  const stderr = a.stderr === null || b.stderr === null ? null : Math.hypot(a.stderr, b.stderr);
  return { value: oriented(task, a.value - b.value), stderr };
}
