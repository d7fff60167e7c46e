// A task file's fields over documents: what each document's question, choices and answer are, and which
// requests they become. One type of request for all documents, decided on the first, as lm-evaluation-harness does.

import { TsmergeError } from "../../base/errors.ts";
import { sha256 } from "../../base/hash.ts";
import type { Row } from "../datasets/records.ts";
import { asksForChoices, pipelinesOf } from "../generation.ts";
import type { Instruction } from "../ifeval/score.ts";
import type { GenerationRule, Item, Judgement } from "../item.ts";
import { pythonLiteral } from "../python/literal.ts";
import { delimited, isDigit } from "../python/text.ts";
import {
  checkAggregation,
  documentsFunction,
  refuseFunction,
  resultRule,
  valueFunction,
} from "./builtins.ts";
import { stopRuleOf } from "./generation-rule.ts";
import type { Prompt } from "./prompt.ts";
import { type FewshotConfig, FunctionReference, type TaskConfig } from "./task-file.ts";
import { compileTemplate } from "./template.ts";
import { countWords } from "./wikitext.ts";

/** lm-evaluation-harness's defaults. */
const TARGET_DELIMITER = " ";
const FEWSHOT_DELIMITER = "\n\n";

/** A document as its task sees it. */
export interface Reading {
  /** The question; the index of the right choice where the choices are contexts. */
  readonly text: string | number;
  readonly target: string | number | readonly unknown[];
  readonly choices: readonly string[] | undefined;
  /** What every answer begins with, and stands in the prompt; empty for nothing. */
  readonly prefix: string;
}

export interface Reader {
  readonly read: (row: Row) => Reading;
  readonly targetDelimiter: string;
  readonly fewshotDelimiter: string;
}

/**
 * Compiles the fields that read a document.
 * @param shots fields that replace the task's, for worked examples
 * @throws TsmergeError `config` naming file and field when a template does not parse or needs Python
 */
export function compileReader(config: TaskConfig, shots?: FewshotConfig): Reader {
  const { file } = config;
  const field = (name: "doc_to_text" | "doc_to_target" | "doc_to_choice"): Field | undefined => {
    const spec = shots?.[name] ?? config[name];
    return spec === undefined ? undefined : compileField(spec, name, file);
  };
  const [text, target, choice] = [
    field("doc_to_text"),
    field("doc_to_target"),
    field("doc_to_choice"),
  ];
  const spec = shots?.gen_prefix ?? config.gen_prefix;
  const prefix = spec === undefined ? undefined : compileField(spec, "gen_prefix", file);
  const hasChoices = choice !== undefined;
  return {
    targetDelimiter: shots?.target_delimiter ?? config.target_delimiter ?? TARGET_DELIMITER,
    fewshotDelimiter: shots?.fewshot_delimiter ?? config.fewshot_delimiter ?? FEWSHOT_DELIMITER,
    read: (row) => ({
      text: asText(text?.(row) ?? "", hasChoices),
      target: asTarget(target?.(row) ?? "", hasChoices),
      choices: choice === undefined ? undefined : asChoices(choice(row), file),
      prefix: prefix === undefined ? "" : printed(prefix(row)),
    }),
  };
}

type Field = (row: Row) => unknown;

function compileField(spec: unknown, name: string, file: string): Field {
  if (spec instanceof FunctionReference) return valueFunction(spec, name, file);
  if (typeof spec !== "string") return () => spec;
  const where = `${file}, ${name}`;
  let template: Field | undefined; // a column's name need not be a template
  return (row) => {
    if (Object.hasOwn(row, spec)) return row[spec];
    template ??= spec.includes("{") ? compileTemplate(spec, where) : () => spec;
    return template(row);
  };
}

function asText(value: unknown, hasChoices: boolean): string | number {
  if (typeof value === "number" && hasChoices) return value;
  if (typeof value === "string" && hasChoices && isDigit(value)) return Number(value);
  return printed(value);
}

function asTarget(value: unknown, hasChoices: boolean): Reading["target"] {
  if (Array.isArray(value)) return value;
  if (typeof value === "number") return hasChoices ? value : String(value);
  const text = printed(value);
  if (hasChoices && isDigit(text)) return Number(text);
  if (text.length < 2 || !text.startsWith("[") || !text.endsWith("]")) return text;
  const list = literalOr(text);
  return Array.isArray(list) ? list : text; // brackets in a plain answer
}

/** What Python reads in a text, or the text itself where that is no literal. */
function literalOr(text: string): unknown {
  try {
    return pythonLiteral(text);
  } catch (error) {
    if (error instanceof TsmergeError) return text;
    throw error;
  }
}

