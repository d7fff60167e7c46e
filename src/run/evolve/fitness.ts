// One number for a candidate: the weighted mean of its tasks' metrics, of those that are minimised with the sign
// turned. It is a function of item scores alone, so neither reuse nor a restart can change it.

import { TsmergeError } from "../../base/errors.ts";
import type { ItemScore } from "../../evals/item.ts";
import { type Estimate, estimateMean, itemValues, type MetricKey } from "../../evals/metrics.ts";

/** A task that was asked for, and how much it counts. */
export interface WeightedTask {
  readonly name: string;
  readonly weight: number;
  /** What the search uses. */
  readonly metric: MetricKey;
  /** What the report says. */
  readonly reported: MetricKey;
  /** Less is better. */
  readonly isMinimised: boolean;
  /** Reported answers are right or wrong, so that they can be counted. */
  readonly isCounted: boolean;
  /** A program that is not told the split, and so reports what the search has seen. */
  readonly isBlind?: boolean;
  /** Its leaf tasks; every item of them counts the same. */
  readonly leaves: readonly string[];
}

/**
 * Values of a task's items, the mean of which is the task's value; one alone, with what is said of its spread, where
 * a program reports no items.
 * @throws TsmergeError `data` when the task has no item among the scores
 */
export function taskValues(
  { name, leaves }: WeightedTask,
  scores: readonly ItemScore[],
  metric: MetricKey,
): { readonly values: number[]; readonly estimate: Estimate } {
  const own = scores.filter((score) => leaves.includes(score.task));
  if (own.length === 0) {
    throw new TsmergeError("data", `task ${name} has no item in this split`, {
      hint: "raise --limit, or leave the task out",
    });
  }
  const values = itemValues(own, metric);
  return { values, estimate: { ...estimateMean(values), ...own[0]?.summary } };
}

/** A task's metric, as it is. */
export function taskEstimate(task: WeightedTask, scores: readonly ItemScore[]): Estimate {
  return taskValues(task, scores, task.metric).estimate;
}

/** A task's value with more always being better. */
export function oriented({ isMinimised }: WeightedTask, value: number): number {
  return isMinimised ? -value : value;
}

/**
 * Σ w·±mean / Σ w over the tasks; the standard error adds the tasks' own in quadrature, and is null if one is.
 * @param metricOf which metric of a task; what the search uses by default
 */
export function fitnessOf(
  tasks: readonly WeightedTask[],
  scores: readonly ItemScore[],
  metricOf: (task: WeightedTask) => MetricKey = ({ metric }) => metric,
): Estimate {
  let weights = 0;
  let sum = 0;
  let variance: number | null = 0;
  let n = 0;
  for (const task of tasks) {
    const { weight } = task;
    const { estimate } = taskValues(task, scores, metricOf(task));
    weights += weight;
    sum += weight * oriented(task, estimate.value);
    const { stderr } = estimate;
    variance = variance === null || stderr === null ? null : variance + (weight * stderr) ** 2;
    n += estimate.n;
  }
  const stderr = variance === null ? null : Math.sqrt(variance) / weights;
  return { n, value: sum / weights, stderr };
}

/** `logprob ↑`, or of several tasks `0.7 arc_easy acc ↑, 0.3 wikitext bits_per_byte ↓`. */
export function objectiveName(
  tasks: readonly WeightedTask[],
  metricOf: (task: WeightedTask) => MetricKey = ({ metric }) => metric,
): string {
  const named = tasks.map((task) => `${metricOf(task)} ${task.isMinimised ? "↓" : "↑"}`);
  if (new Set(named).size === 1 && new Set(tasks.map(({ weight }) => weight)).size === 1) {
    return named[0]!;
  }
  return tasks.map(({ name, weight }, i) => `${weight} ${name} ${named[i]}`).join(", ");
}

/** What each item adds to a candidate's score, and the leaf task it belongs to. */
export interface Contributions {
  /** [items], more is better; their mean is the score. */
  readonly values: readonly number[];
  readonly leaves: readonly string[];
}

/**
 * The items behind `fitnessOf` of the same scores, task by task. With one task their values are its metric's
 * own, the sign turned if less is better.
 * @param metricOf as of fitnessOf
 */
export function contributions(
  tasks: readonly WeightedTask[],
  scores: readonly ItemScore[],
  metricOf: (task: WeightedTask) => MetricKey = ({ metric }) => metric,
): Contributions {
  const values = tasks.map((task) => taskValues(task, scores, metricOf(task)).values);
  const weights = tasks.reduce((sum, { weight }) => sum + weight, 0);
  const count = values.reduce((sum, own) => sum + own.length, 0);
  return {
    values: tasks.flatMap((task, t) => {
      const own = values[t]!;
      const share = (task.weight * count) / (weights * own.length);
      return own.map((value) => share * oriented(task, value));
    }),
    leaves: tasks.flatMap(({ leaves }) =>
      scores.filter(({ task }) => leaves.includes(task)).map(({ task }) => task),
    ),
  };
}
