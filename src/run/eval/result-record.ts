// An evaluation as lm-evaluation-harness's results_<time>.json: its keys in its order, so that tools which read
// one read the other. What is ours alone stands under `tsmerge`.

import { sha256 } from "../../base/hash.ts";
import { isLowerBetter, type MetricKey } from "../../evals/metrics.ts";
import { PythonFloat } from "../../evals/python/json.ts";
import type { GroupResult, Scored, TaskResult } from "../../evals/results.ts";
import { taskHash } from "../../evals/sample-log.ts";
import type { Group } from "../../evals/tasks/catalogue.ts";
import { FunctionReference } from "../../evals/tasks/task-file.ts";
import type { Evaluation } from "./evaluate.ts";

/** How the command was written, for the record. */
export interface AskedFor {
  /** The model as the user named it. */
  readonly modelName: string;
  readonly modelArgs: Readonly<Record<string, unknown>>;
  readonly limit: number | null;
  readonly genKwargs: Readonly<Record<string, unknown>> | null;
  /** Of the draw of --limit, and of the worked examples. */
  readonly seeds: { readonly limit: number; readonly fewshot: number };
  readonly systemInstruction: string | null;
  readonly chatTemplate: string | null;
  readonly fewshotAsMultiturn: boolean | null;
  /** Seconds: when the evaluation began and ended, since 1970. */
  readonly started: number;
  readonly ended: number;
}

