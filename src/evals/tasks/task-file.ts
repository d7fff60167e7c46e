// Task files in lm-evaluation-harness's format: YAML 1.1 with `include`, `!function`, groups and tags. This
// module reads and checks one file; task-folder.ts finds files, document-task.ts gives fields their meaning.

import { readFile } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { parse, type ScalarTag, YAMLError } from "yaml";
import { z } from "zod";
import { TsmergeError } from "../../base/errors.ts";
import { schemaProblems } from "../../base/schema-problem.ts";
import { didYouMean } from "../../base/suggest.ts";

/** `!function module.name`: Python beside the YAML, which only a built-in of that name can stand for. */
export class FunctionReference {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

const functionTag: ScalarTag = { tag: "!function", resolve: (name) => new FunctionReference(name) };

const text = z.string();
const optional = <T extends z.ZodType>(type: T) => type.nullish().transform((v) => v ?? undefined);
const reference = z.instanceof(FunctionReference);
const value = z.union([text, z.number(), reference, z.array(z.unknown())]);
const choice = z.union([text, reference, z.array(z.unknown()), z.record(text, z.unknown())]);

const questionFields = {
  doc_to_text: optional(value),
  doc_to_target: optional(value),
  doc_to_choice: optional(choice),
  target_delimiter: optional(text),
  fewshot_delimiter: optional(text),
  gen_prefix: optional(text),
  process_docs: optional(reference),
};

const fewshotConfig = z.looseObject({
  ...questionFields,
  sampler: optional(z.enum(["default", "first_n"])),
  split: optional(text),
  samples: optional(z.union([z.array(z.record(text, z.unknown())), reference])),
  fewshot_indices: optional(z.array(z.number().int().min(0))),
});

const metricEntry = z.looseObject({
  metric: z.union([text, reference]),
  aggregation: z.union([text, reference]).optional(),
  higher_is_better: z.boolean().optional(),
  ignore_case: z.boolean().default(false),
  ignore_punctuation: z.boolean().default(false),
  ignore_numbers: z.boolean().default(false),
  regexes_to_ignore: z.array(text).default([]),
});

const filterStep = z.looseObject({ function: z.union([text, reference]) });
const filterEntry = z.looseObject({ name: text, filter: z.array(filterStep) });

const taskSchema = z.looseObject({
  ...questionFields,
  task: text,
  task_alias: optional(text),
  tag: optional(z.union([text, z.array(text)])),
  dataset_path: optional(text),
  dataset_name: optional(text),
  dataset_kwargs: optional(z.record(text, z.unknown())),
  training_split: optional(text),
  validation_split: optional(text),
  test_split: optional(text),
  fewshot_split: optional(text),
  description: optional(text),
  fewshot_config: optional(fewshotConfig),
  num_fewshot: optional(z.number().int().min(0)),
  output_type: z
    .enum(["multiple_choice", "loglikelihood", "loglikelihood_rolling", "generate_until"])
    .default("generate_until"),
  metric_list: optional(z.array(metricEntry)),
  filter_list: optional(z.array(filterEntry)),
  generation_kwargs: optional(z.record(text, z.unknown())),
  repeats: z.number().int().min(1).default(1),
  process_results: optional(reference),
  /** tsmerge's own: a list of the texts that make a question the same wherever and however it is asked. */
  doc_to_identity: optional(text),
  /** tsmerge's own: how many rows each split has, asserted. */
  rows: optional(z.record(text, z.int().nonnegative())),
  metadata: optional(z.looseObject({ version: optional(z.union([z.number(), text])) })),
});

export type TaskConfig = z.infer<typeof taskSchema> & { readonly file: string };
export type FewshotConfig = z.infer<typeof fewshotConfig>;
export type MetricEntry = z.infer<typeof metricEntry>;
export type FilterEntry = z.infer<typeof filterEntry>;

/** Known, and without meaning here: what a run does with them changes no number. */
const IGNORED = [
  "include",
  "group",
  "unsafe_code",
  "should_decontaminate",
  "doc_to_decontamination_query",
  "dataset_description",
];

/** A file's mapping, includes merged; not yet checked. */
export type RawTask = Readonly<Record<string, unknown>>;

/**
 * Reads one file and what it includes: later includes replace earlier ones, and the file's own keys all.
 * @throws TsmergeError `config` for YAML errors, files that include themselves, and missing includes
 */
export async function readRawTask(path: string, above: readonly string[] = []): Promise<RawTask> {
  if (above.includes(path)) {
    throw new TsmergeError(
      "config",
      `this task file includes itself: ${[...above, path].join(" → ")}`,
      {
        where: path,
        hint: "remove one `include`",
      },
    );
  }
  const own = await parseFile(path, above.at(-1));
  const { include } = own;
  const includes = include === undefined ? [] : Array.isArray(include) ? include : [include];
  let merged: RawTask = {};
  for (const each of includes) {
    const included = await readRawTask(resolve(dirname(path), String(each)), [...above, path]);
    merged = { ...merged, ...included };
  }
  return { ...merged, ...own };
}

async function parseFile(path: string, includedBy: string | undefined): Promise<RawTask> {
  let content: unknown;
  try {
    content = parse(await readFile(path, "utf8"), { version: "1.1", customTags: [functionTag] });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const from = includedBy === undefined ? "" : `, which ${includedBy} includes`;
    throw new TsmergeError("config", `cannot read this task file${from}: ${reason}`, {
      where: path,
      hint: cause instanceof YAMLError ? "mend the YAML" : "check the path after `include`",
      cause,
    });
  }
  if (typeof content === "object" && content !== null && !Array.isArray(content)) {
    return content as RawTask; // a YAML mapping with text keys
  }
  throw new TsmergeError("config", "a task file is a mapping", {
    where: path,
    hint: "write `task: name` and the fields of lm-evaluation-harness",
  });
}

export interface CheckedTask {
  readonly config: TaskConfig;
  /** Keys that mean nothing here. */
  readonly warnings: readonly string[];
}

/**
 * Checks a task's fields.
 * @throws TsmergeError `config` naming the file and every field of a wrong type, and Python classes
 */
export function checkTask(raw: RawTask, path: string): CheckedTask {
  if (raw.class !== undefined) {
    throw new TsmergeError("config", "field class: this task is a Python class", {
      where: path,
      hint: "tsmerge runs no Python; choose a task that is YAML alone",
    });
  }
  const parsed = taskSchema.safeParse(raw);
  if (!parsed.success) {
    throw new TsmergeError("config", `this is not a task file: ${schemaProblems(parsed.error)}`, {
      where: path,
      hint: "fields are those of lm-evaluation-harness's task files",
    });
  }
  const known = Object.keys(taskSchema.shape);
  const unknown = Object.keys(raw).filter((key) => !known.includes(key) && !IGNORED.includes(key));
  const warnings = unknown.map(
    (key) => `${basename(path)}: ${key} means nothing to tsmerge${didYouMean(key, known)}`,
  );
  return { config: { ...parsed.data, file: path }, warnings };
}

const groupSchema = z.looseObject({
  group: text,
  group_alias: optional(text),
  task: z.array(z.union([text, z.record(text, z.unknown())])),
  aggregate_metric_list: optional(
    z.union([z.array(z.looseObject({ metric: text })), z.looseObject({ metric: text })]),
  ),
  metadata: optional(z.looseObject({ version: optional(z.union([z.number(), text])) })),
});

export interface Aggregate {
  readonly metric: string;
  readonly weightBySize: boolean;
  /** Filters to aggregate; all that the tasks have when absent. */
  readonly filters: readonly string[] | undefined;
}

export interface GroupConfig {
  readonly name: string;
  readonly alias: string;
  readonly version: number | string;
  readonly members: readonly (string | RawTask)[];
  readonly aggregates: readonly Aggregate[];
  /** Further keys, which replace those of every member task. */
  readonly overrides: RawTask;
  readonly file: string;
}

/** Checks a group's fields. @throws TsmergeError `config` naming the file and what is wrong */
export function checkGroup(raw: RawTask, file: string): GroupConfig {
  const parsed = groupSchema.safeParse(raw);
  if (!parsed.success) {
    throw new TsmergeError("config", `this is not a group: ${schemaProblems(parsed.error)}`, {
      where: file,
      hint: "a group has `group: name` and `task:` with a list",
    });
  }
  const { group, group_alias, task, aggregate_metric_list, metadata } = parsed.data;
  const known = [...Object.keys(groupSchema.shape), "include", "tag"];
  const overrides = Object.entries(raw).filter(([key]) => !known.includes(key));
  const listed = aggregate_metric_list ?? [];
  return {
    name: group,
    alias: group_alias ?? group,
    version: metadata?.version ?? 0,
    members: task,
    aggregates: (Array.isArray(listed) ? listed : [listed]).map((each) => ({
      metric: each.metric,
      weightBySize: each.weight_by_size !== false,
      filters:
        each.filter_list === undefined || each.filter_list === null
          ? undefined
          : [each.filter_list].flat().map(String),
    })),
    overrides: Object.fromEntries(overrides),
    file,
  };
}
