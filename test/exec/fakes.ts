// Schedules and jobs for tests that run no model.

import type { CandidateJob } from "../../src/exec/executor.ts";
import type { DecoderBatch, Schedule } from "../../src/model/batch.ts";
import type { FakeConfig } from "./fake-worker.ts";

/** A schedule of `batches` batches with two targets each. */
export function fakeSchedule(batches: number): Schedule {
  const words = () => Int32Array.of(0, 1);
  const batch = (): DecoderBatch => ({
    rows: 1,
    columns: 2,
    tokens: words(),
    positions: words(),
    first: words(),
    last: words(),
    anchor: -1,
    scoreSlots: words(),
    targetRow: words(),
    targetToken: words(),
    keepsState: false,
  });
  return {
    anchors: [],
    batches: Array.from({ length: batches }, batch),
    groupEnds: Int32Array.from({ length: batches }, (_, batch) => batch + 1),
    generations: [],
    cost: { nodes: 0, paddingSlots: 0, naiveTokens: 0, computedPairs: 0, neededPairs: 0 },
  };
}

export function fakeJob(
  id: string,
  config: FakeConfig,
  workloads: CandidateJob["workloads"] = [{ name: "search", done: [] }],
): CandidateJob {
  return {
    id,
    plan: { models: [], tensors: [], seed: 0, compat: false, config: { ...config }, donor: "" },
    workloads,
  };
}

export const FAKE_WORKER = new URL("./fake-worker.ts", import.meta.url);