/** Characters that lm-evaluation-harness keeps out of folder names: a run of them is two underscores. */
export function folderNameOf(modelName: string): string {
  return modelName.replaceAll(/["<>:/|\\?*[\]]+/g, "__");
}

export function resultRecord(evaluation: Evaluation, asked: AskedFor): object {
  const { results, suite, conditions } = evaluation;
  const all = [...results.groups, ...results.tasks];
  const titles = aliases(evaluation);
  const byName = <T>(of: (result: TaskResult) => T): Record<string, T> =>
    Object.fromEntries(all.map((result) => [result.task, of(result)]));
  const averaged = results.groups.filter(({ metrics }) => Object.keys(metrics).length > 0);
  const entry = (result: TaskResult): object => entryOf(result, titles.get(result.task)!);
  const seconds = asked.ended - asked.started;
  return {
    results: byName(entry),
    ...(averaged.length === 0
      ? {}
      : { groups: Object.fromEntries(averaged.map((group) => [group.task, entry(group)])) }),
    group_subtasks: Object.fromEntries(
      results.groups.map(({ task, members }) => [task, [...members].sort()]),
    ),
    configs: Object.fromEntries(suite.leaves.map((leaf) => [leaf.task, configOf(leaf)])),
    versions: byName(({ version }) => version),
    "n-shot": byName(({ fewshot }) => fewshot),
    higher_is_better: byName(higherIsBetter),
    "n-samples": sampleCounts(evaluation),
    config: {
      model: "hf",
      model_args: asked.modelArgs,
      model_dtype: conditions.dtype,
      model_sha: conditions.model,
      batch_size: "auto",
      batch_sizes: [],
      device: conditions.device,
      use_cache: null,
      limit: asked.limit,
      bootstrap_iters: 0, // standard errors come from formulas
      gen_kwargs: asked.genKwargs,
      random_seed: asked.seeds.limit,
      numpy_seed: null,
      torch_seed: null,
      fewshot_seed: asked.seeds.fewshot,
    },
    git_hash: null,
    date: new PythonFloat(asked.started),
    ...{ lm_eval_version: null, transformers_version: null },
    max_length: conditions.maxLength,
    task_hashes: Object.fromEntries(
      suite.leaves.map(({ task }) => [
        task,
        taskHash(evaluation.items.filter((item) => item.task === task)),
      ]),
    ),
    model_source: "hf",
    model_name: asked.modelName,
    model_name_sanitized: folderNameOf(asked.modelName),
    system_instruction: asked.systemInstruction,
    system_instruction_sha: hashOf(asked.systemInstruction),
    fewshot_as_multiturn: asked.fewshotAsMultiturn,
    chat_template: asked.chatTemplate,
    chat_template_sha: hashOf(asked.chatTemplate),
    start_time: new PythonFloat(asked.started),
    end_time: new PythonFloat(asked.ended),
    total_evaluation_time_seconds: String(seconds),
    tsmerge: ours(evaluation),
  };
}

function hashOf(text: string | null): string | null {
  return text === null ? null : sha256(text);
}

/** Names as the table has them: depth is spaces before a dash. */
function aliases({ suite, results }: Evaluation): Map<string, string> {
  const titles = new Map<string, string>();
  const visit = (group: Group, depth: number): void => {
    titles.set(group.task, titleOf(group.alias, depth));
    for (const { task, alias } of group.leaves) titles.set(task, titleOf(alias, depth + 1));
    for (const each of group.groups) visit(each, depth + 1);
  };
  for (const group of suite.groups) visit(group, 0);
  for (const { task, alias } of results.tasks) if (!titles.has(task)) titles.set(task, alias);
  return titles;
}

function titleOf(alias: string, depth: number): string {
  return depth === 0 ? alias : `${" ".repeat(depth)}- ${alias}`;
}

function entryOf(result: TaskResult | GroupResult, alias: string): object {
  const metrics = metricsOf(result).flatMap(([key, { value, stderr }]) => {
    const [name, filter = "none"] = key.split(",");
    return [
      [`${name},${filter}`, new PythonFloat(value)],
      [`${name}_stderr,${filter}`, stderr === null ? "N/A" : new PythonFloat(stderr)],
    ];
  });
  const items = Math.max(0, ...metricsOf(result).map(([, { n }]) => n));
  const size = "members" in result ? { sample_count: items } : { sample_len: items };
  return { name: result.task, alias, ...size, ...Object.fromEntries(metrics) };
}

function metricsOf({ metrics }: TaskResult): [MetricKey, Scored][] {
  return Object.entries(metrics).flatMap(
    ([key, value]) => (value === undefined ? [] : [[key as MetricKey, value]]), // the record's keys are metrics
  );
}

function higherIsBetter(result: TaskResult): object {
  const entries = metricsOf(result).map(([key]) => [key.split(",")[0]!, !isLowerBetter(key)]);
  return Object.fromEntries(entries);
}

/** A task's file without its path, and the number of examples that were shown. */
export function configOf({ documents, fewshot }: Evaluation["suite"]["leaves"][number]): object {
  const { file: _, ...config } = documents.config;
  return { ...withoutFunctions(config), num_fewshot: fewshot };
}

/** `!function module.name` again where a file has one. */
function withoutFunctions(value: object): object {
  return Object.fromEntries(
    Object.entries(value).map(([key, member]): [string, unknown] => {
      if (member instanceof FunctionReference) return [key, `!function ${member.name}`];
      const isMapping = typeof member === "object" && member !== null && !Array.isArray(member);
      return [key, isMapping ? withoutFunctions(member) : member];
    }),
  );
}

function sampleCounts({ suite, items }: Evaluation): object {
  const count = (list: readonly { readonly task: string }[], task: string): number =>
    list.filter((item) => item.task === task).length;
  return Object.fromEntries(
    suite.leaves.map(({ task }) => [
      task,
      { original: count(suite.items, task), effective: count(items, task) },
    ]),
  );
}

function ours({ results, suite, conditions, statistics, warnings }: Evaluation): object {
  const intervals = [...results.tasks, ...results.groups].map((result) => [
    result.task,
    Object.fromEntries(
      metricsOf(result).map(([key, { n, interval }]) => [
        key,
        { n, ...(interval && { low: interval.low, high: interval.high }) },
      ]),
    ),
  ]);
  return {
    split: suite.split,
    data_hash: suite.dataHash,
    data_files: suite.files,
    conditions,
    intervals: Object.fromEntries(intervals),
    statistics,
    warnings,
  };
}
