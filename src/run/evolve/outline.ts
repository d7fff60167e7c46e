// What a search is about, before it computes anything: reads the search file, finds the models, loads the tasks, makes
// the schedules and the box to search. Reads headers and questions; no weights.

import { dirname, resolve } from "node:path";
import { TsmergeError } from "../../base/errors.ts";
import { interleaved } from "../../evals/splits.ts";
import { itemCount } from "../../evals/workload.ts";
import { resolveModel } from "../../hub/reference.ts";
import type { HubAccess } from "../../hub/settings.ts";
import { unscoredNote } from "../../model/family/model-weights.ts";
import type { Device } from "../../ort/session.ts";
import { type LoadedModels, loadModels } from "../../recipe/compile/models.ts";
import { donorOf, genomeReferences } from "../../recipe/search/genome.ts";
import { readSearchFile, type SearchConfig } from "../../recipe/search/search-file.ts";
import { type SearchSpace, searchSpace } from "../../recipe/search/space.ts";
import type { TaskChoice } from "../../recipe/search/task-choice.ts";
import { RACE_DEFAULTS } from "../../search/race.ts";
import { greedySoup } from "../../search/strategies/greedy-soup.ts";
import { nsga2 } from "../../search/strategies/nsga2.ts";
import { strategyNamed } from "../../search/strategies/registry.ts";
import type { Problem, Strategy } from "../../search/strategy.ts";
import { encodingNotes } from "../encoding-notes.ts";
import { promptStyle } from "../prompt-style.ts";
import { sessionDevice } from "../resources.ts";
import { askedBudget, type Budget, requireOneCandidate, resolveBudget } from "./budget.ts";
import type { Race, Workloads } from "./contest.ts";
import { earlierCandidates } from "./earlier.ts";
import { loadRunItems, type RunItems } from "./items.ts";
import type { EvolveOptions } from "./options.ts";
import { type SearchTokenizer, searchTokenizer } from "./search-tokenizer.ts";
import { asksHere, workloadsOf } from "./workloads.ts";

/** Everything that is known without reading a weight. */
export interface Outline {
  readonly config: SearchConfig;
  readonly seed: number;
  readonly models: LoadedModels;
  readonly items: RunItems;
  readonly workloads: Workloads;
  readonly space: SearchSpace;
  /** Absent where no question is asked here and no tokenizer is made. */
  readonly tokenizer: SearchTokenizer | undefined;
  readonly strategy: Strategy;
  readonly race: Race | undefined;
  readonly problem: Problem;
  readonly budget: Budget;
  readonly device: Device;
  readonly notes: readonly string[];
}

/** mergekit-evolve has none; the first seed is as good as any. */
const DEFAULT_SEED = 0;
/** Standard error of an accuracy of .8 on so many items: 1.3 points. */
const DEFAULT_REPORT_LIMIT = 1000;

/**
 * Reads all that a search needs except weights.
 * @throws TsmergeError `usage` or `config` for what cannot be meant, `data` for missing questions
 */
export async function outlineOf(options: EvolveOptions): Promise<Outline> {
  const { file, environment, onHubEvent, signal } = options;
  const hub: HubAccess = { environment, onHubEvent, signal };
  const { config, notes } = readSearchFile(options.text, { file });
  const changed = options.dtype === undefined ? {} : { dtype: options.dtype };
  const genome = { ...config.genome, ...changed };
  const device = sessionDevice(options.device);
  const seed = options.seed ?? config.seed ?? DEFAULT_SEED;
  const searchRoots = [process.cwd(), dirname(resolve(file))];
  const [models, space] = await inFile(file, async () => {
    const loaded = await loadModels(genomeReferences(genome), (reference) =>
      resolveModel(reference, { ...hub, searchRoots }),
    );
    return [loaded, searchSpace(genome, loaded, seed)] as const;
  });
  const strategy =
    options.strategy === undefined
      ? await inFile(file, () => strategyNamed(config.strategy))
      : strategyNamed(options.strategy);
  const tasks = chosenTasks(options, config);
  const race = raceOf(options, config, strategy, tasks);
  const donor = donorOf(genome);
  const { directory, tokenizerDirectory } = models.get(donor)!; // the genome's models were loaded
  const style = await promptStyle(tokenizerDirectory, {
    systemInstruction: options.systemInstruction ?? config.style.systemInstruction,
    chat: options.chat ?? config.style.chat,
  });
  const loaded = await loadRunItems({
    tasks,
    dataDir: options.dataDir,
    hub,
    includePaths: options.includePaths,
    fewshot: options.fewshot ?? config.fewshot,
    style,
    limit: options.limit ?? config.limit,
    limitFirst: options.limitFirst,
    reportLimit: options.reportLimit ?? config.reportLimit ?? DEFAULT_REPORT_LIMIT,
    seed,
  });
  // portions of a race are samples of all tasks
  const items = race ? { ...loaded, search: interleaved(loaded.search, seed) } : loaded;
  const isMade = "tokenizerSource" in genome && genome.tokenizerSource !== undefined;
  const tokens =
    isMade || asksHere(items) ? await searchTokenizer(genome, models, seed) : undefined;
  const workloads = await workloadsOf(items, directory, tokens, race);
  const warmStart = options.warmStart ?? config.warmStart;
  const earlier = warmStart === undefined ? undefined : earlierCandidates(warmStart, genome);
  const asked = askedBudget(options.budget, config.budget);
  const problem = problemOf(space, {
    seed,
    sigma: options.sigma ?? config.sigma,
    population: options.population ?? config.population,
    evaluations: asked.maxEvals,
    earlier,
    items: itemCount(workloads.search) || undefined, // of programs nobody knows beforehand
  });
  const size = strategy.populationSize(strategy.initial(problem));
  const { budget, note } = resolveBudget(asked, space.dimension, size);
  requireOneCandidate(budget, itemCount(workloads.search));
  const all = [
    ...notes,
    ...[...models.values()].flatMap(
      ({ reference, weights }) => unscoredNote(reference, weights) ?? [],
    ),
    ...items.notes,
    ...(style.chat ? [`questions are asked in ${donor}'s chat template`] : []),
    ...(tokens?.notes ?? []),
    ...Object.entries(workloads).flatMap(([purpose, { counts }]) =>
      encodingNotes(counts).map((text) => `${purpose} items: ${text}`),
    ),
    ...(note ? [note] : []),
    ...(earlier === undefined
      ? []
      : [`the search starts near the best of ${earlier.length} candidates of ${warmStart}`]),
  ];
  return {
    config: { ...config, genome },
    ...{ seed, models, items, workloads, space, tokenizer: tokens, strategy, race },
    ...{ problem, budget, device },
    notes: all,
  };
}

