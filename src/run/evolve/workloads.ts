// The questions of a run as work: one schedule a purpose for the decoder, and what is scored outside. Built once for
// all candidates.

import { TsmergeError } from "../../base/errors.ts";
import type { Item } from "../../evals/item.ts";
import { buildWorkload, type Workload, withOutside } from "../../evals/workload.ts";
import { readModelConfig } from "../../model/config.ts";
import { type RaceRules, rungEnds } from "../../search/race.ts";
import type { Race, Workloads } from "./contest.ts";
import type { WeightedTask } from "./fitness.ts";
import type { RunItems } from "./items.ts";
import { dealOutside } from "./outside-tasks.ts";
import type { SearchTokenizer } from "./search-tokenizer.ts";

const PURPOSES = ["search", "selection", "report"] as const;

/** Whether any question is answered in this process: programs score models that cannot be asked here, too. */
export function asksHere(items: RunItems): boolean {
  return PURPOSES.some(
    (name) => dealOutside(items[name], items.tasks, items.sources).here.length > 0,
  );
}

/**
 * Schedules a run's questions.
 * @param directory of the model whose configuration all candidates have
 * @param tokens undefined where nothing is asked here
 * @throws TsmergeError as readModelConfig and buildWorkload
 */
export async function workloadsOf(
  items: RunItems,
  directory: string,
  tokens: SearchTokenizer | undefined,
  race: Race | undefined,
): Promise<Workloads> {
  const { tokenizer, limits } = tokens ? await decoderOf(items, directory, tokens) : NO_DECODER;
  const build = (name: (typeof PURPOSES)[number]): Workload => {
    const { here, parts } = dealOutside(items[name], items.tasks, items.sources);
    const raced = name === "search" && race ? { rungEnds: racedEnds(here, items.tasks, race) } : {};
    return withOutside(buildWorkload(name, here, tokenizer, { ...limits, ...raced }), parts);
  };
  return { search: build("search"), selection: build("selection"), report: build("report") };
}

/**
 * After how many items of a race candidates are compared: where every task has been asked something, for a score
 * is made of all of them. Items of a small task may begin late.
 */
export function racedEnds(
  items: readonly Pick<Item, "task">[],
  tasks: readonly Pick<WeightedTask, "leaves">[],
  race: RaceRules,
): number[] {
  const firsts = tasks.map(({ leaves }) => items.findIndex(({ task }) => leaves.includes(task)));
  const least = Math.max(...firsts) + 1;
  return rungEnds(items.length, race).filter((end) => end >= least);
}

const NO_DECODER = {
  tokenizer: { encode: () => [] },
  limits: { prefixId: undefined, maxLength: 0, tokenizerFolder: undefined },
};

async function decoderOf(
  items: RunItems,
  directory: string,
  { tokenizer, folder }: SearchTokenizer,
) {
  if (folder === undefined) refuseTexts(items);
  const { maxPositions } = await readModelConfig(directory); // refused here: any model can be merged, not any scored
  const { prefixId } = tokenizer;
  return { tokenizer, limits: { prefixId, maxLength: maxPositions, tokenizerFolder: folder } };
}

/** Texts are generated where a tokenizer's files lie, and a union's are written when a recipe is merged. */
function refuseTexts({ search, selection, report }: RunItems): void {
  const items = [...search, ...selection, ...report];
  const item = items.find(({ judgement }) => judgement?.kind === "generation");
  if (item === undefined) return;
  throw new TsmergeError(
    "config",
    `${item.task} generates texts, and tokenizer_source makes a tokenizer that lies in no folder yet`,
    { hint: "write tokenizer_source: base, or search on tasks with choices" },
  );
}
