// Opens SQLite files of ours: pragmas, ownership, migrations, and errors that say what to do. Knows nothing of
// what they hold. A run has one writer and its commits are on disk; a shared file has many, and its commits
// survive the death of a process.

import Database from "better-sqlite3";
import { TsmergeError } from "../base/errors.ts";
import { type Format, MIGRATIONS, RUN_FORMAT } from "./schema.ts";

export interface OpenDatabase {
  readonly db: Database.Database;
  /** Checkpoints the log into the file, so that it may be copied alone, and closes it. */
  close(): void;
}

/** How long a writer waits for another one: a process whose supervisor was killed needs a moment to go. */
const LOCK_TIMEOUT_MS = 5000;

/**
 * Opens an existing database for reading, beside a writer if there is one.
 * @throws TsmergeError `lineage` if there is none, it is another program's or of another version
 */
export function openForReading(path: string): OpenDatabase {
  const db = opened(path, path, { readonly: true, fileMustExist: true });
  return guarded(path, db, () => {
    const version = checkedVersion(path, db, RUN_FORMAT);
    if (version < MIGRATIONS.length) {
      throw new TsmergeError(
        "lineage",
        `the run was recorded by an older tsmerge (format ${version})`,
        {
          where: path,
          hint: "continue the run once with its own command: that brings the file up to date",
        },
      );
    }
    return { db, close: () => db.close() };
  });
}

/**
 * Opens a database for writing, makes it if missing, and brings it up to date.
 * @throws TsmergeError `lineage` if another process writes it, or it is another program's or newer
 */
export function openForWriting(
  path: string,
  migrations = MIGRATIONS,
  lockTimeoutMs = LOCK_TIMEOUT_MS,
): OpenDatabase {
  const lock = lockedFor(path, lockTimeoutMs);
  let db: Database.Database;
  try {
    db = opened(path, path, {});
  } catch (error) {
    lock.close();
    throw error;
  }
  const release = () => {
    db.close();
    lock.close();
  };
  return guarded(path, { close: release }, () => {
    prepare(path, db, { ...RUN_FORMAT, migrations }, "FULL");
    return {
      db,
      close: () => {
        try {
          db.pragma("wal_checkpoint(TRUNCATE)");
        } finally {
          release();
        }
      },
    };
  });
}

/**
 * Opens a file that several processes write in turns, makes it if missing, and brings it up to date.
 * @throws TsmergeError `lineage` if it is another program's or newer, or cannot be written
 */
export function openShared(path: string, format: Format): OpenDatabase {
  const db = opened(path, path, { timeout: LOCK_TIMEOUT_MS });
  return guarded(path, db, () => {
    prepare(path, db, format, "NORMAL");
    return { db, close: () => db.close() };
  });
}

/** The pragmas and the tables of a format. */
function prepare(
  path: string,
  db: Database.Database,
  format: Format,
  synchronous: "FULL" | "NORMAL",
): void {
  checkedVersion(path, db, format);
  const mode = db.pragma("journal_mode = WAL", { simple: true });
  if (mode !== "wal") throw noLog(path);
  db.pragma(`synchronous = ${synchronous}`);
  db.pragma("foreign_keys = ON");
  migrate(db, format);
}

/** Runs each migration the database lacks in a transaction of its own. */
function migrate(db: Database.Database, { applicationId, migrations }: Format): void {
  for (let version = versionOf(db); version < migrations.length; version++) {
    db.transaction(() => {
      if (versionOf(db) !== version) return; // another process was first
      db.exec(migrations[version]!);
      db.pragma(`application_id = ${applicationId}`);
      db.pragma(`user_version = ${version + 1}`);
    }).immediate();
  }
}

