// From task names to items: reads definitions and questions, renders prompts. What a run does with the
// items (splits, limits, schedules) is decided elsewhere.

import { TsmergeError } from "../base/errors.ts";
import { contentHash, sha256 } from "../base/hash.ts";
import {
  type Catalogue,
  catalogueOf,
  type Entry,
  entryNamed,
  type Group,
  type Leaf,
  leavesOf,
  type SubjectLeaf,
} from "./catalogue.ts";
import { readDefinitions, SHIPPED } from "./definition.ts";
import { loadDocumentItems } from "./document-items.ts";
import { FEWSHOT_SEED } from "./fewshot.ts";
import type { Item } from "./item.ts";
import { choicesOf, continuationOf, renderPreamble, renderQuestion } from "./prompt.ts";
import { dataRoot, type Question, readQuestions, SPLITS, type Split } from "./questions.ts";
import { listTaskFiles, resolveTasks } from "./task-folder.ts";

export interface TaskOptions {
  /** Which questions are evaluated; worked examples always come from dev. */
  readonly split: Split;
  /** The user's folder of benchmark data, or its parent (`--data`). */
  readonly dataDir?: string | undefined;
  /** Worked examples; each task's own number when absent. A task file's explicit 0 stays. */
  readonly fewshot?: number | undefined;
  /** Seed of the draws of worked examples, for task files that draw them. */
  readonly fewshotSeed?: number | undefined;
  /** Folders with further task files (`--include-path`). */
  readonly includePaths?: readonly string[] | undefined;
}

/** A leaf task with how it was asked. */
export type SuiteLeaf = Leaf & {
  /** Worked examples before each question. */
  readonly fewshot: number;
};

/** Everything that was asked for, ready to score. */
export interface Suite {
  /** The names asked for, joined by commas. */
  readonly name: string;
  readonly split: Split;
  /** In order of first mention; no leaf twice. */
  readonly leaves: readonly SuiteLeaf[];
  /** The groups asked for (each with its subgroups). */
  readonly groups: readonly Group[];
  /** In order of leaves, then rows. */
  readonly items: readonly Item[];
  /** SHA-256 of each file that was read, by `<task>/<split>`. */
  readonly files: Readonly<Record<string, string>>;
  /** Hash over `files`, prompts' wording and numbers of examples: what makes scores comparable. */
  readonly dataHash: string;
  /** What a task file says that means nothing here. */
  readonly warnings: readonly string[];
}

/**
 * Names a user may pass.
 * @param wanted names whose task files are read; all others are only listed
 * @throws TsmergeError `config` for a malformed file among them
 */
export async function listTasks(
  includePaths: readonly string[] = [],
  wanted: readonly string[] = [],
): Promise<Catalogue> {
  const catalogue = new Map<string, Entry>(catalogueOf(await readDefinitions(includePaths)));
  const listed = await listTaskFiles([SHIPPED, ...includePaths]);
  const resolved = await resolveTasks(wanted, listed, catalogue);
  for (const [name, path] of listed) catalogue.set(name, { kind: "file", path });
  for (const [name, entry] of resolved) catalogue.set(name, entry);
  return catalogue;
}

/**
 * Loads tasks by name: groups, subgroups and leaves, in any mixture. A task that has no questions in the
 * split adds none.
 * @throws TsmergeError `usage` for an unknown name; `config` for a task file that needs what is not here;
 * `data` for missing or malformed questions, or when a task has fewer example questions than are asked for,
 * or dev is evaluated with examples from dev
 */
