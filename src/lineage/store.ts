// A connection with the four things that tables need of it: one row, many rows, a change, a transaction.
// SQLite's own errors leave it explained.

import type Database from "better-sqlite3";
import { explained, type OpenDatabase } from "./database.ts";

/** What SQLite stores. */
export type Value = string | number | null | Buffer;

type Statement = Database.Statement<Value[], unknown>;

export class Store {
  readonly path: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly #open: OpenDatabase;
  /** By their text: a search runs the same few thousands of times. */
  readonly #statements = new Map<string, Statement>();

  constructor(path: string, open: OpenDatabase, now: () => number) {
    this.path = path;
    this.now = now;
    this.#open = open;
  }

  close(): void {
    if (this.#open.db.open) this.#explaining(() => this.#open.close());
  }

  one<Row>(sql: string, ...values: Value[]): Row | undefined {
    // the caller says what it selects
    return this.#explaining(() => this.#statement(sql).get(...values) as Row | undefined);
  }

  all<Row>(sql: string, ...values: Value[]): Row[] {
    // as above
    return this.#explaining(() => this.#statement(sql).all(...values) as Row[]);
  }

  /** Runs a statement and returns how many rows it changed. */
  change(sql: string, ...values: Value[]): number {
    return this.#explaining(() => this.#statement(sql).run(...values).changes);
  }

  /** All or nothing, on disk when it returns; dates the run. One inside another joins it. */
  transaction<T>(transition: () => T): T {
    const whole = this.#open.db.transaction(() => {
      const result = transition();
      this.change("UPDATE run SET updated_ms = ?", this.now());
      return result;
    });
    return this.#explaining(() => whole.immediate());
  }

  #statement(sql: string): Statement {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const made = this.#open.db.prepare<Value[], unknown>(sql);
    this.#statements.set(sql, made);
    return made;
  }

  #explaining<T>(step: () => T): T {
    try {
      return step();
    } catch (error) {
      throw explained(this.path, error);
    }
  }
}
