// Folders of task files in lm-evaluation-harness's format: which names they define, and what a name stands
// for. A folder may hold thousands of files, so each is only searched for its name until it is asked for.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { TsmergeError } from "../base/errors.ts";
import { didYouMean } from "../base/suggest.ts";
import type { Entry, FileLeaf, Group, Leaf } from "./catalogue.ts";
import { leavesOf } from "./catalogue.ts";
import type { Metric, MetricKey } from "./definition.ts";
import { compileTask, type DocumentTask } from "./document-task.ts";
import { keyOfFilter } from "./generation.ts";
import {
  type Aggregate,
  checkGroup,
  checkTask,
  type GroupConfig,
  type RawTask,
  readRawTask,
  type TaskConfig,
} from "./task-file.ts";

type Resolved = Exclude<Entry, { readonly kind: "file" }>;

/** Paths by the name of the task or group that each defines; a later folder replaces an earlier one's. */
export async function listTaskFiles(folders: readonly string[]): Promise<Map<string, string>> {
  const listed = new Map<string, string>();
  for (const folder of folders) {
    const own = new Map<string, string>();
    for (const path of await yamlFiles(folder)) {
      const name = nameIn(await readFile(path, "utf8"));
      if (name !== undefined && !own.has(name)) own.set(name, path); // the first of a folder counts
    }
    for (const [name, path] of own) listed.set(name, path);
  }
  return listed;
}

async function yamlFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true }); // the folder itself was listed before
  return entries
    .filter((entry) => /\.ya?ml$/.test(entry))
    .sort()
    .map((entry) => join(folder, entry));
}

/** The value of the first `task:` or `group:` line that has one. */
function nameIn(text: string): string | undefined {
  const group = /^group\s*:[ \t]*["']?([^\s"'#[]+)/m.exec(text)?.[1];
  return group ?? /^task\s*:[ \t]*["']?([^\s"'#[]+)/m.exec(text)?.[1];
}

/**
 * What names stand for: tasks, groups and tags of the listed files, or entries that are known already.
 * Names that nothing defines are left out.
 * @throws TsmergeError `config` for a malformed file, naming it and the field
 */
export async function resolveTasks(
  names: readonly string[],
  listed: ReadonlyMap<string, string>,
  known: ReadonlyMap<string, Entry>,
): Promise<Map<string, Resolved>> {
  const resolver = new Resolver(listed, known);
  const found = new Map<string, Resolved>();
  for (const name of names) {
    const entry = await resolver.entry(name, {}, []);
    if (entry !== undefined) found.set(name, entry);
  }
  return found;
}

/** Owns what was read, so that no file is read twice. */
class Resolver {
  readonly #listed: ReadonlyMap<string, string>;
  readonly #known: ReadonlyMap<string, Entry>;
  readonly #raw = new Map<string, RawTask>();

  constructor(listed: ReadonlyMap<string, string>, known: ReadonlyMap<string, Entry>) {
    this.#listed = listed;
    this.#known = known;
  }

  async entry(
    name: string,
    overrides: RawTask,
    above: readonly string[],
  ): Promise<Resolved | undefined> {
    const path = this.#listed.get(name);
    if (path === undefined) {
      const known = this.#known.get(name);
      return known === undefined || known.kind === "file" ? this.#tagged(name, overrides) : known;
    }
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
    const raw = await this.#read(path);
    return raw.group === undefined
      ? { kind: "leaf", leaf: leafOf({ ...raw, ...overrides, task: name }, path) }
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
  ): Promise<Resolved> {
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
  async #tagged(tag: string, overrides: RawTask): Promise<Resolved | undefined> {
    const leaves: Leaf[] = [];
    for (const [name, path] of [...this.#listed].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const raw = await this.#read(path);
      if (raw.group === undefined && [raw.tag].flat().includes(tag)) {
        leaves.push(leafOf({ ...raw, ...overrides, task: name }, path));
      }
    }
    if (leaves.length === 0) return undefined;
    const group = { task: tag, alias: tag, version: 0, metrics: [], groups: [], leaves };
    return { kind: "group", group };
  }

  async #read(path: string): Promise<RawTask> {
    const known = this.#raw.get(path);
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

function leafOf(raw: RawTask, path: string): FileLeaf {
  const { config, warnings } = checkTask(raw, path);
  const documents = compileTask(config);
  return {
    ...{ task: config.task, alias: config.task_alias ?? config.task },
    version: config.metadata?.version ?? 0,
    metrics: metricsOf(config, documents),
    rows: [0, 0, 0],
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
} as const satisfies Record<string, Record<string, readonly Metric[]>>;

function metricsOf(config: TaskConfig, { pipelines }: DocumentTask): MetricKey[] {
  const { usual, others } = METRICS[config.output_type];
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
  if (config.output_type === "generate_until") {
    return metrics.flatMap((metric) => pipelines.map(({ name }) => keyOfFilter(metric, name)));
  }
  // smooth and free, for a search
  return config.output_type === "loglikelihood_rolling" ? metrics : [...metrics, "logprob"];
}
