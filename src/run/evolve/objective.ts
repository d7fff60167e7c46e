// What a search follows in a task, and what its report says of it: from the metric that was asked for, or none, to
// a weighted task. Fails for a metric that a leaf does not have, before anything is computed.

import { TsmergeError } from "../../base/errors.ts";
import { didYouMean } from "../../base/suggest.ts";
import { isLowerBetter, type MetricKey } from "../../evals/metrics.ts";
import type { Asked, SuiteLeaf } from "../../evals/tasks/tasks.ts";
import type { TaskChoice } from "../../recipe/search/task-choice.ts";
import type { WeightedTask } from "./fitness.ts";

/** Of a task that no metric is asked of: the first that it has; smooth ones before counts. */
const PREFERRED: readonly string[] = ["logprob", "bits_per_byte", "byte_perplexity", "acc"];

/** @throws TsmergeError `usage` when a leaf of the task does not have the metric */
export function weightedTask(
  { name, weight, metric: wanted }: TaskChoice,
  asked: Asked,
): WeightedTask {
  const { leaves } = asked;
  const metric = wanted === undefined ? usualMetric(leaves) : metricNamed(wanted, leaves);
  const reported = metric === "logprob" ? "acc" : metric;
  return {
    ...{ name, weight, metric, reported },
    isMinimised: isLowerBetter(metric),
    isCounted:
      /^(acc|exact_match)/.test(reported) &&
      // TruthfulQA's mc2 has a probability as acc
      leaves.every(({ documents }) => documents.config.process_results === undefined),
    leaves: leaves.map(({ task }) => task),
  };
}

function usualMetric(leaves: readonly SuiteLeaf[]): MetricKey {
  const common = commonMetrics(leaves);
  const metric =
    PREFERRED.flatMap((name) => common.filter((each) => each === name))[0] ?? common[0];
  if (metric !== undefined) return metric;
  throw new TsmergeError("usage", "the subtasks of a task have no metric in common", {
    hint: `name them one by one: ${leaves.map(({ task }) => task).join(", ")}`,
  });
}

/** The metric itself, or after the first of the task's filters. */
function metricNamed(wanted: MetricKey, leaves: readonly SuiteLeaf[]): MetricKey {
  for (const { task, metrics } of leaves) {
    if (metrics.some((each) => each === wanted || each.startsWith(`${wanted},`))) continue;
    throw new TsmergeError(
      "usage",
      `${task} has no metric ${wanted}${didYouMean(wanted, metrics)}`,
      {
        hint: `its metrics are ${metrics.join("; ")}`,
      },
    );
  }
  const common = commonMetrics(leaves);
  return common.find((each) => each === wanted || each.startsWith(`${wanted},`)) ?? wanted;
}

function commonMetrics(leaves: readonly SuiteLeaf[]): MetricKey[] {
  const [first, ...others] = leaves;
  return [...(first?.metrics ?? [])].filter((metric) =>
    others.every(({ metrics }) => metrics.includes(metric)),
  );
}
