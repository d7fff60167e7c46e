// Who computes the tensors of a merge to files: this thread alone, or (exec/merge-pool.ts) several threads.
// A crew decides nothing: execute.ts deals the tensors and keeps the files.

import type { TensorPlace } from "../../checkpoint/writer.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import type { MergePlan } from "../plan.ts";
import { openTensorMerger, type PlacedTensor } from "./tensor-merger.ts";
import { TENSORS_AT_ONCE } from "./tiles.ts";

export interface Crew {
  /** Tensors that may be in work at once. */
  readonly inWork: number;
  /** As TensorMerger.merge; up to `inWork` at once. */
  merge(index: number, place: TensorPlace): Promise<PlacedTensor>;
  /** MaskGenerator.state() after the last tensor; of meaning when one thread drew for all. */
  maskState(): readonly number[] | undefined;
  close(): Promise<void>;
}

export interface CrewOptions {
  /** Where an earlier merge stopped drawing. */
  readonly masks?: readonly number[];
  /** Is told of each tile that was computed. */
  readonly onBytes: (bytes: number) => void;
  readonly signal?: AbortSignal;
}

/** Starts the workers of one merge. Throws as openTensorMerger. */
export type HireCrew = (plan: MergePlan, options: CrewOptions) => Promise<Crew>;

/** A crew of one on the calling thread. */
export function soloCrew(kernel: Kernel): HireCrew {
  return async (plan, { masks, onBytes, signal }) => {
    const merger = await openTensorMerger(plan, kernel, masks === undefined ? {} : { masks });
    const report = (bytes: number) => {
      signal?.throwIfAborted();
      onBytes(bytes);
    };
    return {
      inWork: TENSORS_AT_ONCE,
      merge: (index, place) => merger.merge(index, place, report),
      maskState: () => merger.maskState(),
      close: () => merger.close(),
    };
  };
}