/** The format's version, 0 for an empty file; refuses what is not of this format and what is newer. */
function checkedVersion(path: string, db: Database.Database, format: Format): number {
  const version = versionOf(db);
  const known = format.migrations.length;
  const owner = db.pragma("application_id", { simple: true });
  const empty = db.prepare("SELECT count(*) FROM sqlite_schema").pluck().get() === 0;
  if (owner !== format.applicationId && !(empty && version === 0 && owner === 0)) {
    throw new TsmergeError("lineage", "the file is an SQLite database of another program", {
      where: path,
      hint: `choose another ${format.place}`,
    });
  }
  if (version > known) {
    throw new TsmergeError(
      "lineage",
      `the ${format.content} was recorded by a newer tsmerge (format ${version}, this one knows ${known})`,
      { where: path, hint: "upgrade tsmerge: npm install tsmerge@latest" },
    );
  }
  return version;
}

function versionOf(db: Database.Database): number {
  return Number(db.pragma("user_version", { simple: true }));
}

/**
 * A lock that dies with its process: an open exclusive transaction on an empty file beside the database.
 * WAL itself only locks each transaction, and two searches taking turns in one file would ruin it.
 */
function lockedFor(path: string, timeout: number): { close(): void } {
  const lock = opened(path, `${path}-lock`, { timeout });
  return guarded(path, lock, () => {
    lock.pragma("journal_mode = MEMORY"); // no second file for a transaction that writes nothing
    lock.exec("BEGIN EXCLUSIVE");
    return lock;
  });
}

function opened(path: string, file: string, options: Database.Options): Database.Database {
  try {
    return new Database(file, options);
  } catch (error) {
    if (error instanceof Database.SqliteError) throw explained(path, error);
    throw notLoaded(path, error);
  }
}

/** Runs the rest of an opening; if it throws, closes what was open and explains the error. */
function guarded<T>(path: string, open: { close(): void }, rest: () => T): T {
  try {
    return rest();
  } catch (error) {
    open.close();
    throw explained(path, error);
  }
}

/** What an error of SQLite means to the person at the terminal; any other error is returned as it is. */
export function explained(path: string, error: unknown): unknown {
  if (!(error instanceof Database.SqliteError)) return error;
  const { code } = error;
  const refusal = (message: string, hint: string) =>
    new TsmergeError("lineage", message, { where: path, hint, cause: error });
  if (code.startsWith("SQLITE_BUSY")) {
    return refusal(
      "another process is writing this file",
      "wait for it or stop it; commands that only read, such as `tsmerge show`, work meanwhile",
    );
  }
  if (code.startsWith("SQLITE_IOERR_SHM") || code === "SQLITE_PROTOCOL") return noLog(path, error);
  if (code === "SQLITE_FULL") {
    const hint =
      "free some space and run the same command again: nothing that was finished is lost";
    return refusal("the disk is full", hint);
  }
  return refusal(`SQLite failed: ${error.message} (${code})`, hintFor(code));
}

function hintFor(code: string): string {
  if (code === "SQLITE_NOTADB" || code.startsWith("SQLITE_CORRUPT")) {
    return "the file is damaged or no database: move it away and start again";
  }
  if (code.startsWith("SQLITE_CANTOPEN")) return "check that its folder exists and may be written";
  return "check the disk's free space and permissions";
}

function noLog(path: string, cause?: unknown): TsmergeError {
  return new TsmergeError("lineage", "the file system cannot hold a write-ahead log", {
    where: path,
    hint: "put it on a local disk: network file systems lack the shared memory it needs",
    cause,
  });
}

/** Whatever is thrown while opening that is not SQLite's: a missing folder, or a missing native module. */
export function notLoaded(path: string, error: unknown): TsmergeError {
  const cause = error instanceof Error ? error : new Error(String(error));
  if (cause.message.includes("directory does not exist")) {
    return new TsmergeError("lineage", "the run folder does not exist", {
      where: path,
      hint: "check the path",
      cause,
    });
  }
  const reason = cause.message.split("\n")[0];
  return new TsmergeError("lineage", `better-sqlite3 does not load: ${reason}`, {
    hint: "npm rebuild better-sqlite3 (needs a C++ compiler, make and Python where no binary is offered)",
    cause,
  });
}
