// What a search will cost, before it starts: for --dry-run. Reads no weights.

import { itemCount } from "../../evals/workload.ts";
import { publishedMerges } from "../../recipe/search/baselines.ts";
import { shareMachine, workerBytes } from "../resources.ts";
import { type Budget, plannedEvaluations } from "./budget.ts";
import { choiceNotes } from "./contest.ts";
import type { EvolveOptions } from "./options.ts";
import { type Outline, outlineOf } from "./outline.ts";
import { askedWorkers } from "./outside-tasks.ts";
import { FINALISTS } from "./shortlist.ts";

export interface Forecast {
  readonly dimension: number;
  /** One label a gene. */
  readonly genes: readonly string[];
  readonly strategy: string;
  readonly population: number;
  readonly budget: Budget;
  /** undefined when only minutes limit the search. */
  readonly evaluations: number | undefined;
  readonly baselines: number;
  readonly items: { readonly search: number; readonly selection: number; readonly report: number };
  /** Tokens computed for one model on each split; naive is one forward pass for each distinct sequence. */
  readonly tokens: Readonly<
    Record<"search" | "selection" | "report", { readonly computed: number; readonly naive: number }>
  >;
  /** Tokens of the whole run; undefined like `evaluations`. */
  readonly tokensInAll: number | undefined;
  readonly workers: number;
  /** Bytes of weights in memory: parents and one candidate in each worker. */
  readonly memoryBytes: number;
  /** Bytes of the run folder at the end: results of batches, mostly. */
  readonly diskBytes: number | undefined;
  readonly seed: number;
  readonly notes: readonly string[];
}

/** A stored log-probability, its greedy flag. */
const BYTES_A_TARGET = 5;
/** A candidate's rows, recipe text included. */
const BYTES_A_CANDIDATE = 8192;

/** @throws TsmergeError as evolve does before it computes anything */
export async function planEvolve(options: EvolveOptions): Promise<Forecast> {
  const outline = await outlineOf(options);
  const { space, strategy, problem, budget, workloads, seed } = outline;
  const state = strategy.initial(problem);
  const notes = [...outline.notes, ...choiceNotes(strategy, state)];
  const population = strategy.populationSize(state);
  const evaluations = plannedEvaluations(budget, population, itemCount(workloads.search));
  const baselines = outline.models.size + 1 + publishedMerges(outline.config.genome).length;
  const bytes = workerBytes(outline.models, outline.config.genome);
  const asked = askedWorkers(options.workers, outline.items.sources);
  const { workers } = shareMachine(asked, outline.device, bytes);
  const { search, selection, report } = workloads;
  const spread = (of: (workload: typeof search) => number): number | undefined =>
    evaluations === undefined
      ? undefined
      : (evaluations + baselines) * of(search) +
        (FINALISTS + baselines) * of(selection) +
        (1 + baselines) * of(report);
  const results = spread(({ targetBatches }) => targetBatches.length * BYTES_A_TARGET);
  return {
    dimension: space.dimension,
    genes: space.names,
    strategy: strategy.name,
    ...{ population, budget, evaluations, baselines, workers, seed, notes },
    items: countItems(outline),
    tokens: { search: tokens(search), selection: tokens(selection), report: tokens(report) },
    tokensInAll: spread(({ schedule }) => schedule.cost.nodes),
    memoryBytes: workers * bytes,
    diskBytes: results === undefined ? undefined : results + (evaluations ?? 0) * BYTES_A_CANDIDATE,
  };
}

function countItems({ workloads: { search, selection, report } }: Outline): Forecast["items"] {
  return {
    search: itemCount(search),
    selection: itemCount(selection),
    report: itemCount(report),
  };
}

function tokens({ schedule: { cost } }: Outline["workloads"]["search"]) {
  return { computed: cost.nodes, naive: cost.naiveTokens };
}
