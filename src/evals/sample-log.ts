// One line of lm-evaluation-harness's samples_<task>.jsonl: what was asked, what came back, what it scored, and
// its hashes, so that two logs can be laid side by side. Pure; run/eval/result-files.ts writes them.

import { sha256 } from "../base/hash.ts";
import { type Pipeline, pipelinesOf } from "./generation.ts";
import type { Answer, Item, ItemScore } from "./item.ts";
import { type MetricKey, metricOf } from "./metrics.ts";
import { PythonFloat, pythonFloat, pythonJson, pythonStr } from "./python/json.ts";

/** What a log line is made of. */
export interface SampleSource {
  readonly item: Item;
  readonly answer: Answer;
  /** Absent where nothing is judged (`--predict_only`). */
  readonly score: ItemScore | undefined;
  readonly metrics: readonly MetricKey[];
}

/** The hashes of a question, as lower-case hexadecimal SHA-256. */
export interface SampleHashes {
  /** Of the data's row as indented JSON. */
  readonly doc_hash: string;
  /** Of the first request's prompt. */
  readonly prompt_hash: string;
  /** Of Python's str() of the target. */
  readonly target_hash: string;
}

export function sampleHashes({ document, target, judgement, ...item }: Item): SampleHashes {
  // a rolling text has no prompt: its only argument is the text
  const first =
    judgement?.kind === "rolling" ? item.continuations[0]! : (item.contexts?.[0] ?? item.context);
  return {
    doc_hash: sha256(pythonJson(document, 2)),
    prompt_hash: sha256(first),
    target_hash: sha256(pythonStr(target)),
  };
}

/** The hash of a task's questions: over the hashes of each, in order. */
export function taskHash(items: readonly Item[]): string {
  const parts = items.map((item) => {
    const { doc_hash, prompt_hash, target_hash } = sampleHashes(item);
    return doc_hash + prompt_hash + target_hash;
  });
  return sha256(parts.join(""));
}

/** The lines of one item, one a filter of its task, each with its line break. */
export function sampleLines(source: SampleSource): string[] {
  const { item, metrics } = source;
  const { judgement } = item;
  const filters =
    judgement?.kind === "generation"
      ? pipelinesOf(judgement.rule.filters, judgement.rule.file)
      : [undefined];
  const { document, target, docId } = item;
  const hashes = sampleHashes(item);
  return filters.map((pipeline) => {
    const filter = pipeline?.name ?? "none";
    const own = metrics.filter((key) => filterOf(key) === filter);
    const record = {
      doc_id: docId,
      doc: document,
      target: pythonStr(target),
      arguments: argumentsOf(item),
      ...responsesOf(source, pipeline),
      filter,
      metrics: source.score === undefined ? ["bypass"] : own.map(nameOf),
      ...hashes,
      ...valuesOf(source, own),
    };
    return `${pythonJson(record)}\n`;
  });
}

function nameOf(key: MetricKey): string {
  return key.split(",")[0]!;
}

function filterOf(key: MetricKey): string {
  return key.split(",")[1] ?? "none";
}

/** `gen_args_0: { arg_0: prompt, arg_1: continuation or options }`, one a request. */
function argumentsOf({ context, contexts, continuations, judgement }: Item): object {
  const lists: (readonly unknown[])[] =
    judgement?.kind === "generation"
      ? [[context, judgement.rule.options]]
      : judgement?.kind === "rolling"
        ? continuations.map((text) => [text])
        : continuations.map((text, index) => [contexts?.[index] ?? context, text]);
  const named = lists.map((list, request) => [
    `gen_args_${request}`,
    Object.fromEntries(list.map((value, index) => [`arg_${index}`, value])),
  ]);
  return Object.fromEntries(named);
}

/** Responses as strings, a list of repeats for each request; after the filter one for each request. */
function responsesOf(
  { item, answer }: SampleSource,
  pipeline: Pipeline | undefined,
): { resps: unknown; filtered_resps: unknown } {
  const { logLikelihoods, greedy, texts } = answer;
  if (item.judgement?.kind === "generation" && pipeline !== undefined) {
    const filtered = pipeline.apply(texts, item.judgement.choices);
    return { resps: [texts], filtered_resps: filtered.slice(0, 1) };
  }
  if (item.judgement?.kind === "rolling") {
    const whole = pythonFloat(logLikelihoods.reduce((sum, value) => sum + value, 0)); // of its windows
    return { resps: [[whole]], filtered_resps: [whole] };
  }
  const pairs = logLikelihoods.map((value, index) => [
    pythonFloat(value),
    pythonStr(greedy[index] === true),
  ]);
  return { resps: pairs.map((pair) => [pair]), filtered_resps: pairs };
}

function valuesOf({ score }: SampleSource, metrics: readonly MetricKey[]): object {
  if (score === undefined) return { bypass: 999 }; // what lm-evaluation-harness writes there
  const { size, logprob } = score;
  const sizeOf = (key: MetricKey): number | undefined =>
    key === "word_perplexity" ? size?.words : size?.bytes;
  return Object.fromEntries(
    metrics.map((key) => {
      const value =
        size === undefined
          ? new PythonFloat(metricOf(score, key))
          : [new PythonFloat(logprob), sizeOf(key)];
      return [nameOf(key), value];
    }),
  );
}
