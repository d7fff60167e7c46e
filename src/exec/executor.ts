// The seam between the run and where candidates are computed: threads of this process, and around them
// programs and endpoints. The executor keeps no record; the run writes lineage from what it reports.

import type { WireError } from "../base/errors.ts";
import type { MergePlan } from "../merge/plan.ts";
import type { BatchResult } from "../model/batch.ts";

/** One model to score: a merge, or one of the parents as it stands (a plan of its own kind: passthrough). */
export interface CandidateJob {
  /** Unique in the run; echoes in every report. */
  readonly id: string;
  readonly plan: MergePlan;
  /** Which workloads to score, by name, and the batches already known from an earlier attempt. */
  readonly workloads: readonly { readonly name: string; readonly done: readonly number[] }[];
}

export interface BatchReport {
  readonly id: string;
  readonly workload: string;
  readonly batch: number;
  readonly result: BatchResult;
}

export type CandidateOutcome =
  | { readonly ok: true; readonly id: string; readonly mergeMs: number; readonly scoreMs: number }
  | { readonly ok: false; readonly id: string; readonly error: WireError };

export interface Executor {
  /** How many candidates run at once. */
  readonly slots: number;
  /**
   * Runs one candidate; `onBatch` is called for each finished batch, before the promise resolves. A bad
   * candidate is an outcome; the promise rejects only when the signal aborts, the executor itself cannot work
   * or onBatch throws.
   */
  submit(
    job: CandidateJob,
    onBatch: (report: BatchReport) => void,
    signal: AbortSignal,
  ): Promise<CandidateOutcome>;
  close(): Promise<void>;
}
