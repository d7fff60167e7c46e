// A task file's items: reads the splits it names, draws the worked examples, renders the prompts.

import { TsmergeError } from "../../base/errors.ts";
import { canonicalJson } from "../../base/hash.ts";
import { type DataAccess, type DatasetReference, readSplit } from "../datasets/read.ts";
import type { Row } from "../datasets/records.ts";
import type { Item } from "../item.ts";
import { rstrip } from "../python/text.ts";
import type { Leaf } from "./catalogue.ts";
import { type DocumentTask, itemsOfDocuments } from "./document-task.ts";
import { drawShots, drawsOneMore, examplesApart, fewshotSplit, type Pool } from "./fewshot.ts";
import { type PromptStyle, prompter } from "./prompt.ts";
import { FunctionReference, type TaskConfig } from "./task-file.ts";

/** What lm-evaluation-harness evaluates, or the validation questions of a task that also has test questions. */
export type EvaluatedSplit = "val" | "test";

export interface DocumentOptions extends DataAccess, PromptStyle {
  readonly split: EvaluatedSplit;
  /** Worked examples before each question. */
  readonly fewshot: number;
  readonly fewshotSeed: number;
  /** For a search: a question that may serve as an example is asked in no split. */
  readonly examplesApart: boolean;
}

export interface DocumentItems {
  readonly items: readonly Item[];
  /** SHA-256 of each file that was read. */
  readonly files: Readonly<Record<string, string>>;
}

const NOTHING: DocumentItems = { items: [], files: {} };

/**
 * The items of one split. `test` is what lm-evaluation-harness evaluates: the task's test split, or its
 * validation split if it has no other. `val` is the validation split of tasks that also have a test split.
 * @throws TsmergeError `data` for missing or malformed files; `config` for fields that cannot be used
 */
export async function loadDocumentItems(
  leaf: Leaf,
  options: DocumentOptions,
): Promise<DocumentItems> {
  const { documents: task } = leaf;
  const { config } = task;
  const evaluated = evaluatedSplit(config, options.split);
  if (evaluated === undefined) return NOTHING;
  const reference = referenceOf(config);
  const { rows: all, files } = await readSplit(reference, evaluated, options);
  if (all.length === 0) {
    throw new TsmergeError("data", `${config.task} has no question in its split ${evaluated}`, {
      where: config.file,
      hint: "check the data file, or leave the task out",
    });
  }
  const { pool, isExample, files: poolFiles } = await readPool(task, reference, options);
  const rows = task.process(all.filter((row) => !isExample(row)));
  const shots = drawShots(config, pool, rows, options.fewshot, options.fewshotSeed);
  const asked = styled(task, options);
  const promptOf = prompter(asked, options);
  const prompts = rows.map((row, index) => promptOf(row, shots[index]!));
  return { items: itemsOfDocuments(asked, rows, prompts), files: { ...files, ...poolFiles } };
}

/**
 * The task as a conversation asks it: the answer's turn begins with the continuation itself, no delimiter, unless
 * the turn was begun already.
 */
function styled(task: DocumentTask, { chat }: PromptStyle): DocumentTask {
  if (chat === undefined) return task;
  const { gen_prefix: prefix = "" } = task.config;
  const isOpen = prefix === "" || prefix !== rstrip(prefix);
  return { ...task, answerDelimiter: isOpen ? "" : task.reader.targetDelimiter };
}

function evaluatedSplit(config: TaskConfig, split: EvaluatedSplit): string | undefined {
  const { test_split, validation_split } = config;
  switch (split) {
    case "test": {
      const evaluated = test_split ?? validation_split;
      if (evaluated !== undefined) return evaluated;
      throw new TsmergeError("config", "the task has neither test_split nor validation_split", {
        where: config.file,
        hint: "name the split that is evaluated",
      });
    }
    case "val":
      return test_split === undefined || test_split === validation_split
        ? undefined
        : validation_split;
    default:
      return split satisfies never;
  }
}

/** Every split that a search asks questions of: what `val` and `test` stand for. */
export function askedSplits({ validation_split, test_split }: TaskConfig): string[] {
  return [validation_split, test_split].flatMap((split) => split ?? []);
}

interface ReadPool extends Pick<DocumentItems, "files"> {
  readonly pool: Pool;
  /** Rows that may not be asked. */
  readonly isExample: (row: Row) => boolean;
}

async function readPool(
  task: DocumentTask,
  reference: DatasetReference,
  { split: asked, fewshot, examplesApart: isApart, ...access }: DocumentOptions,
): Promise<ReadPool> {
  const { config, shots } = task;
  const isExample = (): boolean => false;
  if (fewshot === 0) return { pool: { rows: [], holdsEvaluated: false }, isExample, files: {} };
  const samples = config.fewshot_config?.samples;
  if (samples instanceof FunctionReference) {
    throw new TsmergeError("config", `field samples needs the Python function ${samples.name}`, {
      where: config.file,
      hint: "write the samples as a list",
    });
  }
  const split = fewshotSplit(config);
  const read =
    split === undefined
      ? { rows: samples ?? [], files: {} }
      : await readSplit(reference, split, access);
  const { files } = read;
  const indices = config.fewshot_config?.fewshot_indices;
  const chosen =
    indices === undefined ? read.rows : read.rows.filter((_, index) => indices.includes(index));
  if (isApart && split !== undefined && askedSplits(config).includes(split)) {
    const rows = examplesApart(config, chosen, fewshot);
    const texts = new Set(rows.map(canonicalJson));
    return {
      pool: { rows: shots.process(rows), holdsEvaluated: false },
      isExample: (row) => texts.has(canonicalJson(row)),
      files,
    };
  }
  // lm-evaluation-harness looks at the names in the file; val questions, which it never asks, are guarded as well
  const isOwnSplit = asked === "val" && split === config.validation_split;
  const holdsEvaluated = drawsOneMore(config) || isOwnSplit;
  const pool = { rows: shots.process(chosen), holdsEvaluated };
  return { pool, isExample, files };
}

function referenceOf(config: TaskConfig): DatasetReference {
  const { dataset_path: path, dataset_name: name, dataset_kwargs, rows, file } = config;
  if (path === undefined) {
    throw new TsmergeError("config", "the task names no dataset_path", {
      where: file,
      hint: "write dataset_path: json and dataset_kwargs: { data_files: … } for files of your own",
    });
  }
  return { path, name, dataFiles: dataset_kwargs?.data_files, rows, where: file };
}
