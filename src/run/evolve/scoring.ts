// Scores candidates on one workload: finds out what is known already, has the rest computed, and records
// each step before and after it happens. A fitness is always computed from the stored log-probabilities,
// so it cannot depend on reuse, on the number of workers or on how often the process died.

import {
  type ErrorCode,
  fromWire,
  TsmergeError,
  toWire,
  type WireError,
} from "../../base/errors.ts";
import type { ItemScore } from "../../evals/item.ts";
import type { Estimate } from "../../evals/metrics.ts";
import { type Rung, resultsUpTo, scoreItems, type Workload } from "../../evals/workload.ts";
import type { BatchReport, Executor } from "../../exec/executor.ts";
import type { Timings } from "../../lineage/candidates.ts";
import type { Lineage } from "../../lineage/lineage.ts";
import type { BatchRecord, ScoreRecord, Split } from "../../lineage/records.ts";
import { FITNESS, WHOLE_RUN } from "../../lineage/results.ts";
import type { MergePlan } from "../../merge/plan.ts";
import { resultCount } from "../../model/batch.ts";
import { around, searchedScore } from "./comparison.ts";
import { fitnessOf, type WeightedTask } from "./fitness.ts";
import type { Interval } from "./results.ts";

/** A recorded candidate with what it takes to run it. */
export interface Entrant {
  /** Candidate id in the lineage. */
  readonly id: string;
  readonly plan: MergePlan;
  readonly recipeHash: string;
  /** A baseline: without its score nothing can be concluded, so its failure ends the process unrecorded. */
  readonly required: boolean;
}

export interface Scoring {
  readonly lineage: Lineage;
  readonly executor: Executor;
  readonly tasks: readonly WeightedTask[];
  readonly signal: AbortSignal;
  /** Milliseconds; for how often results are written. */
  readonly now: () => number;
  /** Called when a candidate is done (with its fitness; `stopped`: on some of the items) or failed (without). */
  readonly onSettled: (entrant: Entrant, fitness: Estimate | undefined, stopped?: boolean) => void;
  /** False when time is up: what has not started stays pending. */
  readonly mayStart: () => boolean;
}

/** Failures that every candidate would meet: the process ends, and the command tries again from there. */
const NO_CANDIDATES_FAULT: ReadonlySet<ErrorCode> = new Set(["checkpoint", "device", "io"]);

/** Results of batches are written together, this often: a commit waits for the disk. */
const FLUSH_MS = 500;

/**
 * Scores every entrant that is neither done nor failed, `executor.slots` at a time; entrants that a process
 * died with before run alone, first. Returns false if `mayStart` left some out.
 * @param rung how far; before the last, results are recorded and nobody is settled
 * @throws TsmergeError `interrupted` when the signal aborts (finished batches are kept), or whatever keeps
 * the executor itself from working
 */
export async function scoreEntrants(
  split: Split,
  workload: Workload,
  entrants: readonly Entrant[],
  scoring: Scoring,
  rung: Rung = workload.rungs.at(-1)!,
): Promise<boolean> {
  const { lineage, executor } = scoring;
  const record = new BatchBuffer(lineage, scoring.now);
  const open = entrants.filter(({ id }) => lineage.candidates.get(id)?.status === "pending");
  const isSuspect = ({ id }: Entrant): boolean => (lineage.candidates.get(id)?.deaths ?? 0) > 0;
  const run = (group: readonly Entrant[]): Promise<void> =>
    scoreGroup({ split, workload, rung, record }, group, scoring);
  let left = 0;
  try {
    const suspects = open.filter(isSuspect);
    left += await drain(sameRecipes(suspects), 1, scoring, run);
    const others = open.filter((entrant) => !suspects.includes(entrant));
    left += await drain(sameRecipes(others), executor.slots, scoring, run);
  } finally {
    record.flush();
  }
  return left === 0;
}

/** Entrants of one recipe, in order: the first computes, the others find it known. */
function sameRecipes(entrants: readonly Entrant[]): Entrant[][] {
  const groups = new Map<string, Entrant[]>();
  for (const entrant of entrants) {
    const group = groups.get(entrant.recipeHash);
    if (group === undefined) groups.set(entrant.recipeHash, [entrant]);
    else group.push(entrant);
  }
  return [...groups.values()];
}

/** Works through the groups, `slots` at a time; the first error stops new ones. Returns how many never started. */
async function drain(
  groups: readonly (readonly Entrant[])[],
  slots: number,
  { mayStart }: Scoring,
  run: (group: readonly Entrant[]) => Promise<void>,
): Promise<number> {
  let next = 0;
  let stopped = false;
  const lane = async (): Promise<void> => {
    while (!stopped && next < groups.length && mayStart()) {
      const group = groups[next++]!;
      try {
        await run(group);
      } catch (error) {
        stopped = true;
        throw error;
      }
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: slots }, lane));
  const failed = lanes.find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return groups.length - next;
}

/** What a group is scored on, and where results go. */
interface Task {
  readonly split: Split;
  readonly workload: Workload;
  readonly rung: Rung;
  readonly record: BatchBuffer;
}

async function scoreGroup(task: Task, group: readonly Entrant[], scoring: Scoring): Promise<void> {
  for (const entrant of group) await scoreOne(task, entrant, scoring);
}