function asChoices(value: unknown, file: string): readonly string[] {
  const list = typeof value === "string" ? literalOr(value) : value;
  if (Array.isArray(list) && list.length > 0) return list.map(printed);
  if (!Array.isArray(list) && typeof list === "object" && list !== null) {
    return Object.values(list).map(printed);
  }
  throw new TsmergeError("config", `field doc_to_choice gives ${JSON.stringify(value)}`, {
    where: file,
    hint: "it gives a list: a column, a list in YAML or a template such as {{choices.text}}",
  });
}

/** A value as Python's str prints it. */
function printed(value: unknown): string {
  if (typeof value === "boolean") return value ? "True" : "False";
  return value === null ? "None" : String(value);
}

/** A worked example as it stands in a prompt; without an answer nothing comes after the question. */
export function renderShot(reader: Reader, row: Row): string {
  const { question, prefix, answer } = shotOf(reader, row);
  const { targetDelimiter, fewshotDelimiter } = reader;
  const end = answer === undefined ? "" : fewshotDelimiter;
  if (prefix === "") return question + (answer === undefined ? "" : targetDelimiter + answer) + end;
  return delimited(question, delimited(prefix, answer ?? "", " "), targetDelimiter) + end;
}

/** A worked example's question, the prefix of its answer (empty for none) and the right answer, if it has one. */
export function shotOf(
  reader: Reader,
  row: Row,
): { question: string; prefix: string; answer: string | undefined } {
  const { text, target, choices, prefix } = reader.read(row);
  const question = typeof text === "number" ? (choices?.[text] ?? String(text)) : text;
  if (target === "") return { question, prefix, answer: undefined };
  const first = Array.isArray(target) ? target[0] : target;
  const answer = typeof first === "number" ? (choices?.[first] ?? String(first)) : printed(first);
  return { question, prefix, answer };
}

export interface DocumentTask {
  readonly config: TaskConfig;
  readonly reader: Reader;
  /** Between a prompt and each of its choices. */
  readonly answerDelimiter: string;
  /** The texts that make a document the same question wherever it is asked; undefined: the request's own. */
  readonly identity: (row: Row) => readonly string[] | undefined;
  /** The text before the first worked example. */
  readonly description: (row: Row) => string;
  readonly judge: (row: Row) => Judgement | undefined;
  readonly process: (rows: readonly Row[]) => readonly Row[];
  /** How worked examples are read, and prepared. */
  readonly shots: { readonly reader: Reader; readonly process: DocumentTask["process"] };
  /** Of tasks whose texts are generated. */
  readonly generation: GenerationRule | undefined;
  /** What a generated text is verified by, if it is. */
  readonly instructions: ((row: Row) => readonly Instruction[]) | undefined;
}

/**
 * Everything of a task that can be checked without its data.
 * @throws TsmergeError `config` naming file and field for what only Python could do
 */
export function compileTask(config: TaskConfig): DocumentTask {
  const { file, description = "" } = config;
  for (const { metric, aggregation } of config.metric_list ?? []) {
    refuseFunction(metric, "metric_list", file);
    checkAggregation(aggregation, file);
  }
  const described = compileField(description, "description", file);
  const rule =
    config.process_results === undefined ? undefined : resultRule(config.process_results, file);
  const isGenerated = config.output_type === "generate_until";
  if (!isGenerated && config.filter_list !== undefined) {
    throw new TsmergeError("config", `field filter_list has no meaning for ${config.output_type}`, {
      where: file,
      hint: "remove it; filters cut answers out of generated texts",
    });
  }
  const { fewshot_config: shots } = config;
  const reader = compileReader(config);
  const processed = (reference = config.process_docs): DocumentTask["process"] =>
    reference === undefined ? (rows) => rows : documentsFunction(reference, file);
  return {
    config,
    process: processed(),
    shots: { reader: compileReader(config, shots), process: processed(shots?.process_docs) },
    generation: isGenerated ? generationOf(config, reader.fewshotDelimiter) : undefined,
    instructions: rule?.kind === "instructions" ? rule.of : undefined,
    reader,
    answerDelimiter: reader.targetDelimiter,
    identity: compileIdentity(config),
    description: (row) => printed(described(row)),
    judge: (row) => {
      if (rule === undefined || rule.kind === "instructions") return undefined;
      if (rule.kind === "mass") {
        const truths = rule.labels(row).flatMap((label, index) => (label === 1 ? [index] : []));
        return { kind: "mass", truths };
      }
      return rollingOver(rule.text(row));
    },
  };
}

function compileIdentity({ doc_to_identity: source, file }: TaskConfig): DocumentTask["identity"] {
  if (source === undefined) return () => undefined;
  const field = compileField(source, "doc_to_identity", file);
  return (row) => [field(row)].flat().map(printed);
}

/** Filters and options are checked here, before any question is read. */
function generationOf(config: TaskConfig, fewshotDelimiter: string): GenerationRule {
  const { filter_list: filters, metric_list: metrics, repeats, file } = config;
  const options = { until: [fewshotDelimiter], ...config.generation_kwargs };
  pipelinesOf(filters, file);
  return { options, stop: stopRuleOf(options, file), repeats, filters, metrics, file };
}

