// A connection with the four things that tables need of it: one row, many rows, a change, a transaction.
// SQLite's own errors leave it explained.

import { explained, type OpenDatabase } from "./database.ts";

/** What SQLite stores. */
export type Value = string | number | null | Buffer;

export class Store {
  readonly path: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly #open: OpenDatabase;

  constructor(path: string, open: OpenDatabase, now: () => number) {
    this.path = path;
    this.now = now;
    this.#open = open;
  }

  close(): void {
    if (this.#open.db.open) this.#explaining(() => this.#open.close());
  }

  one<Row>(sql: string, ...values: Value[]): Row | undefined {
    return this.#explaining(() => this.#open.db.prepare<Value[], Row>(sql).get(...values));
  }

  all<Row>(sql: string, ...values: Value[]): Row[] {
    return this.#explaining(() => this.#open.db.prepare<Value[], Row>(sql).all(...values));
  }

  /** Runs a statement and returns how many rows it changed. */
  change(sql: string, ...values: Value[]): number {
    return this.#explaining(() => this.#open.db.prepare<Value[]>(sql).run(...values).changes);
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

  #explaining<T>(step: () => T): T {
    try {
      return step();
    } catch (error) {
      throw explained(this.path, error);
    }
  }
}
