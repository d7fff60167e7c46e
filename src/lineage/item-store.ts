// What models have answered, item by item, for as long as the file is kept: nothing is scored twice. A scope is
// everything that makes numbers comparable but the item (model, tokenizer, types, engine), so two models never
// share a score. Work that was cut short keeps its batches and goes on with the same ones.

import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { canonicalJson, contentHash } from "../base/hash.ts";
import { ioError } from "../base/io-error.ts";
import type { Answer } from "../evals/item.ts";
import type { BatchResult } from "../model/batch.ts";
import { explained, type OpenDatabase, openShared } from "./database.ts";
import type { Identity } from "./identity.ts";
import { ITEM_STORE_FORMAT } from "./item-schema.ts";
import { type BatchRow, batchOf, batchValues } from "./records.ts";

/** An answer under the hash of what was asked. */
export interface AnswerRecord {
  readonly request: string;
  readonly answer: Answer;
}

/** What is left to compute of a list of requests, and how far it got. */
export interface Work {
  readonly key: string;
  /** Requests without an answer when the work began, in their order: the same ones after a restart. */
  readonly requests: readonly string[];
  /** Finished batches of the schedule that these requests give. */
  readonly batches: ReadonlyMap<number, BatchResult>;
}

/**
 * Opens a store for any number of processes, and makes it and its folder.
 * @throws TsmergeError `lineage` for a file of another program or a newer tsmerge, `io` for its folder
 */
export function openItemStore(path: string): ItemStore {
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (cause) {
    throw ioError("create", dirname(path), cause);
  }
  return new ItemStore(path, openShared(path, ITEM_STORE_FORMAT));
}

export class ItemStore {
  readonly path: string;
  readonly #open: OpenDatabase;

  constructor(path: string, open: OpenDatabase) {
    this.path = path;
    this.#open = open;
  }

  /** The answers of one scope. @param identity plain JSON; every difference in it is another scope */
  scope(identity: Identity): ScopedAnswers {
    const hash = contentHash(identity);
    const id = this.#step((db) => {
      db.prepare("INSERT INTO scope (hash, identity) VALUES (?, ?) ON CONFLICT DO NOTHING").run(
        hash,
        canonicalJson(identity),
      );
      return Number(db.prepare("SELECT id FROM scope WHERE hash = ?").pluck().get(hash));
    });
    return new ScopedAnswers(id, (step) => this.#step(step));
  }

  close(): void {
    if (this.#open.db.open) this.#open.close();
  }

  /** One transaction, that waits for its turn. */
  #step<T>(step: (db: OpenDatabase["db"]) => T): T {
    const { db } = this.#open;
    try {
      return db.transaction(() => step(db)).immediate();
    } catch (error) {
      throw explained(this.path, error);
    }
  }
}

type Step = <T>(step: (db: OpenDatabase["db"]) => T) => T;

/** Use ItemStore.scope. */
export class ScopedAnswers {
  readonly #scope: number;
  readonly #step: Step;

  constructor(scope: number, step: Step) {
    this.#scope = scope;
    this.#step = step;
  }

  /** The known answers among some requests. */
  known(requests: readonly string[]): Map<string, Answer> {
    return this.#step((db) => {
      const find = db.prepare<[number, string], AnswerRow>(
        "SELECT log_likelihoods, greedy, texts FROM answer WHERE scope = ? AND request = ?",
      );
      const known = new Map<string, Answer>();
      for (const request of requests) {
        const row = find.get(this.#scope, request);
        if (row !== undefined) known.set(request, answerOf(row));
      }
      return known;
    });
  }

  /**
   * Takes up what an earlier process left of the same requests, or begins with those that have no answer.
   * @param threads how the batches are computed: other threads give other last bits, and so other work
   */
  begin(requests: readonly string[], threads: number): Work {
    const key = contentHash({ requests, threads });
    const known = this.known(requests);
    const missing = requests.filter((request) => !known.has(request));
    if (missing.length === 0) {
      const done = { key, requests: [], batches: new Map() };
      this.finish(done);
      return done;
    }
    return this.#step((db) => {
      db.prepare("INSERT INTO work VALUES (?, ?, ?) ON CONFLICT DO NOTHING").run(
        ...[this.#scope, key, JSON.stringify(missing)],
      );
      const begun = db
        .prepare<[number, string], string>("SELECT requests FROM work WHERE scope = ? AND key = ?")
        .pluck()
        .get(this.#scope, key);
      const rows = db
        .prepare<[number, string], BatchRow>(
          "SELECT batch, log_probs, greedy, texts FROM work_batch WHERE scope = ? AND key = ? ORDER BY batch",
        )
        .all(this.#scope, key);
      return {
        key,
        requests: JSON.parse(begun!) as string[], // written above, by this process or an earlier one
        batches: new Map(rows.map((row) => [row.batch, batchOf(row)])),
      };
    });
  }

  /** Keeps finished batches of a work, and the answers they complete. What is there already stays. */
  record(
    { key }: Work,
    batches: ReadonlyMap<number, BatchResult>,
    answers: readonly AnswerRecord[],
  ): void {
    this.#step((db) => {
      const insert = db.prepare(
        "INSERT INTO work_batch VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
      );
      for (const [batch, result] of batches) {
        insert.run(this.#scope, key, batch, ...batchValues(result));
      }
      const keep = db.prepare("INSERT INTO answer VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");
      for (const { request, answer } of answers) {
        keep.run(this.#scope, request, ...answerValues(answer));
      }
    });
  }

  /** Forgets the batches of a work whose answers are all recorded. */
  finish({ key }: Work): void {
    this.#step((db) => {
      for (const table of ["work_batch", "work"]) {
        db.prepare(`DELETE FROM ${table} WHERE scope = ? AND key = ?`).run(this.#scope, key);
      }
    });
  }
}

interface AnswerRow {
  log_likelihoods: Buffer;
  greedy: Buffer;
  texts: string;
}

function answerOf({ log_likelihoods, greedy, texts }: AnswerRow): Answer {
  const bytes = Uint8Array.from(log_likelihoods); // copied: SQLite's bytes may lie at any alignment
  return {
    logLikelihoods: [...new Float64Array(bytes.buffer)],
    greedy: Array.from(greedy, (flag) => flag === 1),
    texts: JSON.parse(texts) as string[], // as answerValues wrote it
  };
}

function answerValues({ logLikelihoods, greedy, texts }: Answer): [Buffer, Buffer, string] {
  const numbers = Float64Array.from(logLikelihoods);
  return [
    Buffer.from(numbers.buffer),
    Buffer.from(greedy.map((flag) => (flag ? 1 : 0))),
    JSON.stringify(texts),
  ];
}