/**
 * The documents as items.
 * @param prompts what each question becomes with its description and worked examples
 */
export function itemsOfDocuments(
  task: DocumentTask,
  rows: readonly Row[],
  prompts: readonly Prompt[],
): Item[] {
  const readings = rows.map(task.reader.read);
  const [first] = readings;
  if (first === undefined) return [];
  const isMultipleInput = typeof first.text === "number";
  return readings.map((reading, docId) => {
    const document = rows[docId]!;
    const { target } = reading;
    const shape = requestOf(task, document, reading, prompts[docId]!, isMultipleInput);
    const { question, ...item } = shape;
    // without examples: the same question is the same item however many stand before it
    const texts = task.identity(document) ?? [question, ...item.choices];
    const hash = sha256(JSON.stringify(texts));
    return { task: task.config.task, docId, hash, ...item, document, target };
  });
}

type Request = Omit<Item, "task" | "docId" | "hash" | "document" | "target"> & {
  readonly question: string;
};

function requestOf(
  task: DocumentTask,
  row: Row,
  reading: Reading,
  prompt: Prompt,
  isMultipleInput: boolean,
): Request {
  const { config, reader } = task;
  const question = String(reading.text);
  const context = isMultipleInput ? "" : prompt(question, reading.prefix, reader.targetDelimiter);
  switch (config.output_type) {
    case "multiple_choice":
      return isMultipleInput
        ? severalContexts(task, reading, prompt)
        : { question, context, ...choiceRequest(task, row, reading) };
    case "loglikelihood": {
      const continuation = String(reading.target);
      const choices = [continuation];
      const judgement: Judgement = { kind: "likelihood" };
      return { question, context, continuations: choices, choices, gold: 0, judgement };
    }
    case "loglikelihood_rolling": {
      const text = String(reading.target);
      const judgement = task.judge(row) ?? rollingOver(text);
      return {
        question: text,
        context: "",
        continuations: [text],
        choices: [],
        gold: -1,
        judgement,
      };
    }
    case "generate_until": {
      const { target, choices } = reading;
      const targets = Array.isArray(target) ? target : [target];
      const references = targets.map((each) =>
        typeof each === "number" ? (choices?.[each] ?? String(each)) : String(each),
      );
      // there for this output type
      const judgement: Judgement = {
        ...{ kind: "generation", rule: task.generation!, references },
        ...(asksForChoices(config.filter_list) && { choices: columnOfChoices(row, config.file) }),
        ...(task.instructions && { instructions: task.instructions(row) }),
      };
      return { question, context, continuations: [], choices: [], gold: -1, judgement };
    }
    default:
      return config.output_type satisfies never;
  }
}

/** The column in which the filter multi_choice_regex finds a question's choices. */
function columnOfChoices({ choices }: Row, file: string): readonly string[] {
  if (Array.isArray(choices)) return choices.map(printed);
  throw new TsmergeError("config", "field filter_list: multi_choice_regex needs a column choices", {
    where: file,
    hint: "it is a list of texts, one a lettered choice; or use the filter regex",
  });
}

/** Choices that are contexts: the continuation is one. */
function severalContexts(
  { answerDelimiter }: DocumentTask,
  reading: Reading,
  prompt: Prompt,
): Request {
  const { choices = [], target, text, prefix } = reading;
  const contexts = choices.map((choice) => prompt(choice, prefix, ""));
  const continuation = answerDelimiter + String(target);
  return {
    ...{ question: String(target), context: contexts[0] ?? "", contexts, choices },
    continuations: choices.map(() => continuation),
    gold: indexIn(choices, Number(text)),
  };
}

function choiceRequest(
  task: DocumentTask,
  row: Row,
  { target, choices }: Reading,
): Omit<Request, "question" | "context"> {
  if (choices === undefined) {
    throw new TsmergeError("config", "a multiple_choice task needs doc_to_choice", {
      where: task.config.file,
      hint: "add doc_to_choice, or another output_type",
    });
  }
  const continuations = choices.map((choice) => task.answerDelimiter + choice);
  const golds = (Array.isArray(target) ? target : [target]).map((each) => indexIn(choices, each));
  const judged = task.judge(row);
  const judgement =
    judged ?? (Array.isArray(target) ? ({ kind: "any", golds } as const) : undefined);
  return { choices, continuations, gold: golds[0] ?? -1, ...(judgement && { judgement }) };
}

/** A target's place among the choices; -1 is out of range, never correct. */
function indexIn(choices: readonly string[], target: unknown): number {
  if (typeof target !== "number") return choices.indexOf(String(target));
  return target >= 0 && target < choices.length ? target : -1;
}

function rollingOver(text: string): Judgement {
  return { kind: "rolling", words: countWords(text), bytes: Buffer.byteLength(text) };
}
