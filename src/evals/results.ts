// Scores of a suite, task by task and group by group, as data and as the two Markdown tables that users of
// lm-evaluation-harness know. Every number stands beside its n and its standard error.

import { markdownTable } from "markdown-table";
import type { Group } from "./catalogue.ts";
import type { ItemScore } from "./item.ts";
import type { MetricKey } from "./metrics.ts";
import { type Estimate, estimate, isLowerBetter, pool } from "./metrics.ts";
import type { Suite, SuiteLeaf } from "./tasks.ts";

export interface TaskResult {
  readonly task: string;
  readonly alias: string;
  readonly version: number | string;
  readonly fewshot: number;
  /** By metric, or by `metric,filter` for generated texts. */
  readonly metrics: Readonly<Partial<Record<MetricKey, Estimate>>>;
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
    leaf.metrics.map((metric) => [metric, estimate(scores, metric)]),
  );
  return { task, alias, version, fewshot, metrics };
}

/** The group's own result, then its subgroups'. */
function groupResults(group: Group, known: ReadonlyMap<string, TaskResult>): GroupResult[] {
  const below = group.leaves.flatMap((leaf) => known.get(leaf.task) ?? []);
  const [first] = below;
  if (first === undefined) return [];
  const metrics = Object.fromEntries(
    group.metrics.map((metric) => [
      metric,
      pool(
        below.flatMap((result) => result.metrics[metric] ?? []),
        !group.unweighted?.includes(metric),
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

type Row = readonly string[];

/** The results as Markdown: all tasks under their groups and, if there are groups, those again alone. */
export function renderResults(result: SuiteResult): string {
  const grouped = new Set(result.groups.flatMap((group) => group.members));
  const byName = new Map<string, TaskResult | GroupResult>();
  for (const each of [...result.tasks, ...result.groups]) byName.set(each.task, each);
  const rowsOf = (task: TaskResult | GroupResult, depth: number): Row[] => [
    ...ownRows(task, depth),
    ...("members" in task ? [...task.members] : [])
      .sort()
      .flatMap((name) => rowsOf(byName.get(name)!, depth + 1)),
  ];
  const roots = [...byName.values()]
    .filter((each) => !grouped.has(each.task))
    .sort((a, b) => (a.task < b.task ? -1 : 1));
  const tables = [
    table(
      "Tasks",
      roots.flatMap((root) => rowsOf(root, 0)),
    ),
  ];
  const averaged = result.groups.filter(({ metrics }) => Object.keys(metrics).length > 0);
  if (averaged.length > 0) {
    const depthOf = (group: GroupResult): number => (grouped.has(group.task) ? 1 : 0);
    const rows = averaged.flatMap((group) => ownRows(group, depthOf(group)));
    tables.push(table("Groups", rows));
  }
  return tables.join("\n\n");
}

/** One row a metric; name and version stand in the first. A group that averages nothing is its name. */
function ownRows(task: TaskResult, depth: number): Row[] {
  const title = depth === 0 ? task.task : `${" ".repeat(depth)}- ${task.alias}`;
  const metrics = Object.entries(task.metrics)
    .flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  if (metrics.length === 0) return [[title, String(task.version), ...Array<string>(8).fill("")]];
  return metrics.map(([key, { n, value, stderr }], index) => {
    const [metric = key, filter = "none"] = key.split(",");
    return [
      index === 0 ? title : "",
      index === 0 ? String(task.version) : "",
      filter,
      String(task.fewshot),
      metric,
      isLowerBetter(key as MetricKey) ? "↓" : "↑", // the record's keys are metrics
      value.toFixed(4),
      "±",
      stderr === null ? "N/A" : stderr.toFixed(4),
      String(n),
    ];
  });
}

function table(title: string, rows: readonly Row[]): string {
  const head = [title, "Version", "Filter", "n-shot", "Metric", "", "Value", "", "Stderr", "n"];
  const align = ["l", "r", "l", "r", "l", "l", "r", "l", "r", "r"];
  return markdownTable([head, ...rows.map((row) => [...row])], { align });
}
