// Scores of a suite, task by task and group by group. Every number stands beside its n, its standard error and
// its interval. How they are printed is results-table.ts's.

import { intervalAround } from "./interval.ts";
import type { ItemScore } from "./item.ts";
import { type Estimate, estimate, type MetricKey, metricOf, pool } from "./metrics.ts";
import { type Bounds, wilson } from "./statistics/statistics.ts";
import type { Group } from "./tasks/catalogue.ts";
import type { Suite, SuiteLeaf } from "./tasks/tasks.ts";

/** A metric of a task or a group. */
export interface Scored extends Estimate {
  /** Items that are right, where each is right or wrong. */
  readonly correct: number | null;
  /** 95 %: Wilson's where items are right or wrong, else as intervalAround; null where none is known. */
  readonly interval: Bounds | null;
}

export interface TaskResult {
  readonly task: string;
  readonly alias: string;
  readonly version: number | string;
  readonly fewshot: number;
  /** By metric, or by `metric,filter` for generated texts. */
  readonly metrics: Readonly<Partial<Record<MetricKey, Scored>>>;
}

export interface GroupResult extends TaskResult {
  /** Names of the tasks and groups directly below. */
  readonly members: readonly string[];
}

export interface SuiteResult {
  readonly tasks: readonly TaskResult[];
  readonly groups: readonly GroupResult[];
}

/** Means over the items of each task, and over all items of each group. Tasks without scored items are left out. */
export function summarise(suite: Suite, scores: readonly ItemScore[]): SuiteResult {
  const byTask = new Map<string, ItemScore[]>();
  for (const score of scores) {
    const list = byTask.get(score.task);
    if (list === undefined) byTask.set(score.task, [score]);
    else list.push(score);
  }
  const tasks = suite.leaves.flatMap((leaf) => {
    const own = byTask.get(leaf.task);
    return own === undefined ? [] : [leafResult(leaf, own)];
  });
  const known = new Map(tasks.map((task) => [task.task, task]));
  return { tasks, groups: suite.groups.flatMap((group) => groupResults(group, known)) };
}

function leafResult(leaf: SuiteLeaf, scores: readonly ItemScore[]): TaskResult {
  const { task, alias, version, fewshot } = leaf;
  const metrics = Object.fromEntries(
    leaf.metrics.map((metric) => [
      metric,
      scored(estimate(scores, metric), correctAmong(scores, metric), metric),
    ]),
  );
  return { task, alias, version, fewshot, metrics };
}

/** Metrics that are 1 or 0 for an item, before a filter's name; mc2's acc is a probability all the same. */
const RIGHT_OR_WRONG = [
  ...["acc", "acc_norm", "acc_bytes", "exact_match"],
  ...["prompt_level_strict_acc", "prompt_level_loose_acc"],
];

function correctAmong(scores: readonly ItemScore[], metric: MetricKey): number | null {
  if (!RIGHT_OR_WRONG.includes(metric.split(",")[0]!)) return null;
  const values = scores.map((score) => metricOf(score, metric));
  if (values.some((value) => value !== 0 && value !== 1)) return null;
  return values.filter((value) => value === 1).length;
}

function scored(estimated: Estimate, correct: number | null, metric: MetricKey): Scored {
  const interval =
    correct === null ? intervalAround(estimated, metric) : wilson(correct, estimated.n);
  return { ...estimated, correct, interval };
}

/** A group's value over its tasks; right and wrong items are counted together unless tasks count the same. */
function pooled(parts: readonly Scored[], bySize: boolean, metric: MetricKey): Scored {
  const counted = bySize ? parts.map(({ correct }) => correct) : [null];
  const correct = counted.reduce(
    (sum, each) => (sum === null || each === null ? null : sum + each),
    0,
  );
  return scored(pool(parts, bySize), correct, metric);
}

/** The group's own result, then its subgroups'. */
function groupResults(group: Group, known: ReadonlyMap<string, TaskResult>): GroupResult[] {
  const below = group.leaves.flatMap((leaf) => known.get(leaf.task) ?? []);
  const [first] = below;
  if (first === undefined) return [];
  const metrics = Object.fromEntries(
    group.metrics.map((metric) => [
      metric,
      pooled(
        below.flatMap((result) => result.metrics[metric] ?? []),
        !group.unweighted?.includes(metric),
        metric,
      ),
    ]),
  );
  const { task, alias, version } = group;
  const subgroups = group.groups.flatMap((subgroup) => groupResults(subgroup, known));
  const inSubgroups = new Set(group.groups.flatMap(({ leaves }) => leaves.map(({ task }) => task)));
  const members = [
    ...subgroups.filter(({ task }) => group.groups.some((each) => each.task === task)),
    ...below.filter(({ task }) => !inSubgroups.has(task)),
  ].map((member) => member.task);
  return [{ task, alias, version, fewshot: first.fewshot, metrics, members }, ...subgroups];
}
