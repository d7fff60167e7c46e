// Benchmarks as their authors published them, row by row into the columns that lm-evaluation-harness's task
// files name (those of the Hugging Face copies). Nothing here opens a file.

import { TsmergeError } from "../../base/errors.ts";
import { strip } from "../python/text.ts";
import { linesOf, type Row } from "./records.ts";

/** A value of a row that must be text. */
function textIn(row: Row, column: string, where: string): string {
  const value = row[column];
  if (typeof value === "string") return value;
  throw new TsmergeError("data", `column ${column} is ${JSON.stringify(value)} instead of text`, {
    where,
    hint: "the file is of another layout or release; fetch the data again",
  });
}

/** AI2's ARC: the stem and the choices stand under `question`. Rows of the other layout stay. */
export function arcRow(row: Row): Row {
  const { question } = row;
  if (typeof question !== "object" || question === null) return row;
  const { stem, choices } = question as { stem: unknown; choices: unknown }; // checked below
  const list = Array.isArray(choices) ? (choices as readonly Row[]) : [];
  return {
    id: row.id,
    question: stem,
    choices: { text: list.map(({ text }) => text), label: list.map(({ label }) => label) },
    answerKey: row.answerKey,
  };
}

/** SuperGLUE's BoolQ: the label is true or false there, in some copies as text, and 0 or 1 here. */
export function boolqRow(row: Row): Row {
  const isYes = row.label === true || row.label === "true" || row.label === 1;
  return { ...row, label: isYes ? 1 : 0 };
}

/** TruthfulQA's answers: a mapping from answer to label becomes two lists. */
export function truthfulRow(row: Row): Row {
  const lists = (value: unknown): Row => {
    const targets = Object.entries((value ?? {}) as Readonly<Record<string, unknown>>); // an object from JSON
    return {
      choices: targets.map(([answer]) => answer),
      labels: targets.map(([, label]) => label),
    };
  };
  return {
    question: row.question,
    mc1_targets: lists(row.mc1_targets),
    mc2_targets: lists(row.mc2_targets),
  };
}

/** LAMBADA as context and last word. */
export function lambadaRow(row: Row, where: string): Row {
  if (typeof row.text === "string") return row;
  return { text: `${textIn(row, "context", where)} ${textIn(row, "continuation", where)}` };
}

/** IFEval's arguments, each with the names of all, null where it has none, as in the columns of a table. */
export function ifevalRows(rows: readonly Row[]): Row[] {
  const argumentsOf = ({ kwargs }: Row): readonly Row[] =>
    Array.isArray(kwargs) ? (kwargs as readonly Row[]) : []; // objects in every release
  const names = new Set(rows.flatMap((row) => argumentsOf(row).flatMap(Object.keys)));
  const empty = Object.fromEntries([...names].map((name) => [name, null]));
  return rows.map((row) => ({
    ...row,
    kwargs: argumentsOf(row).map((own) => ({ ...empty, ...own })),
  }));
}

/** PIQA without the questions' ids. */
export function piqaRow({ id: _, ...row }: Row): Row {
  return row;
}

/** PIQA's labels stand in a file of their own, one a line. */
export function withLabels(rows: readonly Row[], labels: string, where: string): Row[] {
  const lines = linesOf(labels);
  if (lines.length !== rows.length) {
    throw new TsmergeError("data", `${lines.length} labels for ${rows.length} questions`, {
      where,
      hint: "the two files are not of one release; fetch the data again",
    });
  }
  return rows.map((row, index) => ({ ...row, label: Number(lines[index]) }));
}

/** Between the canary and the prompt in BIG-Bench Hard's files of worked examples. */
const CANARY_END = "-----\n";

/** Before the reasoning of a worked example; one subset goes on in the same line. */
const THINK = /\nA: Let's think step by step\.[ \n]/;

export interface BbhPrompt {
  readonly instruction: string;
  /** Columns input, target (the answer alone) and reasoning (all that follows the question). */
  readonly shots: readonly Row[];
}

/**
 * BIG-Bench Hard's file of worked examples: an instruction, then `Q: …\nA: Let's think step by step.\n…`,
 * separated by empty lines.
 * @throws TsmergeError `data` when the text has no examples
 */
export function parseBbhPrompt(text: string, where: string): BbhPrompt {
  const start = text.indexOf(CANARY_END);
  const body = strip(start < 0 ? text : text.slice(start + CANARY_END.length));
  const [instruction = "", ...examples] = body.split("\n\nQ: ");
  const shots = examples.map((example): Row => {
    const [input = "", reasoning = ""] = example.split(THINK);
    const target = /So the answer is (.*)\.$/s.exec(reasoning)?.[1] ?? "";
    return { input, target, reasoning };
  });
  if (shots.length === 0) {
    throw new TsmergeError("data", "found no worked examples", {
      where,
      hint: "expected an instruction, and questions that begin with Q: after empty lines",
    });
  }
  return { instruction, shots };
}

/**
 * The pages of a WikiText file. A line of one level of equals signs is a page's title; the text before the
 * first title counts as a page unless it is blank.
 */
export function wikiPages(text: string): Row[] {
  const pages: string[][] = [[]];
  for (const line of text.split("\n")) {
    const title = strip(line.replaceAll("= = =", "===").replaceAll("= =", "=="));
    if (title.startsWith("= ") && title.endsWith(" =")) pages.push([]);
    pages.at(-1)!.push(line);
  }
  const [lead = []] = pages;
  const kept = strip(lead.join("\n")) === "" ? pages.slice(1) : pages;
  return kept.map((lines) => ({ page: lines.join("\n") }));
}
