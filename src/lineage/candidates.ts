// Candidates and their life: pending, running, done or failed. A candidate is one scoring of one recipe;
// scoring a recipe again on other items is another candidate (kind shortlist, label `selection:3.07`).

import { TsmergeError, toWire, type WireError } from "../base/errors.ts";
import {
  type Candidate,
  type CandidateKind,
  type CandidateRow,
  type CandidateStatus,
  candidateOf,
  type NewCandidate,
  searchId,
} from "./records.ts";
import type { Store, Value } from "./store.ts";

/** What a candidate finishes with. */
export interface Outcome {
  readonly fitness: number;
  /** That the fitness is over. */
  readonly items?: number;
  /** The rung of a race that it was stopped after, unless it had all items. */
  readonly stoppedAfter?: number | undefined;
  readonly timings?: Timings;
}

/** Milliseconds of one attempt; those of a race's portions add up. */
export interface Timings {
  readonly mergeMs: number;
  readonly scoreMs: number;
}

/** Attempts that may end in the death of the process before the candidate is given up. */
const MAX_DEATHS = 2;

export class CandidateTable {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * Adds candidates as pending; those already there stay as they are.
   * @returns their ids
   * @throws TsmergeError `lineage` if one is there with another recipe: asking was not repeatable
   */
  add(candidates: readonly NewCandidate[]): string[] {
    return this.#store.transaction(() => candidates.map((candidate) => this.#addOne(candidate)));
  }

