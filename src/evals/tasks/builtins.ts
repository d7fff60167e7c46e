// What stands for the Python beside lm-evaluation-harness's task files: `!function module.name` in a file of
// folder `task` is looked up here as `task/module.name`. Anything else needs Python and is refused by name.

import { basename, dirname } from "node:path";
import { TsmergeError } from "../../base/errors.ts";
import type { Row } from "../datasets/records.ts";
import { type Instruction, instructionsOf } from "../ifeval/score.ts";
import { capitalize, strip } from "../python/text.ts";
import { FunctionReference } from "./task-file.ts";
import { detokenise } from "./wikitext.ts";

/** How an item is judged when its task says `process_results`. */
export type ResultRule =
  /** Probability of the choices labelled 1, of all choices'. */
  | { readonly kind: "mass"; readonly labels: (row: Row) => readonly number[] }
  /** A rolling log-likelihood over the words and bytes of another text. */
  | { readonly kind: "rolling"; readonly text: (row: Row) => string }
  /** A generated text by what its prompt asks for. */
  | { readonly kind: "instructions"; readonly of: (row: Row) => readonly Instruction[] };

const DOCUMENTS: Readonly<Record<string, (rows: readonly Row[]) => Row[]>> = {
  "hellaswag/utils.process_docs": (rows) => rows.map(hellaswagRow),
};

const VALUES: Readonly<Record<string, (row: Row) => unknown>> = {
  "winogrande/preprocess_winogrande.doc_to_text": (row) => Number(row.answer) - 1,
  "winogrande/preprocess_winogrande.doc_to_target": (row) => strip(sentenceOf(row).after),
  "winogrande/preprocess_winogrande.doc_to_choice": (row) =>
    [row.option1, row.option2].map((option) => sentenceOf(row).before + String(option)),
  "wikitext/preprocess_wikitext.wikitext_detokenizer": (row) => detokenise(String(row.page)),
};

const RESULTS: Readonly<Record<string, ResultRule>> = {
  "ifeval/utils.process_results": { kind: "instructions", of: instructionsOf },
  "truthfulqa/utils.process_results_mc2": {
    kind: "mass",
    labels: (row) => (row.mc2_targets as { labels: readonly number[] }).labels, // as datasets/shapes.ts makes it
  },
  "wikitext/preprocess_wikitext.process_results": {
    kind: "rolling",
    text: (row) => String(row.page),
  },
};

/** A built-in by role. @throws TsmergeError `config` naming file, field and function when there is none */
export function documentsFunction(
  reference: FunctionReference,
  file: string,
): (rows: readonly Row[]) => Row[] {
  return lookUp(DOCUMENTS, reference, "process_docs", file);
}

export function valueFunction(
  reference: FunctionReference,
  field: string,
  file: string,
): (row: Row) => unknown {
  return lookUp(VALUES, reference, field, file);
}

export function resultRule(reference: FunctionReference, file: string): ResultRule {
  return lookUp(RESULTS, reference, "process_results", file);
}

/** Means that metrics of ours are already: over all instructions, not over prompts. */
const AGGREGATIONS: Readonly<Record<string, true>> = { "ifeval/utils.agg_inst_level_acc": true };

/** Fails for an aggregation that only Python knows. */
export function checkAggregation(value: unknown, file: string): void {
  if (value instanceof FunctionReference) lookUp(AGGREGATIONS, value, "metric_list", file);
}

/** Fails for a function where only data will do. */
export function refuseFunction(value: unknown, field: string, file: string): void {
  if (value instanceof FunctionReference) lookUp({}, value, field, file);
}

function lookUp<T>(
  table: Readonly<Record<string, T>>,
  reference: FunctionReference,
  field: string,
  file: string,
): T {
  const name = `${basename(dirname(file))}/${reference.name}`;
  if (Object.hasOwn(table, name)) return table[name]!;
  throw new TsmergeError("config", `field ${field} needs the Python function ${reference.name}`, {
    where: file,
    hint: "tsmerge runs no Python; choose a task without it, or write the field as a template",
  });
}

/** The sentence of WinoGrande around its gap. */
function sentenceOf(row: Row): { before: string; after: string } {
  const sentence = String(row.sentence);
  const gap = sentence.indexOf("_");
  return { before: sentence.slice(0, gap), after: sentence.slice(gap + 1) };
}

/** A row with HellaSwag's query, choices and gold; rows that have them already stay. */
function hellaswagRow(row: Row): Row {
  if (row.query !== undefined) return row;
  const context = `${String(row.ctx_a)} ${capitalize(String(row.ctx_b))}`;
  const endings = row.endings as readonly unknown[]; // a list in every release
  return {
    ...row,
    query: withoutMarkup(`${String(row.activity_label)}: ${context}`),
    choices: endings.map((ending) => withoutMarkup(String(ending))),
    gold: Number(row.label),
  };
}

/** WikiHow's markup out of a text; white space that it leaves at the start stays. */
function withoutMarkup(text: string): string {
  return strip(text)
    .replaceAll(" [title]", ". ")
    .replaceAll(/\[.*?\]/g, "")
    .replaceAll("  ", " ");
}
