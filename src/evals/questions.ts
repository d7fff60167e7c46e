// Questions in MMLU's CSV layout, `<folder>/<split>/<subject>_<split>.csv`: with a header row
// (question,choice0..choice3,answer 0-3), or as first published, with no header and answers A-D.

import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { CsvError, parse } from "csv-parse/sync";
import { TsmergeError } from "../base/errors.ts";
import { sha256 } from "../base/hash.ts";
import type { SubjectLeaf } from "./catalogue.ts";
import type { Definition } from "./definition.ts";

export type Split = "dev" | "val" | "test";

export const SPLITS = ["dev", "val", "test"] as const;

export interface Question {
  readonly question: string;
  readonly choices: readonly string[];
  /** Index of the right choice. */
  readonly answer: number;
}

export interface QuestionFile {
  readonly questions: readonly Question[];
  /** Hash of the file's bytes. */
  readonly sha256: string;
}

const COLUMNS = 6;

/**
 * The questions of a CSV text.
 * @throws TsmergeError `data` naming the file and the row that is wrong
 */
export function parseQuestions(text: string, where: string): Question[] {
  let records: string[][];
  try {
    records = parse(text, { bom: true });
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw new TsmergeError("data", `this is not a CSV file of questions: ${cause.message}`, {
      where,
      hint: "expected question, four choices and an answer in each row",
      cause,
    });
  }
  const hasHeader = records[0]?.[0] === "question" && records[0]?.at(-1) === "answer";
  return (hasHeader ? records.slice(1) : records).map((record, index) =>
    questionOf(record, `${where}, row ${index + 1}`),
  );
}

function questionOf(record: readonly string[], where: string): Question {
  if (record.length !== COLUMNS) {
    throw new TsmergeError("data", `expected ${COLUMNS} columns, found ${record.length}`, {
      where,
      hint: "a row is question,choice0,choice1,choice2,choice3,answer",
    });
  }
  const written = record[COLUMNS - 1]!;
  const letter = "ABCD".indexOf(written);
  const answer = written.length !== 1 ? -1 : letter >= 0 ? letter : "0123".indexOf(written);
  if (answer < 0) {
    throw new TsmergeError("data", `the answer is ${JSON.stringify(written)}`, {
      where,
      hint: "an answer is 0 to 3 or A to D",
    });
  }
  return { question: record[0]!, choices: record.slice(1, COLUMNS - 1), answer };
}

/**
 * Reads one subject's questions and asserts their number.
 * @param root folder with dev/, val/ and test/
 * @throws TsmergeError `data` for a missing file, a malformed row or a wrong number of rows
 */
export async function readQuestions(
  root: string,
  leaf: SubjectLeaf,
  split: Split,
): Promise<QuestionFile> {
  const path = questionPath(root, leaf, split);
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new TsmergeError("data", `cannot read the ${split} questions of ${leaf.task}`, {
      where: path,
      hint: layoutHint(leaf.definition),
      cause,
    });
  }
  const questions = parseQuestions(bytes.toString("utf8"), path);
  const expected = leaf.rows[SPLITS.indexOf(split)]!;
  if (questions.length !== expected) {
    throw new TsmergeError(
      "data",
      `${leaf.task} has ${questions.length} ${split} questions instead of ${expected}`,
      { where: path, hint: "the file is cut short or of another release; fetch the data again" },
    );
  }
  return { questions, sha256: sha256(bytes) };
}

/**
 * The folder that holds a definition's dev/, val/ and test/: beside its file if the data ships, otherwise
 * `dataDir` itself or its subfolder of the benchmark's name.
 * @throws TsmergeError `data` that names every folder looked into, the layout and the flag
 */
export async function dataRoot(
  definition: Definition,
  probe: SubjectLeaf,
  split: Split,
  dataDir: string | undefined,
): Promise<string> {
  const { folder, ships } = definition.data;
  const candidates = ships
    ? [join(definition.directory, folder)]
    : dataDir === undefined
      ? []
      : [join(dataDir, folder), dataDir, join(dataDir, "data")];
  for (const root of candidates) {
    if (await exists(questionPath(root, probe, split))) return root;
  }
  const looked = candidates.length === 0 ? "" : `; looked in ${candidates.join(", ")}`;
  throw new TsmergeError("data", `no questions found for ${definition.name}${looked}`, {
    hint: layoutHint(definition),
  });
}

function layoutHint(definition: Definition): string {
  const { folder, source } = definition.data;
  const from = source === undefined ? "" : ` (${source} has them)`;
  return `--data DIR, where DIR or DIR/${folder} holds {dev,val,test}/<subject>_<split>.csv${from}: question, four choices, answer as 0-3 under a header row or as A-D without one`;
}

function questionPath(root: string, leaf: SubjectLeaf, split: Split): string {
  return join(root, split, `${leaf.alias}_${split}.csv`);
}

async function exists(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined); // absence is an answer here, not a failure
  return found?.isFile() === true;
}
