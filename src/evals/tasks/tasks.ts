// From task names to items: resolves names, reads questions, renders prompts. What a run does with the items
// (splits, limits, schedules) is decided elsewhere.

import { stat } from "node:fs/promises";
import { TsmergeError } from "../../base/errors.ts";
import { contentHash } from "../../base/hash.ts";
import type { HubAccess } from "../../hub/settings.ts";
import type { Item } from "../item.ts";
import { type Group, type Leaf, leavesOf } from "./catalogue.ts";
import { type EvaluatedSplit, loadDocumentItems } from "./document-items.ts";
import { compileTask } from "./document-task.ts";
import { FEWSHOT_SEED } from "./fewshot.ts";
import type { PromptStyle } from "./prompt.ts";
import { listTasks } from "./task-folder.ts";
import { resolveTasks } from "./task-names.ts";

export interface TaskOptions extends PromptStyle {
  readonly split: EvaluatedSplit;
  /** The user's folder of benchmark data, or its parent (`--data`). */
  readonly dataDir?: string | undefined;
  /** Where data comes from that is not there; without it nothing is fetched. */
  readonly hub?: HubAccess | undefined;
  /** Worked examples; each task's own number when absent. A task file's explicit 0 stays. */
  readonly fewshot?: number | undefined;
  /** Seed of the draws of worked examples, for tasks that draw them. */
  readonly fewshotSeed?: number | undefined;
  /** For a search: questions that may serve as worked examples are not asked. */
  readonly examplesApart?: boolean | undefined;
  /** Folders with further task files (`--include-path`). */
  readonly includePaths?: readonly string[] | undefined;
  /** Options of generation that replace those of every task that generates. */
  readonly genKwargs?: Readonly<Record<string, unknown>> | undefined;
}

/** A leaf task with how it was asked. */
export type SuiteLeaf = Leaf & {
  /** Worked examples before each question. */
  readonly fewshot: number;
};

/** A name that was asked for, with the leaf tasks it stands for. */
export interface Asked {
  readonly name: string;
  readonly leaves: readonly SuiteLeaf[];
}

/** Everything that was asked for, ready to score. */
export interface Suite {
  /** The names asked for, joined by commas. */
  readonly name: string;
  readonly asked: readonly Asked[];
  readonly split: EvaluatedSplit;
  /** In order of first mention; no leaf twice. */
  readonly leaves: readonly SuiteLeaf[];
  /** The groups asked for (each with its subgroups). */
  readonly groups: readonly Group[];
  /** In order of leaves, then rows. */
  readonly items: readonly Item[];
  /** SHA-256 of each data file that was read, by its name. */
  readonly files: Readonly<Record<string, string>>;
  /** Hash over `files`, prompts' wording and numbers of examples: what makes scores comparable. */
  readonly dataHash: string;
  /** What a task file says that means nothing here. */
  readonly warnings: readonly string[];
}

/**
 * Loads tasks by name: groups, tags and leaves, in any mixture. A task that has no questions in the split adds
 * none.
 * @throws TsmergeError `usage` for an unknown name, or when a task has fewer example questions than are asked
 * for; `config` for a task file that needs what is not here; `data` for missing or malformed questions
 */
export async function loadTasks(names: readonly string[], options: TaskOptions): Promise<Suite> {
  const { split, dataDir, hub, fewshotSeed = FEWSHOT_SEED, examplesApart = false } = options;
  if (dataDir !== undefined) await requireFolder(dataDir);
  const { chat, systemInstruction } = options;
  const entries = await resolveTasks(names, await listTasks(options.includePaths));
  const groups = entries.flatMap((entry) => (entry.kind === "group" ? [entry.group] : []));
  const asAsked = (leaf: Leaf): SuiteLeaf => ({
    ...withGenKwargs(leaf, options.genKwargs),
    fewshot: fewshotOf(leaf, options.fewshot),
  });
  const asked = entries.map((entry, index): Asked => {
    return { name: names[index]!, leaves: leavesOf(entry).map(asAsked) };
  });
  const leaves = new Map(asked.flatMap((each) => each.leaves.map((leaf) => [leaf.task, leaf])));
  const items: Item[] = [];
  const files: Record<string, string> = {};
  for (const leaf of leaves.values()) {
    const { fewshot } = leaf;
    const own = await loadDocumentItems(leaf, {
      ...{ split, dataDir, hub, fewshot, fewshotSeed, examplesApart, chat, systemInstruction },
    });
    items.push(...own.items);
    Object.assign(files, own.files);
  }
  return {
    ...{ name: names.join(","), asked, split, leaves: [...leaves.values()], groups, items, files },
    dataHash: contentHash({
      ...{ files, asked: [...leaves.values()].map(wordingOf), systemInstruction },
      chat: chat && { template: chat.template, isMultiturn: chat.isMultiturn },
    }),
    warnings: [
      ...[...leaves.values()].flatMap((leaf) => leaf.warnings),
      ...[...leaves.keys()].flatMap((task) => {
        return unanswerableWarning(items.filter((item) => item.task === task)) ?? [];
      }),
      ...(options.genKwargs === undefined || [...leaves.values()].some(isGenerated)
        ? []
        : ["the options of generation change nothing: no task here generates text"]),
    ],
  };
}

/** A mistyped folder is told even to tasks that need none of it. */
async function requireFolder(dataDir: string): Promise<void> {
  const found = await stat(dataDir).catch(() => undefined);
  if (found?.isDirectory() === true) return;
  const what = found === undefined ? "does not exist" : "is a file";
  throw new TsmergeError("usage", `the folder of benchmark data ${dataDir} ${what}`, {
    hint: "check --data, or TSMERGE_DATA where that is set",
  });
}

/** Whether the right answer is none of the choices: then it counts as wrong, as in lm-eval, and has no log-probability. */
export function isUnanswerable({ choices, gold, judgement }: Item): boolean {
  if (choices.length === 0) return false;
  if (judgement?.kind === "any") return judgement.golds.every((one) => one < 0);
  return judgement === undefined && gold < 0;
}

function unanswerableWarning(items: readonly Item[]): string | undefined {
  const [first, ...others] = items.filter(isUnanswerable);
  if (first === undefined) return undefined;
  const more = others.length === 0 ? "" : ` and ${others.length} more`;
  return `question ${first.docId}${more} of ${first.task}: the right answer is none of the choices, so every answer counts as wrong`;
}

function isGenerated({ documents }: Leaf): boolean {
  return documents.config.output_type === "generate_until";
}

function withGenKwargs(leaf: Leaf, replaced: TaskOptions["genKwargs"]): Leaf {
  const { config } = leaf.documents;
  if (replaced === undefined || !isGenerated(leaf)) return leaf;
  const generation_kwargs = { ...config.generation_kwargs, ...replaced };
  return { ...leaf, documents: compileTask({ ...config, generation_kwargs }) };
}

function fewshotOf({ documents }: Leaf, asked: number | undefined): number {
  const own = documents.config.num_fewshot;
  return own === 0 ? 0 : (asked ?? own ?? 0);
}

/** What makes scores comparable besides the data: how a task's questions are asked. */
function wordingOf({ documents, fewshot }: SuiteLeaf): object {
  const { file: _, metadata: __, ...config } = documents.config;
  return { ...config, fewshot };
}
