// What names stand for: the tasks, groups and tags that listed files define, read and checked. Which files there are
// is task-folder.ts's; what a task's fields mean is document-task.ts's.

import { readFile } from "node:fs/promises";
import { TsmergeError } from "../../base/errors.ts";
import { didYouMean } from "../../base/suggest.ts";
import { keyOfFilter, pipelinesOf } from "../generation.ts";
import type { Metric, MetricKey } from "../metrics.ts";
import { type Entry, type Group, type Leaf, leavesOf } from "./catalogue.ts";
import { compileTask, type DocumentTask } from "./document-task.ts";
import {
  type Aggregate,
  checkGroup,
  checkTask,
  type GroupConfig,
  type RawTask,
  readRawTask,
  type TaskConfig,
} from "./task-file.ts";
import type { Listed } from "./task-folder.ts";

/**
 * What each name stands for: a task, group or tag of the listed files.
 * @throws TsmergeError `usage` for a name that nothing defines; `config` for a malformed file, naming the field
 */
export async function resolveTasks(
  names: readonly string[],
  listed: ReadonlyMap<string, Listed>,
): Promise<Entry[]> {
  const resolver = new Resolver(listed);
  const entries: Entry[] = [];
  for (const name of names) {
    const entry = await resolver.entry(name, {}, []);
    if (entry === undefined) throw unknownTask(name, listed);
    entries.push(entry);
  }
  return entries;
}

/** How many single tasks a hint lists. */
const LISTED_IN_HINT = 20;

function unknownTask(name: string, listed: ReadonlyMap<string, Listed>): TsmergeError {
  const names = [...listed.keys()].sort();
  const ofKind = (kind: Listed["kind"]): string[] =>
    names.filter((each) => listed.get(each)?.kind === kind);
  const tasks = ofKind("task").slice(0, LISTED_IN_HINT).join(", ");
  return new TsmergeError("usage", `no task is called "${name}"${didYouMean(name, names)}`, {
    hint: `groups are ${ofKind("group").join(", ")}; tasks are ${tasks}, … (tsmerge ls tasks)`,
  });
}

/** Owns what was read, so that no file is read twice. */
class Resolver {
  readonly #listed: ReadonlyMap<string, Listed>;
  readonly #raw = new Map<string, RawTask>();

  constructor(listed: ReadonlyMap<string, Listed>) {
    this.#listed = listed;
  }

  async entry(
    name: string,
    overrides: RawTask,
    above: readonly string[],
  ): Promise<Entry | undefined> {
    const listed = this.#listed.get(name);
    if (listed === undefined) return this.#tagged(name, overrides);
    const { path } = listed;
    if (above.includes(name)) {
      throw new TsmergeError(
        "config",
        `group ${name} holds itself: ${[...above, name].join(" → ")}`,
        {
          where: path,
          hint: "remove the name from one group",
        },
      );
    }
    const raw = await this.#read(listed);
    return raw.group === undefined
      ? { kind: "task", leaf: leafOf({ ...raw, ...overrides, task: name }, path) }
      : { kind: "group", group: await this.#group(checkGroup(raw, path), overrides, above) };
  }

  async #group(config: GroupConfig, above: RawTask, names: readonly string[]): Promise<Group> {
    const inherited = { ...above, ...config.overrides };
    const groups: Group[] = [];
    const leaves: Leaf[] = [];
    for (const member of config.members) {
      const entry = await this.#member(member, inherited, config, [...names, config.name]);
      if (entry.kind === "group") groups.push(entry.group);
      leaves.push(...leavesOf(entry));
    }
    const keys = (aggregates: readonly Aggregate[]): MetricKey[] =>
      aggregates.flatMap((each) => keysOf(each, leaves));
    return {
      ...{ task: config.name, alias: config.alias, version: config.version, groups, leaves },
      metrics: keys(config.aggregates),
      unweighted: keys(config.aggregates.filter(({ weightBySize }) => !weightBySize)),
    };
  }