export async function loadTasks(names: readonly string[], options: TaskOptions): Promise<Suite> {
  const catalogue = await listTasks(options.includePaths, names);
  const entries = names.map((name) => entryNamed(catalogue, name));
  const groups = entries.flatMap((entry) => (entry.kind === "group" ? [entry.group] : []));
  const leaves = new Map<string, SuiteLeaf>();
  for (const leaf of entries.flatMap(leavesOf)) {
    leaves.set(leaf.task, { ...leaf, fewshot: fewshotOf(leaf, options.fewshot) });
  }
  const roots = new Map<string, string>();
  const items: Item[] = [];
  const files: Record<string, string> = {};
  for (const leaf of leaves.values()) {
    const own =
      "definition" in leaf
        ? await loadSubject(leaf, options, roots)
        : await loadDocumentItems(leaf, {
            split: options.split,
            dataDir: options.dataDir,
            fewshot: leaf.fewshot,
            fewshotSeed: options.fewshotSeed ?? FEWSHOT_SEED,
          });
    items.push(...own.items);
    Object.assign(files, own.files);
  }
  return {
    name: names.join(","),
    split: options.split,
    leaves: [...leaves.values()],
    groups,
    items,
    files,
    dataHash: contentHash({ files, asked: [...leaves.values()].map(wordingOf) }),
    warnings: [...leaves.values()].flatMap((leaf) => ("warnings" in leaf ? leaf.warnings : [])),
  };
}

function fewshotOf(leaf: Leaf, asked: number | undefined): number {
  if ("definition" in leaf) return asked ?? leaf.definition.fewshot;
  const own = leaf.documents.config.num_fewshot;
  return own === 0 ? 0 : (asked ?? own ?? 0);
}

/** What makes scores comparable besides the data: how a task's questions are asked. */
function wordingOf(leaf: SuiteLeaf): object {
  const { task, fewshot } = leaf;
  if ("definition" in leaf) {
    const { description, prompt, choices } = leaf.definition;
    return { task, fewshot, description, prompt, choices };
  }
  const { file: _, metadata: __, ...config } = leaf.documents.config;
  return { ...config, fewshot };
}

type LoadedItems = Pick<Suite, "items" | "files">;

async function loadSubject(
  leaf: SubjectLeaf & SuiteLeaf,
  { split, dataDir }: TaskOptions,
  roots: Map<string, string>,
): Promise<LoadedItems> {
  const { definition } = leaf;
  const files: Record<string, string> = {};
  if (leaf.rows[SPLITS.indexOf(split)] === 0) return { items: [], files }; // a task without this split
  const root = roots.get(definition.name) ?? (await dataRoot(definition, leaf, split, dataDir));
  roots.set(definition.name, root);
  const evaluated = await readQuestions(root, leaf, split);
  files[`${leaf.task}/${split}`] = evaluated.sha256;
  let examples: readonly Question[] = [];
  if (leaf.fewshot > 0) {
    refuseOwnAnswers(leaf, split);
    const dev = await readQuestions(root, leaf, "dev");
    files[`${leaf.task}/dev`] = dev.sha256;
    examples = firstExamples(leaf, dev.questions);
  }
  return { items: itemsOf(leaf, evaluated.questions, examples), files };
}

function refuseOwnAnswers(leaf: SuiteLeaf, split: Split): void {
  if (split !== "dev") return;
  throw new TsmergeError("usage", `${leaf.task} would show dev questions their own answers`, {
    hint: "worked examples come from dev: evaluate val or test, or use --num_fewshot 0",
  });
}

function firstExamples(leaf: SuiteLeaf, pool: readonly Question[]): readonly Question[] {
  if (pool.length < leaf.fewshot) {
    throw new TsmergeError(
      "usage",
      `${leaf.task} has ${pool.length} example questions, fewer than the ${leaf.fewshot} asked for`,
      { hint: `use --num_fewshot ${pool.length} or less` },
    );
  }
  return pool.slice(0, leaf.fewshot);
}

function itemsOf(
  leaf: SubjectLeaf,
  questions: readonly Question[],
  examples: readonly Question[],
): Item[] {
  const preamble = renderPreamble(leaf, examples);
  return questions.map((question, docId) => {
    const choices = choicesOf(leaf, question);
    return {
      task: leaf.task,
      docId,
      // Neither subject nor examples: the same question is the same item wherever it is asked.
      hash: sha256(JSON.stringify([question.question, ...question.choices])),
      context: preamble + renderQuestion(leaf, question),
      continuations: choices.map(continuationOf),
      choices,
      gold: question.answer,
    };
  });
}
