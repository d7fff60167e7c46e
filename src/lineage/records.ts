// What the run reads and writes, as plain typed data, and how it lies in rows. No SQL here.

import type { WireError } from "../base/errors.ts";
import type { BatchResult } from "../model/batch.ts";
import type { Identity } from "./identity.ts";

export type Stage = "search" | "selection" | "report" | "finished";
export type CandidateKind = "search" | "baseline" | "shortlist";
export type CandidateStatus = "pending" | "running" | "done" | "failed";
export type Split = "search" | "selection" | "report";

export interface RunRecord {
  readonly identity: Identity;
  readonly identityHash: string;
  readonly environment: unknown;
  readonly budget: unknown;
  readonly stage: Stage;
  readonly createdMs: number;
  readonly updatedMs: number;
}

export interface GenerationRecord {
  readonly number: number;
  /** The strategy's state before its candidates are asked for: plain JSON. */
  readonly state: unknown;
}

/** A candidate as it is added. Its id is `searchId(generation, k)` or its label, and unique in the run. */
export interface NewCandidate {
  readonly kind: CandidateKind;
  /** For kind search only. */
  readonly position?: { readonly generation: number; readonly k: number };
  /** For the other kinds only, such as `parent:math`. */
  readonly label?: string;
  /** Gene units; baselines may lack one. */
  readonly genome?: readonly number[];
  /** Ids of candidates. */
  readonly parents: readonly string[];
  /** mergekit YAML. */
  readonly recipe: string;
  readonly recipeHash: string;
}

export interface Candidate extends NewCandidate {
  readonly id: string;
  readonly status: CandidateStatus;
  /** Attempts started, the running one included. */
  readonly attempts: number;
  /** Attempts during which the process died. */
  readonly deaths: number;
  /** For status done. */
  readonly fitness?: number;
  /** Items that the fitness is over; absent in runs of older versions. */
  readonly items?: number;
  /** The rung of a race that it was stopped after; absent: it had all items. */
  readonly stoppedAfter?: number;
  /** For status failed. */
  readonly error?: WireError;
  readonly mergeMs?: number;
  readonly scoreMs?: number;
}

export interface BatchRecord {
  readonly recipeHash: string;
  readonly workload: string;
  readonly batch: number;
  readonly result: BatchResult;
}

export interface ScoreRecord {
  readonly recipeHash: string;
  readonly split: Split;
  readonly task: string;
  readonly metric: string;
  /** Items. */
  readonly n: number;
  readonly value: number;
  readonly stderr?: number;
  /** Ends of the 95 % interval. */
  readonly low?: number;
  readonly high?: number;
}

/** The id of the k-th candidate of a generation, such as `3.07`: text order is order of k below 100. */
export function searchId(generation: number, k: number): string {
  return `${generation}.${String(k).padStart(2, "0")}`;
}

export interface CandidateRow {
  id: string;
  kind: CandidateKind;
  generation: number | null;
  k: number | null;
  label: string | null;
  genome: string | null;
  parents: string;
  recipe: string;
  recipe_hash: string;
  status: CandidateStatus;
  attempts: number;
  deaths: number;
  fitness: number | null;
  items: number | null;
  stopped_after: number | null;
  error: string | null;
  merge_ms: number | null;
  score_ms: number | null;
}

export function candidateOf(row: CandidateRow): Candidate {
  const { generation, k, label, genome, fitness, error } = row;
  return {
    id: row.id,
    kind: row.kind,
    ...(generation === null || k === null ? {} : { position: { generation, k } }),
    ...(label === null ? {} : { label }),
    ...(genome === null ? {} : { genome: JSON.parse(genome) }),
    parents: JSON.parse(row.parents),
    recipe: row.recipe,
    recipeHash: row.recipe_hash,
    status: row.status,
    attempts: row.attempts,
    deaths: row.deaths,
    ...(fitness === null ? {} : { fitness }),
    ...(row.items === null ? {} : { items: row.items }),
    ...(row.stopped_after === null ? {} : { stoppedAfter: row.stopped_after }),
    ...(error === null ? {} : { error: JSON.parse(error) }),
    ...(row.merge_ms === null ? {} : { mergeMs: row.merge_ms }),
    ...(row.score_ms === null ? {} : { scoreMs: row.score_ms }),
  };
}

export interface ScoreRow {
  recipe_hash: string;
  split: Split;
  task: string;
  metric: string;
  n: number;
  value: number;
  stderr: number | null;
  low: number | null;
  high: number | null;
}

export function scoreOf(row: ScoreRow): ScoreRecord {
  const { split, task, metric, n, value, stderr, low, high } = row;
  return {
    recipeHash: row.recipe_hash,
    ...{ split, task, metric, n, value },
    ...(stderr === null ? {} : { stderr }),
    ...(low === null ? {} : { low }),
    ...(high === null ? {} : { high }),
  };
}

/** A batch's result as it lies in a row. */
export interface BatchRow {
  batch: number;
  log_probs: Buffer;
  greedy: Buffer;
  texts: string | null;
}

/** The values of a row, for binding: log_probs, greedy, texts. Typed arrays are not copied. */
export function batchValues({ logProbs, greedy, texts }: BatchResult) {
  const blobs = [logProbs, greedy].map(({ buffer, byteOffset, byteLength }) =>
    Buffer.from(buffer, byteOffset, byteLength),
  );
  return [...blobs, texts === undefined ? null : JSON.stringify(texts)];
}

/** The result of a row; copied, since SQLite's bytes may lie at any alignment. */
export function batchOf({ log_probs, greedy, texts }: BatchRow): BatchResult {
  const bytes = Uint8Array.from(log_probs);
  return {
    logProbs: new Float32Array(bytes.buffer),
    greedy: Uint8Array.from(greedy),
    ...(texts === null ? {} : { texts: JSON.parse(texts) }),
  };
}
