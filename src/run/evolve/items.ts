// Which questions a run uses, and for what: search, selection and report never share a question. Asserted,
// not assumed: everything a run claims rests on it.

import { TsmergeError } from "../../base/errors.ts";
import { contentHash } from "../../base/hash.ts";
import type { Item } from "../../evals/item.ts";
import { limitFirst, limitStratified, purposesOf } from "../../evals/splits.ts";
import type { PromptStyle } from "../../evals/tasks/prompt.ts";
import { isUnanswerable, loadTasks, type Suite } from "../../evals/tasks/tasks.ts";
import type { HubAccess } from "../../hub/settings.ts";
import type { TaskChoice } from "../../recipe/search/task-choice.ts";
import type { WeightedTask } from "./fitness.ts";
import { weightedTask } from "./objective.ts";
import { programNotes, programTask, type Sources, sourcesOf } from "./outside-tasks.ts";
import { splitNote } from "./split-notes.ts";

export interface ItemOptions {
  readonly tasks: readonly TaskChoice[];
  readonly dataDir: string | undefined;
  readonly hub?: HubAccess | undefined;
  readonly includePaths: readonly string[] | undefined;
  readonly fewshot: number | undefined;
  readonly style?: PromptStyle | undefined;
  readonly limit: number | undefined;
  readonly limitFirst: number | undefined;
  readonly reportLimit: number;
  readonly seed: number;
}

export interface RunItems {
  readonly search: readonly Item[];
  readonly selection: readonly Item[];
  readonly report: readonly Item[];
  readonly tasks: readonly WeightedTask[];
  readonly sources: Sources;
  /** Identity of the questions and how they are asked. */
  readonly hash: string;
  readonly suite: Suite;
  /** SHA-256 of each data file that was read, by its name. */
  readonly files: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
}

/**
 * Loads the tasks and deals their items: of a task with validation and test questions, the former are cut 60/40 by
 * hash into search and selection, and the report takes the latter; the one set of any other is dealt by hash.
 * No question serves as a worked example and is asked too.
 * @throws TsmergeError as loadTasks, weightedTask and requireAnswers do; `data` when a limit leaves a purpose without items
 */
export async function loadRunItems(options: ItemOptions): Promise<RunItems> {
  const { dataDir, hub, includePaths, fewshot, style, seed, reportLimit } = options;
  const sources = sourcesOf(options.tasks);
  const bundled = options.tasks.filter(({ source }) => source?.kind !== "command");
  const names = bundled.map(({ name }) => name);
  const load = (split: "val" | "test"): Promise<Suite> =>
    loadTasks(names, { ...style, split, dataDir, hub, includePaths, fewshot, examplesApart: true });
  const [val, test] = [await load("val"), await load("test")];
  const dealt = purposesOf(val.items, test.items);
  const first = options.limitFirst;
  const firsts = first === undefined ? dealt.search : limitFirst(dealt.search, first);
  const limit = options.limit ?? Number.POSITIVE_INFINITY;
  const search = limitStratified(firsts, limit, seed);
  const selection = limitStratified(dealt.selection, limit, seed);
  const report = limitStratified(dealt.report, reportLimit, seed);
  if (bundled.length > 0) assertApart({ search, selection, report });
  const tasks = options.tasks.map((choice) =>
    choice.source?.kind === "command"
      ? programTask(choice, choice.source)
      : weightedTask(choice, test.asked[names.indexOf(choice.name)]!),
  );
  requireAnswers(tasks, [...search, ...selection]);
  return {
    ...{ search, selection, report, tasks, sources },
    hash: contentHash({
      data: [val.dataHash, test.dataHash],
      items: [search, selection, report].map((items) => items.map(({ hash }) => hash)),
    }),
    suite: test,
    files: { ...val.files, ...test.files },
    notes: [
      ...test.asked.map((asked) => splitNote(asked, { search, selection, report })),
      ...(dealt.dropped.length === 0
        ? []
        : [`${dealt.dropped.length} validation questions also stand in test and were left out`]),
      ...programNotes(tasks, sources),
      ...test.warnings,
    ],
  };
}

/** @throws TsmergeError `data` for a question without a right choice in a task that is searched by log-probability */
function requireAnswers(tasks: readonly WeightedTask[], items: readonly Item[]): void {
  const smooth = tasks.flatMap(({ metric, leaves }) => (metric === "logprob" ? leaves : []));
  const broken = items.find((item) => smooth.includes(item.task) && isUnanswerable(item));
  if (broken === undefined) return;
  throw new TsmergeError(
    "data",
    `question ${broken.docId} of ${broken.task} has no right choice, so its log-probability is minus infinity`,
    { hint: "mend the data, or search by metric: acc" },
  );
}

/** @throws TsmergeError `internal` when two purposes share a question; `data` when one has none */
function assertApart(purposes: Readonly<Record<string, readonly Item[]>>): void {
  const owner = new Map<string, string>();
  for (const [purpose, items] of Object.entries(purposes)) {
    if (items.length === 0) {
      throw new TsmergeError("data", `no items are left for the ${purpose}`, {
        hint: "raise --limit, --limit-first or --report-limit, or choose a larger task",
      });
    }
    for (const { hash, task, docId } of items) {
      const known = owner.get(hash) ?? purpose;
      owner.set(hash, known);
      if (known === purpose) continue;
      throw new TsmergeError(
        "internal",
        `question ${docId} of ${task} would serve the ${known} and the ${purpose}`,
      );
    }
  }
}
