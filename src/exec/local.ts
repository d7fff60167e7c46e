// LocalExecutor: candidates in worker threads of this process, one at a time in each. Threads give
// parallelism and keep the loop alive while onnxruntime blocks; they do not contain a native abort
// (supervisor.ts does). A thread is never terminated while it works: cancellation waits for a batch.

import { MessageChannel, type MessagePort } from "node:worker_threads";
import { Piscina } from "piscina";
import { fromWire, TsmergeError } from "../base/errors.ts";
import type { Schedule } from "../model/batch.ts";
import { disableTelemetry } from "../ort/runtime.ts";
import type { Device } from "../ort/session.ts";
import type { BatchReport, CandidateJob, CandidateOutcome, Executor } from "./executor.ts";
import type { JobMessage, ScheduleMessage, WorkerMessage, WorkerSetup } from "./protocol.ts";

export interface LocalExecutorOptions {
  readonly device: Device;
  /** Candidates at once; on WebGPU it must be 1, since a process may use the GPU in one thread only. */
  readonly workers: number;
  /**
   * Threads that onnxruntime uses in each worker. They change a product's last bits: keep them as they are
   * for a whole run, whatever the number of workers.
   */
  readonly threads: number;
  /** Screens with 8-bit products instead of scoring; false unless given. */
  readonly int8?: boolean;
  /** Schedule of a workload; asked once a thread, when a job first names it. */
  readonly schedule: (workload: string) => Schedule;
  /** Module that exports `runJob`; tests wrap the real one. */
  readonly workerFile?: URL;
  /** Given to the worker module as `setup.extra`. */
  readonly extra?: unknown;
}

/** worker.ts under tsx, worker.js once built: tsc rewrites imports, not strings. */
const WORKER_FILE = new URL(
  `./worker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`,
  import.meta.url,
);

export class LocalExecutor implements Executor {
  readonly slots: number;
  readonly #pool: Piscina<JobMessage, void>;
  readonly #schedule: (workload: string) => Schedule;

  /** @throws TsmergeError `usage` for a number of workers that the device cannot have */
  constructor(options: LocalExecutorOptions) {
    const { device, workers, threads, int8 = false, extra } = options;
    if (!Number.isInteger(workers) || workers < 1) {
      throw new TsmergeError("usage", `workers must be a whole number from 1 up, not ${workers}`);
    }
    if (device === "webgpu" && workers > 1) {
      throw new TsmergeError("usage", `device webgpu takes one worker, not ${workers}`, {
        hint: "leave --workers out: the GPU is shared by one thread of a process",
      });
    }
    const setup: WorkerSetup = { device, threads, int8, extra };
    // before any thread starts: threads copy the environment
    disableTelemetry();
    this.slots = workers;
    this.#schedule = options.schedule;
    this.#pool = new Piscina<JobMessage, void>({
      filename: (options.workerFile ?? WORKER_FILE).href,
      name: "runJob",
      minThreads: workers,
      maxThreads: workers,
      // an idle thread holds the parents and the decoder: never let it go
      idleTimeout: Number.POSITIVE_INFINITY,
      // parked threads would not see messages on their ports
      atomics: "disabled",
      workerData: setup,
    });
  }

  /**
   * Runs one candidate.
   * @throws TsmergeError `interrupted` when the signal aborted; the engine's own error when it cannot start
   */
  async submit(
    job: CandidateJob,
    onBatch: (report: BatchReport) => void,
    signal: AbortSignal,
  ): Promise<CandidateOutcome> {
    if (signal.aborted) throw interrupted();
    const cancel = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const { port1, port2 } = new MessageChannel();
    const askToStop = (): void => {
      Atomics.store(cancel, 0, 1);
    };
    signal.addEventListener("abort", askToStop, { once: true });
    try {
      // the answer comes by the port, in order with the batches; the pool's promise only tells of a dead thread
      return await new Promise<CandidateOutcome>((resolve, reject) => {
        port1.on("message", (message: WorkerMessage) => {
          try {
            this.#receive(message, port1, onBatch, resolve);
          } catch (error) {
            askToStop();
            reject(error);
          }
        });
        port1.on("close", () => reject(threadDied(job.id, undefined)));
        this.#pool
          .run({ job, port: port2, cancel }, { transferList: [port2] })
          .catch((error: unknown) => reject(threadDied(job.id, error)));
      });
    } finally {
      signal.removeEventListener("abort", askToStop);
      port1.close();
    }
  }

  #receive(
    message: WorkerMessage,
    port: MessagePort,
    onBatch: (report: BatchReport) => void,
    onOutcome: (outcome: CandidateOutcome) => void,
  ): void {
    switch (message.type) {
      case "need": {
        const { workload } = message;
        const answer: ScheduleMessage = { workload, schedule: this.#schedule(workload) };
        port.postMessage(answer);
        return;
      }
      case "batch":
        onBatch(message.report);
        return;
      case "done":
        onOutcome(message.outcome);
        return;
      case "stopped":
        throw interrupted();
      case "broken":
        throw fromWire(message.error);
      default:
        message satisfies never;
    }
  }

  /** Waits for running candidates and ends the threads. */
  async close(): Promise<void> {
    await this.#pool.close();
  }
}

function interrupted(): TsmergeError {
  return new TsmergeError("interrupted", "stopped before the candidate was finished", {
    hint: "run the same command again: it continues where it was",
  });
}

function threadDied(id: string, cause: unknown): TsmergeError {
  const reason = cause instanceof Error ? `: ${cause.message}` : "";
  return new TsmergeError("internal", `the worker thread of candidate ${id} died${reason}`, {
    cause,
    hint: "run the same command again; if it happens twice, report it with events.jsonl",
  });
}
