// What the local executor and its worker threads say to each other. One job has one message port and one
// cancel flag; a thread runs one job at a time. Only structured-clone-safe data crosses.

import type { MessagePort } from "node:worker_threads";
import type { WireError } from "../base/errors.ts";
import type { Schedule } from "../model/batch.ts";
import type { Device } from "../ort/session.ts";
import type { BatchReport, CandidateJob, CandidateOutcome } from "./executor.ts";

/** What every worker thread is born with. */
export interface WorkerSetup {
  readonly device: Device;
  /** Threads that onnxruntime may use inside this worker. */
  readonly threads: number;
  /** Scores with 8-bit products (see model/int8.ts). */
  readonly int8?: boolean;
  /** Free-form data for worker modules that wrap the real one (tests); the real one ignores it. */
  readonly extra?: unknown;
}

/** A job as it is posted to a thread. */
export interface JobMessage {
  readonly job: CandidateJob;
  readonly port: MessagePort;
  /** One shared word: not 0 asks the worker to stop at the next batch. */
  readonly cancel: Int32Array;
}

/** Thread to executor. `done` or `stopped` or `broken` is the last message of a job. */
export type WorkerMessage =
  /** The thread has not seen this workload yet; the executor answers with a ScheduleMessage. */
  | { readonly type: "need"; readonly workload: string }
  | { readonly type: "batch"; readonly report: BatchReport }
  | { readonly type: "done"; readonly outcome: CandidateOutcome }
  /** The cancel flag was seen. */
  | { readonly type: "stopped" }
  /** The engine itself could not start: no candidate's fault. */
  | { readonly type: "broken"; readonly error: WireError };

/** Executor to thread. */
export interface ScheduleMessage {
  readonly workload: string;
  readonly schedule: Schedule;
}
