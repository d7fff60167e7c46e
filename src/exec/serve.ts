// The worker thread's half of the protocol, around any engine that can load a merge and score a
// schedule. It owns what a thread keeps between jobs: the engine and the schedules it was sent.

import { once } from "node:events";
import type { MessagePort } from "node:worker_threads";
import { workerData } from "node:worker_threads";
import { TsmergeError, toWire } from "../base/errors.ts";
import type { MergePlan } from "../merge/plan.ts";
import type { BatchResult, Schedule } from "../model/batch.ts";
import type { ScheduleOptions } from "../model/decoder/runner.ts";
import type { CandidateJob } from "./executor.ts";
import type { JobMessage, ScheduleMessage, WorkerMessage, WorkerSetup } from "./protocol.ts";

/** A thread's model: weights are replaced by `load`, everything else is kept between candidates. */
export interface Engine {
  /** Merges the plan; later calls of `score` run its weights. */
  load(plan: MergePlan, signal: AbortSignal): Promise<void>;
  /** Computes the results that are not in `done`, in order; stops between decoder calls when the signal aborts. */
  score(schedule: Schedule, options: ScheduleOptions): Promise<void>;
}

/**
 * The function that a worker module exports as `runJob`. The engine opens at the first job, not at
 * import, so that what goes wrong there is an answer and not a dead thread.
 */
export function serveJobs(
  openEngine: (setup: WorkerSetup) => Promise<Engine>,
): (message: JobMessage) => Promise<void> {
  const schedules = new Map<string, Schedule>();
  let engine: Promise<Engine> | undefined;

  return async ({ job, port, cancel }) => {
    const say = (message: WorkerMessage): void => port.postMessage(message);
    const stop = new AbortController();
    const stopIfAsked = (): void => {
      if (Atomics.load(cancel, 0) !== 0) stop.abort();
    };
    try {
      // LocalExecutor is the only one that fills it
      engine ??= openEngine(workerData as WorkerSetup);
      const opened = await engine.catch((error: unknown) => {
        say({ type: "broken", error: toWire(error) });
      });
      if (opened === undefined) return;
      try {
        const started = performance.now();
        stopIfAsked();
        stop.signal.throwIfAborted();
        // asked for first: schedules may be made while weights are loaded
        const fetched = fetchSchedules(port, schedules, job.workloads);
        fetched.catch(() => {}); // awaited below, unless loading fails first and is what went wrong
        await opened.load(job.plan, stop.signal);
        const merged = performance.now();
        await fetched;
        for (const { name, done } of job.workloads) {
          const schedule = schedules.get(name)!; // fetched above
          stopIfAsked();
          stop.signal.throwIfAborted();
          await opened.score(schedule, {
            done: new Set(done),
            onBatch: (batch, result) => {
              refuseNaN(result, name, batch);
              say({ type: "batch", report: { id: job.id, workload: name, batch, result } });
            },
            signal: stop.signal,
            beforeCall: stopIfAsked,
          });
          stop.signal.throwIfAborted();
        }
        const mergeMs = merged - started;
        const scoreMs = performance.now() - merged;
        say({ type: "done", outcome: { ok: true, id: job.id, mergeMs, scoreMs } });
      } catch (error) {
        if (stop.signal.aborted) say({ type: "stopped" });
        else say({ type: "done", outcome: { ok: false, id: job.id, error: toWire(error) } });
      }
    } finally {
      port.close();
    }
  };
}

/** Asks for the schedules that the thread does not have yet, one after the other. */
async function fetchSchedules(
  port: MessagePort,
  schedules: Map<string, Schedule>,
  workloads: CandidateJob["workloads"],
): Promise<void> {
  for (const { name } of workloads) {
    if (schedules.has(name)) continue;
    const need: WorkerMessage = { type: "need", workload: name };
    port.postMessage(need);
    const closed = once(port, "close").then(() => {
      throw new TsmergeError("interrupted", `the schedule of ${name} never came`);
    });
    // the executor sends nothing else on this port
    const [message] = (await Promise.race([once(port, "message"), closed])) as [ScheduleMessage];
    schedules.set(name, message.schedule);
  }
}

function refuseNaN(result: BatchResult, workload: string, batch: number): void {
  if (!result.logProbs.some(Number.isNaN)) return;
  throw new TsmergeError(
    "numeric",
    `the merged model gives NaN as log-probability in batch ${batch} of ${workload}`,
    { hint: "narrow the ranges of weight, lambda or density: these weights overflow" },
  );
}
