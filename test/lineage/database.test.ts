// The file itself: whose it is, which version, who may write it, what it refuses to store.

import assert from "node:assert/strict";
import { copyFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import Database from "better-sqlite3";
import { TsmergeError } from "../../src/base/errors.ts";
import { notLoaded, openForReading, openForWriting } from "../../src/lineage/database.ts";
import { openLineage } from "../../src/lineage/lineage.ts";
import { APPLICATION_ID, MIGRATIONS } from "../../src/lineage/schema.ts";
import { temporaryFolder } from "./folder.ts";
import { search } from "./toy.ts";

function databasePath(t: TestContext): string {
  return join(temporaryFolder(t), "run.db");
}

/** Expects a TsmergeError of code `lineage` that tells what to do. */
function refusal(message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof TsmergeError, String(error));
    assert.equal(error.code, "lineage");
    assert.match(error.message, message);
    assert.ok(error.hint, "no hint");
    return true;
  };
}

test("a new file is ours, in this version, with a durable log", (t) => {
  const { db, close } = openForWriting(databasePath(t));
  const pragma = (name: string) => db.pragma(name, { simple: true });
  assert.equal(pragma("application_id"), APPLICATION_ID);
  assert.equal(pragma("user_version"), MIGRATIONS.length);
  assert.equal(pragma("journal_mode"), "wal");
  assert.equal(pragma("synchronous"), 2);
  assert.equal(pragma("foreign_keys"), 1);
  const loose = db
    .prepare("SELECT name FROM pragma_table_list WHERE schema = 'main' AND strict = 0")
    .pluck()
    .all();
  assert.deepEqual(loose, ["sqlite_schema"]);
  close();
});

test("columns refuse values of another type, and states that cannot be", (t) => {
  const path = databasePath(t);
  const lineage = openLineage(path);
  search(lineage, () => {});
  lineage.close();
  const { db, close } = openForWriting(path);
  const refused = (sql: string, code: string) =>
    assert.throws(
      () => db.exec(sql),
      (error) => error instanceof Database.SqliteError && error.code === code,
      sql,
    );
  refused("UPDATE candidate SET fitness = 'high'", "SQLITE_CONSTRAINT_DATATYPE");
  refused("UPDATE candidate SET attempts = 1.5", "SQLITE_CONSTRAINT_DATATYPE");
  refused("UPDATE batch_result SET log_probs = 'text'", "SQLITE_CONSTRAINT_DATATYPE");
  refused("UPDATE candidate SET status = 'paused'", "SQLITE_CONSTRAINT_CHECK");
  refused("UPDATE candidate SET status = 'failed'", "SQLITE_CONSTRAINT_CHECK");
  refused("UPDATE candidate SET fitness = NULL", "SQLITE_CONSTRAINT_CHECK");
  refused("UPDATE candidate SET genome = '[1, 2'", "SQLITE_CONSTRAINT_CHECK");
  refused("UPDATE batch_result SET greedy = x'00'", "SQLITE_CONSTRAINT_CHECK");
  refused("UPDATE candidate SET generation = 99 WHERE id = '0.00'", "SQLITE_CONSTRAINT_FOREIGNKEY");
  refused(
    "INSERT INTO run SELECT 2, identity, '', '{}', '{}', 'search', 0, 0 FROM run",
    "SQLITE_CONSTRAINT_CHECK",
  );
  close();
});

test("an older file is brought up to date, each step in a transaction of its own", (t) => {
  const path = databasePath(t);
  const older = openLineage(path);
  search(older, () => {});
  older.close();

  const added = "ALTER TABLE run ADD COLUMN note TEXT; UPDATE run SET note = 'migrated';";
  const broken = "ALTER TABLE run ADD COLUMN half TEXT; SELECT * FROM nowhere;";
  assert.throws(() => openForWriting(path, [...MIGRATIONS, added, broken]), refusal(/nowhere/));
  const { db, close } = openForWriting(path, [...MIGRATIONS, added]);
  assert.equal(db.pragma("user_version", { simple: true }), MIGRATIONS.length + 1);
  assert.deepEqual(db.prepare("SELECT note FROM run").pluck().all(), ["migrated"]);
  assert.equal(db.prepare("SELECT count(*) FROM candidate").pluck().get(), 12);
  close();
  assert.throws(() => openLineage(path), refusal(/newer tsmerge/));
  assert.throws(() => openForReading(path), refusal(/newer tsmerge/));
});

test("an older file is not changed by reading it", (t) => {
  const path = databasePath(t);
  const db = new Database(path);
  db.pragma(`application_id = ${APPLICATION_ID}`);
  db.close();
  assert.throws(() => openForReading(path), refusal(/older tsmerge \(format 0\)/));
});

test("another program's database and a file that is none are left alone", (t) => {
  const folder = temporaryFolder(t);
  const foreign = join(folder, "foreign.db");
  const db = new Database(foreign);
  db.exec("CREATE TABLE thing (x)");
  db.close();
  assert.throws(() => openLineage(foreign), refusal(/another program/));
  const text = join(folder, "text.db");
  writeFileSync(text, "not a database ".repeat(100));
  assert.throws(() => openLineage(text), refusal(/SQLITE_NOTADB/));
});

test("a missing file or folder is named", (t) => {
  const path = databasePath(t);
  assert.throws(() => openLineage(path, { readonly: true }), refusal(/SQLITE_CANTOPEN/));
  assert.throws(() => openLineage(join(path, "deeper.db")), refusal(/folder does not exist/));
});

test("a native module that does not load is answered with the command that mends it", () => {
  const error = notLoaded("run.db", new Error("Could not locate the bindings file. Tried:\n → …"));
  assert.match(error.message, /better-sqlite3 does not load: Could not locate the bindings file/);
  assert.match(error.hint!, /^npm rebuild better-sqlite3/);
});

test("one process writes, others read meanwhile", (t) => {
  const path = databasePath(t);
  const writer = openLineage(path);
  search(writer, () => {});
  const reader = openLineage(path, { readonly: true });
  assert.equal(reader.candidates.counts().done, 12);
  assert.throws(() => reader.setStage("search"), refusal(/SQLITE_READONLY/));
  reader.close();
  assert.throws(() => openForWriting(path, MIGRATIONS, 10), refusal(/another process is writing/));
  writer.close();
  openLineage(path).close();
});

test("a closed run is one file that can be copied", (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, "run.db");
  const lineage = openLineage(path);
  search(lineage, () => {});
  lineage.close();
  lineage.close();
  assert.throws(() => lineage.run(), /not open/);
  assert.deepEqual(readdirSync(folder), ["run.db", "run.db-lock"]);
  const copy = join(folder, "copy.db");
  copyFileSync(path, copy);
  const reader = openLineage(copy, { readonly: true });
  assert.equal(reader.candidates.counts().done, 12);
  reader.close();
});
