// What is known of recipes: raw batch results, from which every score can be computed again, and the
// scores themselves. Keyed by recipe hash, so no candidate pays for what another has computed.

import type { BatchResult } from "../model/batch.ts";
import {
  type BatchRecord,
  type BatchRow,
  batchOf,
  batchValues,
  type ScoreRecord,
  type ScoreRow,
  type Split,
  scoreOf,
} from "./records.ts";
import type { Store } from "./store.ts";

/** The task name of a score over all tasks. */
export const WHOLE_RUN = "";
/** The metric of the run's own score over all tasks. */
export const FITNESS = "fitness";

export class ResultTable {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Appends finished batches in one transaction; one that is recorded already stays. */
  recordBatches(records: readonly BatchRecord[]): void {
    const sql = "INSERT INTO batch_result VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
    this.#store.transaction(() => {
      for (const { recipeHash, workload, batch, result } of records) {
        this.#store.change(sql, recipeHash, workload, batch, ...batchValues(result));
      }
    });
  }

  /** Batches of a workload that are known for a recipe, ascending. */
  completedBatches(recipeHash: string, workload: string): number[] {
    const rows = this.#store.all<{ batch: number }>(
      "SELECT batch FROM batch_result WHERE recipe_hash = ? AND workload = ? ORDER BY batch",
      ...[recipeHash, workload],
    );
    return rows.map(({ batch }) => batch);
  }

  /** The results behind `completedBatches`, by batch. */
  batches(recipeHash: string, workload: string): Map<number, BatchResult> {
    const rows = this.#store.all<BatchRow>(
      `SELECT batch, log_probs, greedy, texts FROM batch_result WHERE recipe_hash = ? AND workload = ?
       ORDER BY batch`,
      ...[recipeHash, workload],
    );
    return new Map(rows.map((row) => [row.batch, batchOf(row)]));
  }

  /** Stores scores; one of the same recipe, split, task and metric is replaced. */
  putScores(scores: readonly ScoreRecord[]): void {
    const sql = "INSERT OR REPLACE INTO score VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    this.#store.transaction(() => {
      for (const { recipeHash, split, task, metric, n, value, stderr, low, high } of scores) {
        const interval = [stderr ?? null, low ?? null, high ?? null];
        this.#store.change(sql, recipeHash, split, task, metric, n, value, ...interval);
      }
    });
  }

  /** Scores, narrowed by either filter, in the order of their keys. */
  scores(filter: { recipeHash?: string; split?: Split } = {}): ScoreRecord[] {
    const rows = this.#store.all<ScoreRow>(
      `SELECT * FROM score WHERE recipe_hash = ifnull(?, recipe_hash) AND split = ifnull(?, split)
       ORDER BY recipe_hash, split, task, metric`,
      ...[filter.recipeHash ?? null, filter.split ?? null],
    );
    return rows.map(scoreOf);
  }

  /** A recipe's fitness on a split: the score that belongs to no single task. */
  fitness(recipeHash: string, split: Split): ScoreRecord | undefined {
    return this.scores({ recipeHash, split }).find(
      ({ task, metric }) => task === WHOLE_RUN && metric === FITNESS,
    );
  }
}
