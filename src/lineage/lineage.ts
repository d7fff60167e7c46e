// The record of one run: every transition of the search is one method and one transaction, durable when
// it returns. Not a cache and not a log: a killed run continues from this alone.

import { TsmergeError } from "../base/errors.ts";
import { canonicalJson, contentHash } from "../base/hash.ts";
import { CandidateTable } from "./candidates.ts";
import { openForReading, openForWriting } from "./database.ts";
import { type Identity, otherRun } from "./identity.ts";
import type { GenerationRecord, RunRecord, Stage } from "./records.ts";
import { ResultTable } from "./results.ts";
import { Store } from "./store.ts";

export interface LineageOptions {
  /** Reads beside a writer; every writing method then throws. */
  readonly readonly?: boolean;
  /** Milliseconds since 1970; injected by tests. */
  readonly now?: () => number;
}

/**
 * Opens the database of a run, and makes it when writing.
 * @throws TsmergeError `lineage`: missing (reading), written by another process, foreign, newer, unreadable
 */
export function openLineage(path: string, options: LineageOptions = {}): Lineage {
  const open = options.readonly ? openForReading(path) : openForWriting(path);
  return new Lineage(new Store(path, open, options.now ?? Date.now));
}

export class Lineage {
  readonly candidates: CandidateTable;
  readonly results: ResultTable;
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
    this.candidates = new CandidateTable(store);
    this.results = new ResultTable(store);
  }

  /** Leaves one file that may be copied. Using a closed lineage throws. */
  close(): void {
    this.#store.close();
  }

  /** Joins several transitions into one: all happen, or none. */
  transaction<T>(transitions: () => T): T {
    return this.#store.transaction(transitions);
  }

  /** The run, or undefined in a database that was made a moment ago. */
  run(): RunRecord | undefined {
    const row = this.#store.one<RunRow>("SELECT * FROM run");
    if (row === undefined) return undefined;
    return {
      identity: JSON.parse(row.identity),
      identityHash: row.identity_hash,
      environment: JSON.parse(row.environment),
      budget: JSON.parse(row.budget),
      stage: row.stage,
      createdMs: row.created_ms,
      updatedMs: row.updated_ms,
    };
  }

  /**
   * Begins the run, or continues it if its identity is the same; the environment and the budget become
   * this command's. All three are plain JSON.
   * @throws TsmergeError `lineage` if the recorded identity differs, naming every difference
   */
  begin(run: { identity: Identity; environment: unknown; budget: unknown }): "created" | "resumed" {
    const identityHash = contentHash(run.identity);
    const [environment, budget] = [canonicalJson(run.environment), canonicalJson(run.budget)];
    return this.#store.transaction(() => {
      const recorded = this.run();
      if (recorded === undefined) {
        const now = this.#store.now();
        this.#store.change(
          "INSERT INTO run VALUES (1, ?, ?, ?, ?, 'search', ?, ?)",
          ...[canonicalJson(run.identity), identityHash, environment, budget, now, now],
        );
        return "created";
      }
      if (recorded.identityHash !== identityHash) {
        throw otherRun(this.#store.path, recorded.identity, run.identity);
      }
      this.#store.change("UPDATE run SET environment = ?, budget = ?", environment, budget);
      return "resumed";
    });
  }

  /** Which part of the run comes next; back to `search` when a larger budget extends a finished run. */
  setStage(stage: Stage): void {
    this.#store.transaction(() => this.#store.change("UPDATE run SET stage = ?", stage));
  }

  /** Stores the strategy's initial state as generation 0; nothing happens if there is a generation already. */
  beginSearch(state: unknown): void {
    this.#store.transaction(() =>
      this.#store.change(
        "INSERT INTO generation SELECT 0, ?, ? WHERE NOT EXISTS (SELECT 1 FROM generation)",
        ...[JSON.stringify(state), this.#store.now()],
      ),
    );
  }

  /**
   * Ends generation `number` and begins the next one with the state after telling.
   * @throws TsmergeError `internal` unless it is the current one and all its candidates are done or failed
   */
  tellGeneration(number: number, state: unknown): void {
    this.#store.transaction(() => {
      const current = this.currentGeneration()?.number;
      const open = this.candidates
        .list({ generation: number })
        .find(({ status }) => status === "pending" || status === "running");
      if (current !== number || open !== undefined) {
        const reason = open
          ? `candidate ${open.id} is ${open.status}`
          : `${current} is the current`;
        throw new TsmergeError("internal", `generation ${number} cannot be told: ${reason}`);
      }
      this.#store.change(
        "INSERT INTO generation VALUES (?, ?, ?)",
        ...[number + 1, JSON.stringify(state), this.#store.now()],
      );
    });
  }

  /** The generation that is being asked or evaluated: the newest; undefined before the first. */
  currentGeneration(): GenerationRecord | undefined {
    const sql = "SELECT number, state FROM generation ORDER BY number DESC LIMIT 1";
    const row = this.#store.one<GenerationRow>(sql);
    return row && { number: row.number, state: JSON.parse(row.state) };
  }

  /** Every generation with its state, ascending. */
  generations(): GenerationRecord[] {
    const rows = this.#store.all<GenerationRow>(
      "SELECT number, state FROM generation ORDER BY number",
    );
    return rows.map((row) => ({ number: row.number, state: JSON.parse(row.state) }));
  }

  /** Stores what a later stage concluded, as plain JSON under a name; replaces an older value. */
  putFinding(name: string, value: unknown): void {
    const sql = "INSERT OR REPLACE INTO finding VALUES (?, ?)";
    this.#store.transaction(() => this.#store.change(sql, name, JSON.stringify(value)));
  }

  /** The finding of a name, or undefined. */
  finding(name: string): unknown {
    const sql = "SELECT value FROM finding WHERE name = ?";
    const row = this.#store.one<{ value: string }>(sql, name);
    return row && JSON.parse(row.value);
  }
}

interface RunRow {
  identity: string;
  identity_hash: string;
  environment: string;
  budget: string;
  stage: Stage;
  created_ms: number;
  updated_ms: number;
}

interface GenerationRow {
  number: number;
  state: string;
}
