// From task names to items: reads definitions and questions, renders prompts. What a run does with the
// items (splits, limits, schedules) is decided elsewhere.

import { TsmergeError } from "../base/errors.ts";
import { contentHash, sha256 } from "../base/hash.ts";
import { type Catalogue, catalogueOf, entryNamed, type Group, type Leaf } from "./catalogue.ts";
import { readDefinitions } from "./definition.ts";
import type { Item } from "./item.ts";
import { choicesOf, continuationOf, renderPreamble, renderQuestion } from "./prompt.ts";
import { dataRoot, type Question, readQuestions, SPLITS, type Split } from "./questions.ts";

export interface TaskOptions {
  /** Which questions are evaluated; worked examples always come from dev. */
  readonly split: Split;
  /** The user's folder of benchmark data, or its parent (`--data`). */
  readonly dataDir?: string | undefined;
  /** Worked examples; each task's own number when absent. The first of dev are taken, in order. */
  readonly fewshot?: number | undefined;
  /** Folders with further task files (`--include-path`). */
  readonly includePaths?: readonly string[] | undefined;
}

/** A leaf task with how it was asked. */
export interface SuiteLeaf extends Leaf {
  /** Worked examples before each question. */
  readonly fewshot: number;
}

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
}

/** Names a user may pass, for listings and completion. */
export async function listTasks(includePaths: readonly string[] = []): Promise<Catalogue> {
  return catalogueOf(await readDefinitions(includePaths));
}

/**
 * Loads tasks by name: groups, subgroups and leaves, in any mixture. A task that has no questions in the
 * split adds none.
 * @throws TsmergeError `usage` for an unknown name; `data` for missing or malformed questions, or when a
 * task has fewer dev rows than examples are asked for, or dev is evaluated with examples from dev
 */
export async function loadTasks(names: readonly string[], options: TaskOptions): Promise<Suite> {
  const catalogue = await listTasks(options.includePaths);
  const entries = names.map((name) => entryNamed(catalogue, name));
  const groups = entries.flatMap((entry) => (entry.kind === "group" ? [entry.group] : []));
  const leaves = new Map<string, SuiteLeaf>();
  for (const entry of entries) {
    for (const leaf of entry.kind === "group" ? entry.group.leaves : [entry.leaf]) {
      const fewshot = options.fewshot ?? leaf.definition.fewshot;
      leaves.set(leaf.task, { ...leaf, fewshot });
    }
  }
  const items: Item[] = [];
  const files: Record<string, string> = {};
  const roots = new Map<string, string>();
  for (const leaf of leaves.values()) {
    const { definition } = leaf;
    if (leaf.rows[SPLITS.indexOf(options.split)] === 0) continue; // a task without this split
    const root =
      roots.get(definition.name) ??
      (await dataRoot(definition, leaf, options.split, options.dataDir));
    roots.set(definition.name, root);
    const evaluated = await readQuestions(root, leaf, options.split);
    files[`${leaf.task}/${options.split}`] = evaluated.sha256;
    let examples: readonly Question[] = [];
    if (leaf.fewshot > 0) {
      refuseOwnAnswers(leaf, options.split);
      const dev = await readQuestions(root, leaf, "dev");
      files[`${leaf.task}/dev`] = dev.sha256;
      examples = firstExamples(leaf, dev.questions);
    }
    items.push(...itemsOf(leaf, evaluated.questions, examples));
  }
  const asked = [...leaves.values()].map(({ task, fewshot, definition }) => {
    const { description, prompt, choices } = definition;
    return { task, fewshot, description, prompt, choices };
  });
  return {
    name: names.join(","),
    split: options.split,
    leaves: [...leaves.values()],
    groups,
    items,
    files,
    dataHash: contentHash({ files, asked }),
  };
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
  leaf: SuiteLeaf,
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