  #addOne(candidate: NewCandidate): string {
    const { kind, position, label, genome, parents, recipe, recipeHash } = candidate;
    const id = position ? searchId(position.generation, position.k) : label;
    if (id === undefined) {
      throw new TsmergeError("internal", "a candidate has no position or label");
    }
    const known = this.get(id);
    if (known === undefined) {
      this.#store.change(
        `INSERT INTO candidate (id, kind, generation, k, label, genome, parents, recipe, recipe_hash)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        ...[id, kind, position?.generation ?? null, position?.k ?? null, label ?? null],
        ...[genome ? JSON.stringify(genome) : null, JSON.stringify(parents), recipe, recipeHash],
      );
    } else if (known.recipeHash !== recipeHash) {
      throw new TsmergeError(
        "lineage",
        `candidate ${id} came out with another recipe than recorded`,
        {
          where: this.#store.path,
          hint: "resume with the tsmerge version that began the run, or begin a new one",
        },
      );
    }
    return id;
  }

  get(id: string): Candidate | undefined {
    const row = this.#store.one<CandidateRow>("SELECT * FROM candidate WHERE id = ?", id);
    return row && candidateOf(row);
  }

  /** Candidates, narrowed by any of the filters: labelled ones as added, then the search's as asked. */
  list(
    filter: { kind?: CandidateKind; generation?: number; status?: CandidateStatus } = {},
  ): Candidate[] {
    const { kind = null, generation = null, status = null } = filter;
    const rows = this.#store.all<CandidateRow>(
      `SELECT * FROM candidate WHERE kind = ifnull(?, kind) AND status = ifnull(?, status)
       AND (? IS NULL OR generation = ?) ORDER BY generation, k, rowid`,
      ...[kind, status, generation, generation],
    );
    return rows.map(candidateOf);
  }

  /** How many candidates of a kind have each status. */
  counts(kind: CandidateKind = "search"): Record<CandidateStatus, number> {
    const sql = "SELECT status, count(*) AS n FROM candidate WHERE kind = ? GROUP BY status";
    const counts = { pending: 0, running: 0, done: 0, failed: 0 };
    for (const { status, n } of this.#store.all<{ status: CandidateStatus; n: number }>(
      sql,
      kind,
    )) {
      counts[status] = n;
    }
    return counts;
  }

  /** The first done or failed candidate of the kind with this recipe: its outcome holds for all. */
  settledTwin(recipeHash: string, kind: CandidateKind = "search"): Candidate | undefined {
    const row = this.#store.one<CandidateRow>(
      `SELECT * FROM candidate WHERE recipe_hash = ? AND kind = ? AND status IN ('done', 'failed')
       ORDER BY generation, k, rowid LIMIT 1`,
      ...[recipeHash, kind],
    );
    return row && candidateOf(row);
  }

  /** How many of the search's candidates a race has stopped. */
  stopped(): number {
    const sql = "SELECT count(*) AS n FROM candidate WHERE stopped_after IS NOT NULL";
    return this.#store.one<{ n: number }>(sql)!.n;
  }

  /** Items that the search's candidates of earlier generations were scored on, in all. */
  itemsBefore(generation: number): number {
    const sql = `SELECT ifnull(sum(items), 0) AS n FROM candidate
                 WHERE kind = 'search' AND generation < ?`;
    return this.#store.one<{ n: number }>(sql, generation)!.n;
  }

  /** Done search candidates that no race stopped, best first, the earlier first among equals. */
  best(limit = 1): Candidate[] {
    const rows = this.#store.all<CandidateRow>(
      `SELECT * FROM candidate WHERE kind = 'search' AND status = 'done' AND stopped_after IS NULL
       ORDER BY fitness DESC, generation, k LIMIT ?`,
      limit,
    );
    return rows.map(candidateOf);
  }

  /** Marks a pending candidate running and counts the attempt: call it before the attempt starts. */
  start(id: string): void {
    this.#move(
      id,
      `UPDATE candidate SET status = 'running', attempts = attempts + 1, started_ms = ?
       WHERE id = ? AND status = 'pending'`,
      ...[this.#store.now(), id],
    );
  }

  /** Between two portions of a race: a running candidate waits for the others. */
  wait(id: string, timings: Timings): void {
    this.#addTimings(id, timings);
    const sql = "UPDATE candidate SET status = 'pending' WHERE id = ? AND status = 'running'";
    this.#move(id, sql, id);
  }

  /**
   * A candidate's fitness, higher is better. A pending one may finish too: its recipe was known.
   * @throws TsmergeError `numeric` for a fitness that is not finite: such a candidate has failed
   */
  finish(id: string, outcome: Outcome): void {
    const { fitness, items = null, stoppedAfter = null, timings } = outcome;
    if (!Number.isFinite(fitness)) {
      throw new TsmergeError("numeric", `the fitness of candidate ${id} is ${fitness}`, {
        hint: "a candidate without a finite fitness is recorded as failed",
      });
    }
    if (timings !== undefined) this.#addTimings(id, timings);
    this.#move(
      id,
      `UPDATE candidate SET status = 'done', fitness = ?, items = ?, stopped_after = ?, ended_ms = ?
       WHERE id = ? AND status IN ('pending', 'running')`,
      ...[fitness, items, stoppedAfter, this.#store.now(), id],
    );
  }

  #addTimings(id: string, { mergeMs, scoreMs }: Timings): void {
    this.#store.change(
      `UPDATE candidate SET merge_ms = ifnull(merge_ms, 0) + ?, score_ms = ifnull(score_ms, 0) + ?
       WHERE id = ?`,
      ...[mergeMs, scoreMs, id],
    );
  }

  /** Records why a candidate has no fitness; it ranks last. */
  fail(id: string, error: WireError): void {
    this.#move(
      id,
      `UPDATE candidate SET status = 'failed', error = ?, ended_ms = ?
       WHERE id = ? AND status IN ('pending', 'running')`,
      ...[JSON.stringify(error), this.#store.now(), id],
    );
  }

  /**
   * Call once when a process takes the run up: what was running is pending again, and keeps its batches.
   * If the previous process died by itself (`death`, such as `SIGABRT`; undefined when it was stopped or
   * nothing is known), each candidate that was running counts a death, and fails at MAX_DEATHS.
   * @returns those given up, and the suspects: pending with a death. Run suspects alone, or a bystander of
   * the next death is given up with the culprit.
   */
  takeUp(death: string | undefined): { failed: string[]; suspects: string[] } {
    const died = death === undefined ? 0 : 1;
    return this.#store.transaction(() => {
      const running = this.list({ status: "running" });
      const sql = "UPDATE candidate SET status = 'pending', deaths = deaths + ? WHERE id = ?";
      for (const { id } of running) this.#store.change(sql, died, id);
      const given = running.filter(({ deaths }) => deaths + died >= MAX_DEATHS).map(({ id }) => id);
      for (const id of given) {
        const message = `the process died ${MAX_DEATHS} times while it ran, the last time by ${death}`;
        this.fail(id, toWire(new TsmergeError("internal", message)));
      }
      const suspects = this.list({ status: "pending" }).filter(({ deaths }) => deaths > 0);
      return { failed: given, suspects: suspects.map(({ id }) => id) };
    });
  }

  /** Those among some ids that failed are pending again, and no death is held against them. */
  retry(ids: readonly string[]): void {
    const sql = `UPDATE candidate SET status = 'pending', error = NULL, deaths = 0, ended_ms = NULL
                 WHERE id = ? AND status = 'failed'`;
    this.#store.transaction(() => {
      for (const id of ids) this.#store.change(sql, id);
    });
  }

  /** A transition from a status it is allowed from; from any other it is a bug of the caller. */
  #move(id: string, sql: string, ...values: Value[]): void {
    this.#store.transaction(() => {
      if (this.#store.change(sql, ...values) === 1) return;
      const status = this.get(id)?.status ?? "unknown";
      throw new TsmergeError(
        "internal",
        `candidate ${id} is ${status}: it cannot be moved on from there`,
      );
    });
  }
}
