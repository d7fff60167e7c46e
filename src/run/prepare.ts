// From options to a contest: reads the search file, finds the models, loads the tasks, makes the schedules
// and the box to search. Reads headers and questions; weights only to fingerprint them, at the very end.

import { dirname, resolve } from "node:path";
import { TsmergeError } from "../base/errors.ts";
import { contentHash } from "../base/hash.ts";
import { fingerprint } from "../checkpoint/fingerprint.ts";
import { interleaved } from "../evals/splits.ts";
import { buildWorkload, type Workload } from "../evals/workload.ts";
import { resolveModel } from "../hub/reference.ts";
import type { HubAccess } from "../hub/settings.ts";
import { planHash } from "../merge/fingerprint.ts";
import { readModelConfig } from "../model/config.ts";
import type { Device } from "../ort/session.ts";
import { equalWeights, publishedMerges, singleModel } from "../recipe/baselines.ts";
import { compileRecipe } from "../recipe/compile.ts";
import { donorOf, genomeReferences, shortNames } from "../recipe/genome.ts";
import { type LoadedModel, type LoadedModels, loadModels } from "../recipe/models.ts";
import type { Recipe } from "../recipe/recipe.ts";
import { renderRecipe } from "../recipe/render.ts";
import { readSearchFile, type SearchConfig, type TaskChoice } from "../recipe/search-file.ts";
import { type SearchSpace, searchSpace } from "../recipe/space.ts";
import { greedySoup } from "../search/greedy-soup.ts";
import { nsga2 } from "../search/nsga2.ts";
import { RACE_DEFAULTS, rungEnds } from "../search/race.ts";
import { strategyNamed } from "../search/registry.ts";
import type { Problem, Strategy, Told } from "../search/strategy.ts";
import { type Budget, resolveBudget } from "./budget.ts";
import type { Baseline, Composition, Contest, Race, Workloads } from "./contest.ts";
import { earlierCandidates } from "./earlier.ts";
import { loadRunItems, type RunItems } from "./items.ts";
import type { EvolveOptions } from "./options.ts";
import { sessionDevice } from "./resources.ts";
import { type SearchTokenizer, searchTokenizer } from "./search-tokenizer.ts";
import { VERSIONS } from "./versions.ts";

/** Everything that is known without reading a weight. */
export interface Outline {
  readonly config: SearchConfig;
  readonly seed: number;
  readonly models: LoadedModels;
  readonly items: RunItems;
  readonly workloads: Workloads;
  readonly space: SearchSpace;
  readonly tokenizer: SearchTokenizer;
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
  const models = await loadModels(genomeReferences(genome), (reference) =>
    resolveModel(reference, { ...hub, searchRoots }),
  );
  const space = searchSpace(genome, models, seed);
  const strategy = strategyNamed(options.strategy ?? config.strategy);
  const race = raceOf(options, config, strategy);
  const loaded = await loadRunItems({
    tasks: chosenTasks(options, config),
    dataDir: options.dataDir,
    hub,
    includePaths: options.includePaths,
    fewshot: options.fewshot ?? config.fewshot,
    limit: options.limit ?? config.limit,
    limitFirst: options.limitFirst,
    reportLimit: options.reportLimit ?? config.reportLimit ?? DEFAULT_REPORT_LIMIT,
    seed,
  });
  // portions of a race are samples of all tasks
  const items = race ? { ...loaded, search: interleaved(loaded.search, seed) } : loaded;
  const tokenizer = await searchTokenizer(genome, models, seed);
  const workloads = await scheduleAll(items, models.get(donorOf(genome))!, tokenizer, race);
  const population = options.population ?? config.population;
  const { lower, upper, start, integer, categorical } = space;
  const evaluations = options.budget.maxEvals ?? config.budget.maxEvals;
  const warmStart = options.warmStart ?? config.warmStart;
  const earlier = warmStart === undefined ? undefined : earlierCandidates(warmStart, genome);
  const problem: Problem = {
    ...{ lower, upper, start, seed, sigma: options.sigma ?? config.sigma },
    ...(integer.some(Boolean) ? { integer } : {}),
    ...(categorical.some(Boolean) ? { categorical } : {}),
    ...(population === undefined ? {} : { population }),
    ...(evaluations === undefined ? {} : { evaluations }),
    ...(earlier === undefined ? {} : { earlier }),
    items: workloads.search.items.length,
  };
  const first = strategy.initial(problem);
  const size = strategy.populationSize(first);
  const { budget, note } = resolveBudget(options.budget, config.budget, space.dimension, size);
  const all = [
    ...notes,
    ...items.notes,
    ...tokenizer.notes,
    ...encodingNotes(workloads),
    ...(note ? [note] : []),
    ...(earlier === undefined
      ? []
      : [`the search starts near the best of ${earlier.length} candidates of ${warmStart}`]),
    ...(strategy.explain ? [`strategy ${strategy.name}: ${strategy.explain(first)}`] : []),
  ];
  return {
    config: { ...config, genome },
    ...{ seed, models, items, workloads, space, tokenizer, strategy, race },
    ...{ problem, budget, device },
    notes: all,
  };
}

