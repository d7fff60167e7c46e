// A front as a Markdown table: each recipe's score in each task, with its interval and its n. It prints what
// results.ts holds and computes nothing.

import { markdownTable } from "markdown-table";
import type { FrontEntry, Interval } from "../run/evolve/results.ts";

/** One line a recipe, in the order of the files front/01.yaml, front/02.yaml and so on. */
export function renderFront(front: readonly FrontEntry[]): string {
  if (front.length === 0)
    return "a baseline beats every recipe of the front on the selection items";
  const tasks = Object.keys(front[0]!.tasks);
  const head = ["front, on selection items", "candidate", ...tasks];
  const rows = front.map(({ label, tasks: scores }, index) => [
    `${String(index + 1).padStart(2, "0")}.yaml`,
    label,
    ...tasks.map((task) => cell(scores[task]!)),
  ]);
  return markdownTable([head, ...rows], { align: ["l", "l", ...tasks.map(() => "r")] });
}

function cell({ value, n, low, high }: Interval): string {
  const interval =
    low === null || high === null ? "" : ` (${low.toFixed(3)} to ${high.toFixed(3)})`;
  return `${value.toFixed(3)}${interval}, n ${n}`;
}
