// The answers of one model to items: those that the store has, and those that are computed now, in one worker
// thread. Kept batch by batch, so that a killed process goes on where it was and ends with the same numbers.

import { fromWire, TsmergeError } from "../../base/errors.ts";
import { contentHash } from "../../base/hash.ts";
import type { Answer, Item } from "../../evals/item.ts";
import type { PairCounts } from "../../evals/trie/pairs.ts";
import type { TextTokenizer } from "../../evals/trie/piece-encoder.ts";
import {
  answerOf,
  buildWorkload,
  lastResults,
  type Workload,
  type WorkloadOptions,
} from "../../evals/workload.ts";
import { LocalExecutor } from "../../exec/local.ts";
import type { AnswerRecord, ScopedAnswers, Work } from "../../lineage/item-store.ts";
import type { MergePlan } from "../../merge/plan.ts";
import { type BatchResult, resultCount, type ScheduleCost } from "../../model/batch.ts";
import type { Device } from "../../ort/session.ts";

/** The model that is asked. */
export interface Subject {
  /** Its folder, for messages. */
  readonly name: string;
  readonly plan: MergePlan;
  readonly tokenizer: TextTokenizer;
  readonly limits: WorkloadOptions;
  readonly device: Device;
  /** Threads of the session. */
  readonly threads: number;
  /** Whether the model is screened in 8-bit integers. */
  readonly int8: boolean;
}

export interface AskOptions {
  readonly onProgress?: ((done: number, batches: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds; for how often results are written. */
  readonly now?: () => number;
}

/** What was computed, and what it would have cost without a trie and without a store. */
export interface AskStatistics {
  /** Different requests among the items, and how many of them the store knew. */
  readonly requests: number;
  readonly known: number;
  /** Of the schedule of the others. */
  readonly cost: ScheduleCost;
  readonly batches: number;
  /** Batches that an earlier process had computed. */
  readonly resumed: number;
  readonly counts: PairCounts;
  /** Milliseconds: prompts to batches, weights to the decoder (at the same time), and the decoder. */
  readonly scheduleMs: number;
  readonly loadMs: number;
  readonly scoreMs: number;
}

const NOTHING: Omit<AskStatistics, "requests" | "known"> = {
  cost: { nodes: 0, paddingSlots: 0, naiveTokens: 0, computedPairs: 0, neededPairs: 0 },
  batches: 0,
  resumed: 0,
  counts: { seams: 0, separate: 0, truncated: 0 },
  scheduleMs: 0,
  loadMs: 0,
  scoreMs: 0,
};

/** Results are written together, this often: each write is a transaction. */
const FLUSH_MS = 500;

/** The identity of what an item asks: its texts, and how they are answered. Which task asks does not matter. */
export function requestOf({ context, contexts, continuations, judgement }: Item): string {
  const manner =
    judgement?.kind === "generation"
      ? { kind: "generation", stop: judgement.rule.stop }
      : judgement?.kind === "rolling"
        ? { kind: "rolling" }
        : undefined;
  return contentHash({ context: contexts ?? context, continuations, manner });
}

/**
 * Every item's answer, in their order. Only what the store lacks is computed, each request once.
 * @throws TsmergeError as buildWorkload and the executor; `interrupted` after the signal (finished batches are kept)
 */
export async function askAll(
  items: readonly Item[],
  subject: Subject,
  answers: ScopedAnswers,
  options: AskOptions = {},
): Promise<{ answers: Answer[]; statistics: AskStatistics }> {
  const requests = items.map(requestOf);
  const distinct = new Map(requests.map((request, index) => [request, items[index]!]));
  const work = answers.begin([...distinct.keys()], subject.threads);
  const known = distinct.size - work.requests.length;
  const open = work.requests.map((request) => distinct.get(request)!);
  const computed =
    open.length === 0 ? NOTHING : await compute(open, subject, work, answers, options);
  const found = answers.known(requests);
  return {
    answers: requests.map((request) => {
      const answer = found.get(request);
      if (answer !== undefined) return answer;
      throw new TsmergeError("internal", `request ${request} was computed and is not in the store`);
    }),
    statistics: { requests: distinct.size, known, ...computed },
  };
}

async function compute(
  items: readonly Item[],
  subject: Subject,
  work: Work,
  answers: ScopedAnswers,
  { onProgress, signal = new AbortController().signal, now = Date.now }: AskOptions,
): Promise<Omit<AskStatistics, "requests" | "known">> {
  let made: { workload: Workload; ms: number } | undefined;
  /** Made when the worker asks for it, which is while it loads the weights. */
  const workloadNow = (): Workload => {
    if (made !== undefined) return made.workload;
    const started = performance.now();
    const workload = buildWorkload(work.key, items, subject.tokenizer, subject.limits);
    made = { workload, ms: performance.now() - started };
    return workload;
  };
  const { device, threads, int8 } = subject;
  const executor = new LocalExecutor({
    ...{ device, threads, int8, workers: 1 },
    schedule: () => workloadNow().schedule,
  });
  const results = new Map(work.batches);
  let fresh = new Map<number, BatchResult>();
  let flushedAt = now();
  let completion: Completion | undefined;
  const flush = (): void => {
    const { workload } = made!; // batches come after the schedule
    completion ??= new Completion(workload);
    const complete = completion.upTo(results).map((index): AnswerRecord => {
      return { request: work.requests[index]!, answer: answerOf(workload, results, index) };
    });
    answers.record(work, fresh, complete);
    fresh = new Map();
    flushedAt = now();
  };
  try {
    const done = [...work.batches.keys()];
    const outcome = await executor.submit(
      { id: subject.name, plan: subject.plan, workloads: [{ name: work.key, done }] },
      ({ batch, result }) => {
        results.set(batch, result);
        fresh.set(batch, result);
        if (now() - flushedAt >= FLUSH_MS) flush();
        onProgress?.(results.size, resultCount(workloadNow().schedule));
      },
      signal,
    );
    if (!outcome.ok) throw fromWire(outcome.error);
    const { schedule, counts } = workloadNow();
    flush();
    answers.finish(work);
    return {
      cost: schedule.cost,
      batches: resultCount(schedule),
      resumed: done.length,
      counts,
      scheduleMs: made!.ms,
      loadMs: outcome.mergeMs,
      scoreMs: outcome.scoreMs,
    };
  } finally {
    try {
      if (fresh.size > 0) flush(); // of a run that was stopped
    } finally {
      await executor.close();
    }
  }
}

/** Which items are complete: batches finish in order, so items do in the order of their last batch. */
class Completion {
  readonly #last: Int32Array;
  readonly #order: readonly number[];
  #next = 0;

  constructor(workload: Workload) {
    this.#last = lastResults(workload);
    this.#order = [...this.#last.keys()].sort((a, b) => this.#last[a]! - this.#last[b]!);
  }

  /** Items that became complete since the last call, given every result so far. */
  upTo(results: ReadonlyMap<number, BatchResult>): number[] {
    const complete: number[] = [];
    while (this.#next < this.#order.length) {
      const item = this.#order[this.#next]!;
      const last = this.#last[item]!;
      if (last >= 0 && !results.has(last)) break;
      complete.push(item);
      this.#next++;
    }
    return complete;
  }
}
