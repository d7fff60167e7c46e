// The thread's half of merge-pool.ts: merges the tensors it is given, a few at once. Parents open with the
// first one, so that what is wrong with them is an answer and not a dead thread.

import { workerData } from "node:worker_threads";
import { TsmergeError, toWire } from "../base/errors.ts";
import { wasmKernel } from "../kernel/wasm/wasm.ts";
import { openTensorMerger, type TensorMerger } from "../merge/files/tensor-merger.ts";
import type { MergeAnswer, MergeJob, MergeSetup } from "./merge-protocol.ts";

let merger: Promise<TensorMerger> | undefined;

/** What mergePool calls by name. */
export async function mergeTensor({ index, place }: MergeJob): Promise<MergeAnswer> {
  const { plan, threads, shared } = workerData as MergeSetup; // mergePool is the only one that fills it
  let rest = 0; // bytes below a KiB, told with the next tile
  try {
    merger ??= openTensorMerger(plan, wasmKernel(), { threads });
    const opened = await merger;
    const placed = await opened.merge(index, place, (bytes) => {
      if (Atomics.load(shared, 1) !== 0) {
        throw new TsmergeError("interrupted", "stopped between two tiles");
      }
      Atomics.add(shared, 0, (bytes + rest) >>> 10);
      rest = (bytes + rest) & 1023;
    });
    return { ok: true, placed };
  } catch (error) {
    return { ok: false, error: toWire(error) };
  }
}
