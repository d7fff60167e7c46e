// evolve.yml in: one format, a superset of mergekit-evolve's `genome:`/`tasks:` file. Says which of that
// program's keys work differently here. The genome is read by read-genome.ts, tasks by read-task.ts.

import { isScalar, type Node } from "yaml";
import { z } from "zod";
import { TsmergeError } from "../../base/errors.ts";
import type { MetricKey } from "../../evals/metrics.ts";
import type { AskingStyle } from "../../evals/tasks/prompt.ts";
import { checkShape } from "../yaml/schema.ts";
import {
  type Entry,
  failOnProblems,
  membersOf,
  memberValue,
  note,
  openYaml,
  plain,
  rejectUnknown,
  type YamlFile,
} from "../yaml/yaml-file.ts";
import type { SearchGenome } from "./genome.ts";
import { ASKING, askingStyle, checkAsking } from "./read-asking.ts";
import { readGenome } from "./read-genome.ts";
import { METRIC, readTasks } from "./read-task.ts";
import type { TaskChoice } from "./task-choice.ts";

/** A rule for stopping candidates early; absent members: the rule's own defaults. */
export interface RaceChoice {
  readonly rule: "test" | "halving";
  readonly rungs?: number | undefined;
  readonly error?: number | undefined;
  /** What is recorded beside the raw means of those that stopped. */
  readonly estimate?: "p-irt" | undefined;
}

export interface SearchConfig {
  readonly genome: SearchGenome;
  /** Empty when the file names none: the command line must. */
  readonly tasks: readonly TaskChoice[];
  /** For tasks that are named elsewhere, without a metric of their own. */
  readonly metric?: MetricKey | undefined;
  /** Search items in all, over all tasks. */
  readonly limit?: number;
  readonly reportLimit?: number;
  readonly fewshot?: number;
  readonly style: AskingStyle;
  readonly strategy: string;
  /** Candidates a generation; absent: the strategy's own default. */
  readonly population?: number;
  /** Initial step as a fraction of each gene's range. */
  readonly sigma: number;
  /** An earlier run to start near the best of: its folder, or its name in `runs`. */
  readonly warmStart?: string;
  /** Absent: 0, unless the command line gives one. */
  readonly seed?: number;
  /** How generations are raced; absent: every candidate gets all search items. */
  readonly race?: RaceChoice;
  readonly budget: {
    readonly maxEvals?: number;
    readonly items?: number;
    readonly minutes?: number;
    readonly generations?: number;
  };
}

export interface ReadSearchFile {
  readonly config: SearchConfig;
  readonly notes: readonly string[];
}

/** mergekit-evolve's --sigma0. */
const DEFAULT_SIGMA = 1 / 6;

const positive = z.int().positive();

const BUDGET = z.object({
  max_evals: positive.optional(),
  max_items: positive.optional(),
  minutes: z.number().positive().optional(),
  generations: positive.optional(),
});

const RACE_RULES = ["test", "halving"] as const;
const rule = z.enum(RACE_RULES, { error: `is not one of ${RACE_RULES.join(", ")}` });

const RACE = z.object({
  rule: rule.default("test"),
  rungs: z.int().min(2).optional(),
  error: z.number().positive().max(1).optional(),
  estimate: z.literal("p-irt", { error: "is not p-irt" }).optional(),
});

const FILE = z.object({
  genome: z.unknown().optional(),
  tasks: z.unknown().optional(),
  metric: METRIC.optional(),
  limit: positive.optional(),
  report_limit: positive.optional(),
  num_fewshot: z.int().nonnegative().optional(),
  strategy: z.string().default("auto"),
  population: z.int().min(2).optional(),
  warm_start: z.string().min(1).optional(),
  sigma: z.number().positive().max(1).default(DEFAULT_SIGMA),
  seed: z.int().nonnegative().optional(),
  racing: z.unknown().optional(),
  budget: z.unknown().optional(),
  random_init: z.boolean().default(false),
  shuffle: z.boolean().optional(),
  ...ASKING,
});

