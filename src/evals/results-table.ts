// Results as the two Markdown tables that users of lm-evaluation-harness know, with an interval and n beside
// every number.

import { markdownTable } from "markdown-table";
import { isLowerBetter, type MetricKey } from "./metrics.ts";
import type { GroupResult, SuiteResult, TaskResult } from "./results.ts";
import type { Bounds } from "./statistics/statistics.ts";

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
  if (metrics.length === 0) return [[title, String(task.version), ...Array<string>(9).fill("")]];
  return metrics.map(([key, { n, value, stderr, interval }], index) => {
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
      intervalText(interval),
      String(n),
    ];
  });
}

function intervalText(interval: Bounds | null): string {
  if (interval === null) return "";
  const dash = interval.low < 0 ? " to " : "–";
  return interval.low.toFixed(3) + dash + interval.high.toFixed(3);
}

function table(title: string, rows: readonly Row[]): string {
  const head = [
    title,
    "Version",
    "Filter",
    "n-shot",
    "Metric",
    "",
    "Value",
    "",
    "Stderr",
    "95 %",
    "n",
  ];
  const align = ["l", "r", "l", "r", "l", "l", "r", "l", "r", "r", "r"];
  return markdownTable([head, ...rows.map((row) => [...row])], { align });
}