/** Adds what needs the weights' bytes: fingerprints, and with them hashes and the run's identity. */
export async function contestOf(outline: Outline): Promise<Contest> {
  const { config, models, space, seed, items, strategy, race, problem, workloads } = outline;
  const fingerprints = new Map<string, string>();
  const parents: Record<string, string> = {};
  for (const { reference, location, directory } of models.values()) {
    parents[reference] = await fingerprint(location);
    fingerprints.set(directory, await fingerprint(directory)); // the donor's is its folder's
    fingerprints.set(location, parents[reference]);
  }
  const composed = (recipe: Recipe): Composition => {
    const plan = compileRecipe(recipe, {
      ...{ models, seed, compat: false, tokenizer: outline.tokenizer.of(recipe) },
    });
    const text = renderRecipe(recipe, { record: { seed } });
    return { recipe, text, plan, hash: planHash(plan, fingerprints) };
  };
  const { genome } = config;
  return {
    identity: {
      genome: { ...genome },
      parents,
      tasks: items.tasks.map(({ name, weight, metric }) => ({ name, weight, metric })),
      fewshot: Object.fromEntries(items.suite.leaves.map(({ task, fewshot }) => [task, fewshot])),
      items: items.hash,
      counts: Object.fromEntries(
        Object.entries(workloads).map(([purpose, { items: keys }]) => [purpose, keys.length]),
      ),
      strategy: strategy.name,
      population: problem.population ?? null,
      sigma: problem.sigma,
      ...(problem.earlier === undefined ? {} : { warmStart: earlierHash(problem.earlier) }),
      ...(race === undefined ? {} : { race: { ...race } }),
      seed,
      device: outline.device,
    },
    ...{ seed, strategy, race, problem, workloads, tasks: items.tasks },
    compose: (genes) => composed(space.decode(genes)),
    baselines: baselinesOf(outline, composed),
    provenance: { parents, ...VERSIONS },
  };
}

/** What an earlier run said: a run that began near it goes on only as long as it says the same. */
function earlierHash(earlier: readonly Told[]): string {
  return contentHash(
    earlier.map(({ genome, fitness }) => [genome, Number.isFinite(fitness) ? fitness : null]),
  );
}