async function scoreOne(task: Task, entrant: Entrant, scoring: Scoring): Promise<void> {
  const { split, workload, rung, record } = task;
  const { lineage, executor, signal } = scoring;
  const { id, recipeHash, plan } = entrant;
  const twin = lineage.candidates.settledTwin(recipeHash);
  if (twin?.error !== undefined) {
    lineage.candidates.fail(id, twin.error);
    return scoring.onSettled(entrant, undefined);
  }
  const wanted = resultsUpTo(workload, rung);
  const known = lineage.results.completedBatches(recipeHash, workload.name);
  const done = known.filter((result) => wanted.has(result));
  let timings: Timings | undefined;
  if (done.length < wanted.size) {
    for (let result = 0; result < resultCount(workload.schedule); result++) {
      if (!wanted.has(result)) done.push(result); // not yet
    }
    lineage.candidates.start(id);
    const job = { id, plan, workloads: [{ name: workload.name, done }] };
    const outcome = await executor.submit(job, (report) => record.add(recipeHash, report), signal);
    if (!outcome.ok) {
      if (entrant.required) throw baselineFailed(id, outcome.error);
      if (NO_CANDIDATES_FAULT.has(outcome.error.code)) throw fromWire(outcome.error);
      lineage.candidates.fail(id, outcome.error);
      return scoring.onSettled(entrant, undefined);
    }
    timings = { mergeMs: outcome.mergeMs, scoreMs: outcome.scoreMs };
  }
  record.flush();
  if (wanted.size < resultCount(workload.schedule)) {
    if (timings !== undefined) lineage.candidates.wait(id, timings);
    return;
  }
  settle(split, workload, entrant, scoring, { timings });
}

/**
 * Records an entrant's scores and outcome in one transaction, failed when its fitness is no number to rank by,
 * and says so.
 * @param outcome.stoppedAfter the rung after which a race stopped it
 */
export function settle(
  split: Split,
  workload: Workload,
  entrant: Entrant,
  { lineage, tasks, onSettled }: Scoring,
  { timings, stoppedAfter }: { timings?: Timings | undefined; stoppedAfter?: number },
): void {
  const { id, recipeHash } = entrant;
  const rung = stoppedAfter === undefined ? undefined : workload.rungs[stoppedAfter]!;
  const scores = knownScores(lineage, workload, recipeHash, rung);
  const fitness = fitnessOf(tasks, scores);
  if (!Number.isFinite(fitness.value)) {
    const error = new TsmergeError("numeric", `the fitness on ${split} items is ${fitness.value}`);
    lineage.candidates.fail(id, toWire(error));
    onSettled(entrant, undefined);
    return;
  }
  lineage.transaction(() => {
    // a race may stop a recipe that an earlier generation scored on all items
    if ((lineage.results.fitness(recipeHash, split)?.n ?? 0) <= fitness.n) {
      lineage.results.putScores([
        scoreRecord(recipeHash, split, WHOLE, around(fitness)),
        ...tasks.map((task) => scoreRecord(recipeHash, split, task, searchedScore(task, scores))),
      ]);
    }
    const outcome = { fitness: fitness.value, items: scores.length, stoppedAfter };
    lineage.candidates.finish(id, timings === undefined ? outcome : { ...outcome, timings });
  });
  onSettled(entrant, fitness, stoppedAfter !== undefined);
}

/** The row of the fitness itself, over all tasks. */
const WHOLE = { name: WHOLE_RUN, metric: FITNESS };

function scoreRecord(
  recipeHash: string,
  split: Split,
  { name, metric }: { readonly name: string; readonly metric: string },
  { n, value, stderr, low, high }: Interval,
): ScoreRecord {
  return {
    ...{ recipeHash, split, task: name, metric, n, value },
    ...(stderr === null ? {} : { stderr }),
    ...(low === null || high === null ? {} : { low, high }),
  };
}

/** Item scores, up to a rung, of a recipe; undefined when some of the results are not recorded. */
export function scoresIfKnown(
  lineage: Lineage,
  workload: Workload,
  recipeHash: string,
  rung: Rung = workload.rungs.at(-1)!,
): ItemScore[] | undefined {
  const results = lineage.results.batches(recipeHash, workload.name);
  for (const result of resultsUpTo(workload, rung)) if (!results.has(result)) return undefined;
  return scoreItems(workload, results, rung);
}

/**
 * As scoresIfKnown.
 * @throws TsmergeError `internal` when some of the results are not recorded
 */
export function knownScores(
  lineage: Lineage,
  workload: Workload,
  recipeHash: string,
  rung?: Rung,
): ItemScore[] {
  const scores = scoresIfKnown(lineage, workload, recipeHash, rung);
  if (scores !== undefined) return scores;
  throw new TsmergeError(
    "internal",
    `not all ${workload.name} results are recorded for ${recipeHash}`,
  );
}

/** Why a baseline has no score; also for one that the process died with twice. */
export function baselineFailed(id: string, error: WireError): TsmergeError {
  return new TsmergeError(error.code, `baseline ${id} cannot be scored: ${error.message}`, {
    hint: error.hint ?? "check this model: a search is compared with every parent",
  });
}

/** Finished batches on their way to the disk. */
class BatchBuffer {
  readonly #lineage: Lineage;
  readonly #now: () => number;
  #records: BatchRecord[] = [];
  #flushedAt: number;

  constructor(lineage: Lineage, now: () => number) {
    this.#lineage = lineage;
    this.#now = now;
    this.#flushedAt = now();
  }

  add(recipeHash: string, { workload, batch, result }: BatchReport): void {
    this.#records.push({ recipeHash, workload, batch, result });
    if (this.#now() - this.#flushedAt >= FLUSH_MS) this.flush();
  }

  flush(): void {
    this.#flushedAt = this.#now();
    if (this.#records.length === 0) return;
    const records = this.#records;
    this.#records = [];
    this.#lineage.results.recordBatches(records);
  }
}
