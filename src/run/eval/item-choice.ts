// Which items an evaluation asks: tasks by name or wildcard, then a limit or a list of places. Nothing about the
// model that answers them.

import { TsmergeError } from "../../base/errors.ts";
import { didYouMean } from "../../base/suggest.ts";
import type { Item } from "../../evals/item.ts";
import { limitFirst, limitStratified } from "../../evals/splits.ts";
import type { PromptStyle } from "../../evals/tasks/prompt.ts";
import { listTasks } from "../../evals/tasks/task-folder.ts";
import { loadTasks, type Suite } from "../../evals/tasks/tasks.ts";
import type { HubAccess } from "../../hub/settings.ts";

export interface ItemChoice {
  readonly split?: "val" | "test" | undefined;
  readonly dataDir?: string | undefined;
  /** Where data comes from that is not there; without it nothing is fetched. */
  readonly hub?: HubAccess | undefined;
  readonly includePaths?: readonly string[] | undefined;
  readonly fewshot?: number | undefined;
  readonly fewshotSeed?: number | undefined;
  /** Items in all, stratified; below 1 a share of all. */
  readonly limit?: number | undefined;
  /** lm-eval's limit: the first so many of each task, or a share of it below 1. */
  readonly limitFirst?: number | undefined;
  /** Places in each task of the items to ask, in place of a limit. */
  readonly samples?: Readonly<Record<string, readonly number[]>> | undefined;
  readonly seed?: number | undefined;
  /** Options that replace those of every task that generates. */
  readonly genKwargs?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Loads the tasks and keeps the items that are asked, in their order.
 * @param tasks names of groups or leaf tasks, `*` standing for any part
 * @throws TsmergeError as loadTasks; `usage` for a wildcard without a task and for a place without an item
 */
export async function chooseItems(
  tasks: readonly string[],
  options: ItemChoice,
  style: PromptStyle = {},
): Promise<{ suite: Suite; items: Item[] }> {
  const { split = "test", dataDir, hub, includePaths, fewshot, fewshotSeed, genKwargs } = options;
  const names = await expandNames(tasks, includePaths);
  const suite = await loadTasks(names, {
    ...{ split, dataDir, hub, includePaths, fewshot, fewshotSeed, genKwargs, ...style },
  });
  return { suite, items: limited(suite, options) };
}

/** lm-eval's wildcards: `mmlu_*` is every name that begins so. */
async function expandNames(
  names: readonly string[],
  includePaths: readonly string[] | undefined,
): Promise<string[]> {
  if (!names.some((name) => name.includes("*"))) return [...names];
  const listed = [...(await listTasks(includePaths)).keys()].sort();
  return names.flatMap((name) => {
    if (!name.includes("*")) return [name];
    const pattern = new RegExp(`^${name.replaceAll(/[^\w*]/g, "\\$&").replaceAll("*", ".*")}$`);
    const found = listed.filter((each) => pattern.test(each));
    if (found.length > 0) return found;
    throw new TsmergeError("usage", `no task matches "${name}"`, { hint: "tsmerge ls tasks" });
  });
}

function limited(
  suite: Suite,
  { limit, limitFirst: first, samples, seed = 0 }: ItemChoice,
): Item[] {
  if (samples !== undefined) return sampled(suite, samples);
  const firsts = first === undefined ? suite.items : limitFirst(suite.items, first);
  const most = limit !== undefined && limit < 1 ? Math.ceil(limit * firsts.length) : limit;
  return limitStratified(firsts, most ?? Number.POSITIVE_INFINITY, seed);
}

function sampled(suite: Suite, samples: Readonly<Record<string, readonly number[]>>): Item[] {
  for (const [task, indices] of Object.entries(samples)) {
    const size = suite.items.filter((item) => item.task === task).length;
    const beyond = indices.find((index) => index >= size);
    if (size > 0 && beyond === undefined) continue;
    const tasks = suite.leaves.map((leaf) => leaf.task);
    const message =
      size === 0
        ? `--samples names ${task}, which is not asked${didYouMean(task, tasks)}`
        : `--samples asks question ${beyond} of ${task}, which has ${size}`;
    throw new TsmergeError("usage", message, { hint: "indices count from 0 in each task" });
  }
  return suite.items.filter(({ task, docId }) => samples[task]?.includes(docId));
}