/** Each parent, the base, the equal-weight merge, and the methods as published; a recipe stands once. */
function baselinesOf(
  { config: { genome }, models }: Outline,
  composed: (recipe: Recipe) => Composition,
): Baseline[] {
  const references = genomeReferences(genome);
  const names = shortNames(references);
  const singles = references.map((reference, index): Baseline => {
    const isBase = reference === genome.base && !genome.models.includes(reference);
    return {
      role: isBase ? "base" : "parent",
      label: isBase ? `base:${names[index]}` : `parent:${names[index]}`,
      composition: composed(singleModel(reference)),
    };
  });
  const depths = new Set(genome.models.map((reference) => models.get(reference)!.weights.layers));
  // models of several depths, whose layers can be stacked, have no average
  const equal = depths.size > 1 ? [] : [composed(equalWeights(genome))];
  const published = publishedMerges(genome).map(
    ({ method, recipe }): Baseline => ({
      role: "published",
      label: `${method} as published`,
      composition: composed(recipe),
    }),
  );
  const all: Baseline[] = [
    ...singles,
    ...equal.map(
      (composition): Baseline => ({ role: "equal", label: "equal weights", composition }),
    ),
    ...published,
  ];
  const first = new Map(all.toReversed().map((one) => [one.composition.hash, one]));
  return all.filter((one) => first.get(one.composition.hash) === one);
}

/** The command line's tasks with what the file says about them, else the file's. */
function chosenTasks({ tasks, metric }: EvolveOptions, config: SearchConfig): TaskChoice[] {
  const names = tasks !== undefined && tasks.length > 0 ? [...new Set(tasks)] : undefined;
  const chosen = (names ?? config.tasks.map(({ name }) => name)).map((name): TaskChoice => {
    const known = config.tasks.find((task) => task.name === name);
    const task = known ?? { name, weight: 1, metric: config.metric };
    return metric === undefined ? task : { ...task, metric };
  });
  if (chosen.length > 0) return chosen;
  throw new TsmergeError("usage", "no task is named, so nothing can be searched for", {
    hint: "add --task demo, or `tasks: [demo]` to the search file",
  });
}

/** @throws TsmergeError `usage` for a strategy that a race would deceive */
function raceOf(
  { race: asked }: EvolveOptions,
  { race: inFile }: SearchConfig,
  strategy: Strategy,
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
  const { rule, rungs = RACE_DEFAULTS.rungs, error = RACE_DEFAULTS.error, estimate } = chosen;
  return { rule, rungs, error, ...(estimate && { estimate }) };
}

async function scheduleAll(
  items: RunItems,
  { directory }: LoadedModel,
  { tokenizer, folder: tokenizerFolder }: SearchTokenizer,
  race: Race | undefined,
): Promise<Workloads> {
  if (tokenizerFolder === undefined) refuseTexts(items);
  const config = await readModelConfig(directory); // refused here: any model can be merged, not any scored
  const limits = {
    prefixId: tokenizer.prefixId,
    maxLength: config.maxPositions,
    tokenizerFolder,
  };
  const build = (name: "search" | "selection" | "report"): Workload =>
    buildWorkload(name, items[name], tokenizer, {
      ...limits,
      ...(name === "search" && race ? { rungEnds: rungEnds(items.search.length, race) } : {}),
    });
  return { search: build("search"), selection: build("selection"), report: build("report") };
}

/** Texts are generated where a tokenizer's files lie, and a union's are written when a recipe is merged. */
function refuseTexts({ search, selection, report }: RunItems): void {
  const items = [...search, ...selection, ...report];
  const item = items.find(({ judgement }) => judgement?.kind === "generation");
  if (item === undefined) return;
  throw new TsmergeError(
    "config",
    `${item.task} generates texts, and tokenizer_source makes a tokenizer that lies in no folder yet`,
    { hint: "write tokenizer_source: base, or search on tasks with choices" },
  );
}

/** What tokenisation had to do out of the ordinary. */
function encodingNotes(workloads: Workloads): string[] {
  return Object.entries(workloads).flatMap(([purpose, { counts }]) => {
    const { truncated, seams, separate } = counts;
    const notes: string[] = [];
    const said = (many: number, what: string): void => {
      if (many > 0) notes.push(`${purpose} items: ${many} ${what}`);
    };
    said(
      truncated,
      "choices follow a prompt longer than the model's positions: its beginning is cut",
    );
    said(seams, "choices merge with their prompt's last token and are cut by position");
    said(separate, "choices have no token of their own and are encoded apart");
    return notes;
  });
}
