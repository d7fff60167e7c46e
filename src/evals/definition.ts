// A task definition: one small YAML file that says where a benchmark's questions are, how a question
// becomes a prompt and what is scored. The files that ship stand in evals/; this module only reads them.

import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { TsmergeError } from "../base/errors.ts";

const name = z.string().regex(/^[a-z0-9_]+$/, "a name of lower-case letters, digits and _");
const count = z.number().int().min(0);

/** Rows of a subject's dev, val and test file. */
const rows = z.tuple([count, count, count]);
const subjects = z.record(name, rows);

const schema = z.strictObject({
  /** The group over all subjects; a subject's task is `<name>_<subject>`. */
  name,
  version: z.strictObject({ group: z.number(), leaf: z.number() }),
  data: z.strictObject({
    /** Folder with dev/, val/ and test/. */
    folder: name,
    /** True when the folder stands beside this file. */
    ships: z.boolean().default(false),
    /** Where a user gets the data. */
    source: z.string().optional(),
  }),
  /** Worked examples before each question, unless --num_fewshot says otherwise. */
  fewshot: count,
  /** Text before the first example; nothing is inserted after it. */
  description: z.string(),
  /** `{question}`, `{subject}` (spaces for underscores) and `{choice0}` to `{choice3}` are replaced. */
  prompt: z.string(),
  /** What is scored for each option; each option's own text when absent. */
  choices: z.array(z.string()).length(4).optional(),
  metrics: z.array(z.enum(["acc", "acc_norm", "logprob"])).min(1),
  categories: z.record(name, subjects).optional(),
  subjects: subjects.optional(),
});

/** Every metric of an item or a task. */
export type Metric =
  | "acc"
  | "acc_norm"
  | "acc_bytes"
  | "exact_match"
  | "logprob"
  | "perplexity"
  | "word_perplexity"
  | "byte_perplexity"
  | "bits_per_byte";

/** A metric, or one of generated texts after a filter. */
export type MetricKey = Metric | `${Metric},${string}`;

export type Definition = z.infer<typeof schema> & {
  /** The folder of the file. */
  readonly directory: string;
};

/** The definitions that ship with the package: evals/ stands two folders above this file in src and in dist. */
export const SHIPPED = join(import.meta.dirname, "../../evals");

/**
 * Reads one definition.
 * @throws TsmergeError `config` naming the file and every key that is wrong
 */
export async function readDefinition(path: string): Promise<Definition> {
  let content: unknown;
  try {
    content = parse(await readFile(path, "utf8"));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TsmergeError("config", `cannot read this task file: ${reason}`, {
      where: path,
      hint: "a task file is YAML like evals/demo.yml",
      cause,
    });
  }
  const parsed = schema.safeParse(content);
  if (!parsed.success) {
    throw new TsmergeError("config", `this is not a task file: ${z.prettifyError(parsed.error)}`, {
      where: path,
      hint: "write it like evals/demo.yml, or in the format of lm-evaluation-harness with a `task:` line",
    });
  }
  if ((parsed.data.categories === undefined) === (parsed.data.subjects === undefined)) {
    throw new TsmergeError("config", "a task file has either `subjects` or `categories`", {
      where: path,
      hint: "list the subjects once, under categories if they have any",
    });
  }
  return { ...parsed.data, directory: dirname(path) };
}

/** All definitions of the package and of further folders; a later one replaces an earlier one of its name. */
export async function readDefinitions(folders: readonly string[] = []): Promise<Definition[]> {
  const byName = new Map<string, Definition>();
  for (const folder of [SHIPPED, ...folders]) {
    for (const file of await taskFiles(folder)) {
      const definition = await readDefinition(file);
      byName.set(definition.name, definition);
    }
  }
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** False for files in lm-evaluation-harness's format, which task-folder.ts reads. */
function namesNoTask(text: string): boolean {
  return !/^(?:task|group|include|class)\s*:/m.test(text);
}

async function taskFiles(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder);
    const paths = entries
      .filter((entry) => /\.ya?ml$/.test(basename(entry)))
      .sort()
      .map((entry) => join(folder, entry));
    const isOwn = await Promise.all(
      paths.map(async (path) => namesNoTask(await readFile(path, "utf8"))),
    );
    return paths.filter((_, index) => isOwn[index]);
  } catch (cause) {
    throw new TsmergeError("io", `cannot list the task folder ${folder}`, {
      hint: "give --include-path a folder of task files",
      cause,
    });
  }
}
