// What a merge's pool and its threads say to each other: plain data.

import type { WireError } from "../base/errors.ts";
import type { TensorPlace } from "../checkpoint/writer.ts";
import type { PlacedTensor } from "../merge/files/tensor-merger.ts";
import type { MergePlan } from "../merge/plan.ts";

/** What every thread is born with. */
export interface MergeSetup {
  readonly plan: MergePlan;
  readonly threads: number;
  /** [KiB computed since last asked, not 0 when the threads shall stop] */
  readonly shared: Int32Array;
}

export interface MergeJob {
  /** Of the output (outputsOf). */
  readonly index: number;
  readonly place: TensorPlace;
}

/** Errors cross threads as data. */
export type MergeAnswer =
  | { readonly ok: true; readonly placed: PlacedTensor }
  | { readonly ok: false; readonly error: WireError };