  async #member(
    member: string | RawTask,
    inherited: RawTask,
    config: GroupConfig,
    names: readonly string[],
  ): Promise<Entry> {
    if (typeof member !== "string" && member.group !== undefined) {
      return {
        kind: "group",
        group: await this.#group(checkGroup(member, config.file), inherited, names),
      };
    }
    const overrides = typeof member === "string" ? inherited : { ...inherited, ...member };
    const name = typeof member === "string" ? member : String(member.task);
    const entry = await this.entry(name, overrides, names);
    if (entry !== undefined) return entry;
    throw new TsmergeError(
      "config",
      `group ${config.name} names the task ${name}, which no file defines${didYouMean(name, [...this.#listed.keys()])}`,
      { where: config.file, hint: "mend the name, or add the task's folder with --include-path" },
    );
  }

  /** A tag's tasks, sorted by name; nothing is averaged over them. */
  async #tagged(tag: string, overrides: RawTask): Promise<Entry | undefined> {
    const leaves: Leaf[] = [];
    for (const [name, each] of [...this.#listed].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const raw = await this.#readFor(tag, each);
      if (raw !== undefined && raw.group === undefined && [raw.tag].flat().includes(tag)) {
        leaves.push(leafOf({ ...raw, ...overrides, task: name }, each.path));
      }
    }
    if (leaves.length === 0) return undefined;
    const group = { task: tag, alias: tag, version: 0, metrics: [], groups: [], leaves };
    return { kind: "group", group };
  }

  /** A file as far as a tag is concerned: one that cannot be read is left out unless it speaks of the tag. */
  async #readFor(tag: string, listed: Listed): Promise<RawTask | undefined> {
    try {
      return await this.#read(listed);
    } catch (error) {
      if (!(error instanceof TsmergeError)) throw error;
      const files = new Set([listed.path, error.where ?? listed.path]); // the included one, mostly
      for (const file of files) {
        const text = await readFile(file, "utf8").catch(() => "");
        if (text.includes(tag)) throw error;
      }
      return undefined;
    }
  }

  async #read({ path, raw: own }: Listed): Promise<RawTask> {
    const known = own ?? this.#raw.get(path);
    if (known !== undefined) return known;
    const raw = await readRawTask(path);
    this.#raw.set(path, raw);
    return raw;
  }
}

/** The leaves' keys of a metric, of the filters that are listed or of all. */
function keysOf({ metric, filters }: Aggregate, leaves: readonly Leaf[]): MetricKey[] {
  const all = new Set(leaves.flatMap((leaf) => leaf.metrics));
  return [...all].filter((key) => {
    const [name, filter = "none"] = key.split(",");
    return name === metric && (filters === undefined || filters.includes(filter));
  });
}

function leafOf(raw: RawTask, path: string): Leaf {
  const { config, warnings } = checkTask(raw, path);
  const documents = compileTask(config);
  return {
    ...{ task: config.task, alias: config.task_alias ?? config.task },
    version: config.metadata?.version ?? 0,
    metrics: metricsOf(config, documents),
    ...{ documents, warnings },
  };
}

/** What each type of task can be scored by; the first ones are lm-evaluation-harness's defaults. */
const METRICS = {
  multiple_choice: { usual: ["acc", "acc_norm"], others: ["acc_bytes", "exact_match"] },
  loglikelihood: { usual: ["perplexity", "acc"], others: [] },
  loglikelihood_rolling: {
    usual: ["word_perplexity", "byte_perplexity", "bits_per_byte"],
    others: [],
  },
  generate_until: { usual: ["exact_match"], others: [] },
  instructions: {
    usual: [
      "prompt_level_strict_acc",
      "inst_level_strict_acc",
      "prompt_level_loose_acc",
      "inst_level_loose_acc",
    ],
    others: [],
  },
} as const satisfies Record<string, Record<string, readonly Metric[]>>;

function metricsOf(config: TaskConfig, { generation, instructions }: DocumentTask): MetricKey[] {
  const { usual, others } =
    METRICS[instructions === undefined ? config.output_type : "instructions"];
  const known: readonly Metric[] = [...usual, ...others];
  const named = config.metric_list?.map(({ metric }) => String(metric)) ?? usual;
  const metrics = named.map((name): Metric => {
    const metric = known.find((each) => each === name);
    if (metric !== undefined) return metric;
    throw new TsmergeError(
      "config",
      `field metric_list: ${name} is not known for ${config.output_type}${didYouMean(name, known)}`,
      { where: config.file, hint: `known are ${known.join(", ")}` },
    );
  });
  if (instructions !== undefined) return metrics;
  if (generation !== undefined) {
    const pipelines = pipelinesOf(generation.filters, config.file);
    return metrics.flatMap((metric) => pipelines.map(({ name }) => keyOfFilter(metric, name)));
  }
  // smooth and free, for a search
  return config.output_type === "loglikelihood_rolling" ? metrics : [...metrics, "logprob"];
}