/** What a strategy may know besides the box. */
interface Known {
  readonly seed: number;
  readonly sigma: number;
  readonly population: number | undefined;
  readonly evaluations: number | undefined;
  readonly earlier: Problem["earlier"] | undefined;
  readonly items: number | undefined;
}

/** The box of a space as a strategy sees it, with what else is known; what is undefined is left out. */
function problemOf(
  { lower, upper, start, integer, categorical }: SearchSpace,
  { seed, sigma, ...others }: Known,
): Problem {
  const known = Object.entries(others).filter(([, value]) => value !== undefined);
  return {
    ...{ lower, upper, start, seed, sigma },
    ...(integer.some(Boolean) ? { integer } : {}),
    ...(categorical.some(Boolean) ? { categorical } : {}),
    ...Object.fromEntries(known),
  };
}

/** What the search file asks for: an error that knows no place gets the file's name. */
async function inFile<T>(file: string, step: () => T | Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof TsmergeError) || error.where !== undefined) throw error;
    const { code, message, hint, cause } = error;
    throw new TsmergeError(code, message, {
      ...{ where: file, cause },
      ...(hint === undefined ? {} : { hint }),
    });
  }
}

/** The command line's tasks with what the file says about them, else the file's. */
function chosenTasks({ tasks, metric }: EvolveOptions, config: SearchConfig): TaskChoice[] {
  const names = tasks !== undefined && tasks.length > 0 ? [...new Set(tasks)] : undefined;
  const chosen = (names ?? config.tasks.map(({ name }) => name)).map((name): TaskChoice => {
    const known = config.tasks.find((task) => task.name === name);
    const task: TaskChoice = known ?? { name, weight: 1, metric: config.metric };
    return metric === undefined || task.source?.kind === "command" ? task : { ...task, metric };
  });
  if (chosen.length > 0) return chosen;
  throw new TsmergeError("usage", "no task is named, so nothing can be searched for", {
    hint: "add --task demo, or `tasks: [demo]` to the search file",
  });
}

/** @throws TsmergeError `usage` for a strategy that a race would deceive, and for tasks that cannot be raced */
function raceOf(
  { race: asked }: EvolveOptions,
  { race: inFile }: SearchConfig,
  strategy: Strategy,
  tasks: readonly TaskChoice[],
): Race | undefined {
  const chosen = asked === undefined ? inFile : { ...inFile, rule: asked };
  if (chosen === undefined) return undefined;
  if (strategy.name === nsga2.name) {
    throw new TsmergeError("usage", "nsga2 ranks by several numbers, and a race by one", {
      hint: "leave racing out, or choose another strategy such as cmaes",
    });
  }
  if (strategy.name === greedySoup.name) {
    throw new TsmergeError("usage", "greedy-soup compares scores of several generations", {
      hint: "leave racing out: it asks for few candidates",
    });
  }
  const outside = tasks.find(({ source }) => source !== undefined);
  if (outside !== undefined) {
    throw new TsmergeError(
      "usage",
      `${outside.name} is scored outside, where no race can stop it`,
      {
        hint: "leave racing out, or the task",
      },
    );
  }
  const { rule, rungs = RACE_DEFAULTS.rungs, error = RACE_DEFAULTS.error, estimate } = chosen;
  return { rule, rungs, error, ...(estimate && { estimate }) };
}
