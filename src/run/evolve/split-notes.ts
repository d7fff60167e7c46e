// Where a run's questions come from, in words: one line a task, so that nobody has to guess what a score was
// measured on. What is dealt to whom is items.ts's.

import type { Item } from "../../evals/item.ts";
import { askedSplits } from "../../evals/tasks/document-items.ts";
import { fewshotSplit } from "../../evals/tasks/fewshot.ts";
import type { Asked, SuiteLeaf } from "../../evals/tasks/tasks.ts";

type Purposes = Readonly<Record<"search" | "selection" | "report", readonly Item[]>>;

/** `mmlu: 894 search and 610 selection questions from validation, 1000 report questions from test; …` */
export function splitNote({ name, leaves }: Asked, purposes: Purposes): string {
  const tasks = new Set(leaves.map(({ task }) => task));
  const count = (purpose: keyof Purposes): number =>
    purposes[purpose].filter(({ task }) => tasks.has(task)).length;
  const searched = listed(leaves.map((leaf) => askedSplits(leaf.documents.config)[0]));
  const reported = listed(leaves.map((leaf) => askedSplits(leaf.documents.config).at(-1)));
  const dealt = searched === reported ? ", dealt by hash" : "";
  return (
    `${name}: ${count("search")} search and ${count("selection")} selection questions from ${searched}, ` +
    `${count("report")} report questions from ${reported}${dealt}; ${examplesOf(leaves)}`
  );
}

function examplesOf(leaves: readonly SuiteLeaf[]): string {
  const shown = leaves.filter(({ fewshot }) => fewshot > 0);
  if (shown.length === 0) return "no worked examples";
  const counts = listed(shown.map(({ fewshot }) => String(fewshot)));
  const splits = listed(
    shown.map(({ documents }) => fewshotSplit(documents.config) ?? "the task file"),
  );
  const own = shown.some(({ documents: { config } }) =>
    askedSplits(config).includes(fewshotSplit(config) ?? ""),
  );
  return `${counts} worked examples each from ${splits}${own ? ", which are asked nowhere" : ""}`;
}

function listed(names: readonly (string | undefined)[]): string {
  return [...new Set(names)].join(", ");
}