/**
 * Reads a search file.
 * @param options.file the name in messages
 * @throws TsmergeError `config` listing every problem with `file:line:column` and what to write instead
 */
export function readSearchFile(text: string, options: { readonly file: string }): ReadSearchFile {
  const file = openYaml(text, options.file);
  const root = file.document.contents ?? undefined;
  const members = membersOf(file, root, "a search file");
  failOnProblems(file); // of a file that is no mapping nothing else can be said
  rejectUnknown(file, members, Object.keys(FILE.shape), "a search file");
  const top = checkShape(file, FILE, root);
  const genome = readGenome(file, memberValue(members, "genome"), top?.random_init ?? false);
  const tasks = readTasks(file, memberValue(members, "tasks"), top?.metric);
  const race = readRace(file, memberValue(members, "racing"));
  const budget = readBudget(file, memberValue(members, "budget"));
  if (top !== undefined) checkAsking(file, members, top);
  failOnProblems(file);
  if (top === undefined || genome === undefined) {
    throw new TsmergeError("internal", "a search file without problems was not read");
  }
  noteDifferences(file, members, tasks);
  return {
    notes: file.notes,
    config: {
      genome,
      tasks,
      ...present("metric", top.metric),
      ...present("limit", top.limit),
      ...present("reportLimit", top.report_limit),
      ...present("fewshot", top.num_fewshot),
      style: askingStyle(top),
      strategy: top.strategy,
      ...present("population", top.population),
      sigma: top.sigma,
      ...present("warmStart", top.warm_start),
      ...present("seed", top.seed),
      ...present("race", race),
      budget: {
        ...present("maxEvals", budget?.max_evals),
        ...present("items", budget?.max_items),
        ...present("minutes", budget?.minutes),
        ...present("generations", budget?.generations),
      },
    },
  };
}

/** The member, if there is a value. */
function present<Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): { [K in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { [K in Key]: Value }); // one computed key
}

/** `racing: test`, `racing: true` or a mapping; undefined without one and for false. */
function readRace(file: YamlFile, node: Node | undefined): RaceChoice | undefined {
  if (node === undefined) return undefined;
  if (!isScalar(node)) {
    rejectUnknown(file, membersOf(file, node, "racing"), Object.keys(RACE.shape), "racing");
    return checkShape(file, RACE, node);
  }
  const value = plain(file, node);
  if (value === false) return undefined;
  if (value === true) return { rule: "test" };
  const named = checkShape(file, rule, node);
  return named === undefined ? undefined : { rule: named };
}

function readBudget(file: YamlFile, node: Node | undefined): z.infer<typeof BUDGET> | undefined {
  if (node === undefined) return undefined;
  rejectUnknown(file, membersOf(file, node, "budget"), Object.keys(BUDGET.shape), "budget");
  return checkShape(file, BUDGET, node);
}

/** Keys of mergekit-evolve that work differently here, on purpose. */
function noteDifferences(
  file: YamlFile,
  members: readonly Entry[],
  choices: readonly TaskChoice[],
): void {
  const say = (key: string, message: string) => {
    const member = members.find((one) => one.key === key);
    if (member !== undefined && plain(file, member.value) !== false)
      note(file, member.keyNode, message);
  };
  say(
    "limit",
    "limit is the number of items in all, drawn by seed in proportion to the subjects (mergekit-evolve takes the first of each task; --limit-first does that)",
  );
  say(
    "shuffle",
    "shuffle has no effect: items are always drawn by seed, the same ones for every candidate",
  );
  const tasks = memberValue(members, "tasks");
  const isUsual = ({ metric, source }: TaskChoice): boolean =>
    metric === undefined && source?.kind !== "command";
  if (choices.some(isUsual)) {
    note(
      file,
      tasks,
      "the score is logprob, the mean log-probability of the right choice, which is smoother than mergekit-evolve's acc; write metric: acc for that",
    );
  }
}
