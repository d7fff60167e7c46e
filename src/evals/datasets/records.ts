// Files of rows: JSON lines, JSON, CSV and TSV, gzipped or not, and Parquet. Knows formats only; which files
// make a benchmark stands in layouts.ts and splits.ts.

import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { CsvError, parse as parseCsv } from "csv-parse/sync";
import { TsmergeError } from "../../base/errors.ts";
import { sha256 } from "../../base/hash.ts";
import { parseParquet } from "./parquet.ts";

/** One document of a data set, by column. */
export type Row = Readonly<Record<string, unknown>>;

export interface TextFile {
  readonly text: string;
  /** Hash of the file's bytes, as they lie. */
  readonly sha256: string;
}

export interface RowFile {
  readonly rows: readonly Row[];
  /** Hash of the file's bytes, as they lie. */
  readonly sha256: string;
}

/**
 * A file's text, unpacked when its name ends in .gz.
 * @throws TsmergeError `data` when it cannot be read or unpacked
 */
export async function readText(path: string): Promise<TextFile> {
  const bytes = await readBytes(path);
  return { text: textOf(bytes, path), sha256: sha256(bytes) };
}

/**
 * A file's rows, by the ending of its name.
 * @throws TsmergeError `data` when it cannot be read, and as parseRows and parseParquet
 */
export async function readRows(path: string): Promise<RowFile> {
  const bytes = await readBytes(path);
  const rows = path.endsWith(".parquet")
    ? await parseParquet(bytes, path)
    : parseRows(textOf(bytes, path), path);
  return { rows, sha256: sha256(bytes) };
}

async function readBytes(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function textOf(bytes: Buffer, path: string): string {
  if (!path.endsWith(".gz")) return bytes.toString("utf8");
  try {
    return gunzipSync(bytes).toString("utf8");
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): TsmergeError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new TsmergeError("data", `cannot read this data file: ${reason}`, {
    where: path,
    hint: "fetch the file again, or point --data elsewhere",
    cause,
  });
}

/** Endings of the names of files that hold rows. */
export const ROW_FILE = /\.(?:parquet|(?:jsonl|ndjson|json|csv|tsv)(?:\.gz)?)$/;

/**
 * The rows of a text, by the ending of its name (.jsonl, .json, .csv, .tsv, each with or without .gz).
 * @throws TsmergeError `data` naming the line that is wrong, or the ending that is not known
 */
export function parseRows(text: string, path: string): Row[] {
  const ending = /\.(jsonl|ndjson|json|csv|tsv)(?:\.gz)?$/.exec(path)?.[1];
  switch (ending) {
    case "jsonl":
    case "ndjson":
      return jsonLines(text, path);
    case "json":
      // the `datasets` library writes JSON lines under this name too
      return holdsLines(text)
        ? jsonLines(text, path)
        : listOf(parseJson(text, path), path).map((row) => rowOf(row, path));
    case "csv":
      return csvRows(text, path, ",");
    case "tsv":
      return csvRows(text, path, "\t");
    default:
      throw new TsmergeError("data", "the name of this data file says no known format", {
        where: path,
        hint: "use .parquet, or .jsonl, .json, .csv or .tsv with or without .gz",
      });
  }
}

function jsonLines(text: string, path: string): Row[] {
  return linesOf(text).map((line, index) => rowOf(parseJson(line, `${path}:${index + 1}`), path));
}

/** Two lines or more, the first an object of its own: an indented object never closes in its first line. */
function holdsLines(text: string): boolean {
  return /^\s*\{[^\n]*\}\r?\n\s*\{/.test(text);
}

/** Lines without their ends; an empty last one is none. */
export function linesOf(text: string): string[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TsmergeError("data", `this is not JSON: ${reason}`, {
      where,
      hint: "the file is cut short or of another format; fetch the data again",
      cause,
    });
  }
}

/** A JSON list, or the one list in a JSON object. */
function listOf(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  const lists = value === null ? [] : Object.values(value as object).filter(Array.isArray); // JSON: null or an object
  if (lists.length === 1) return lists[0]!;
  throw new TsmergeError("data", `found ${lists.length} lists of rows instead of one`, {
    where,
    hint: "a JSON data file is a list of objects, or an object with one such list",
  });
}

function rowOf(value: unknown, where: string): Row {
  if (value !== null && typeof value === "object" && !Array.isArray(value)) {
    return value as Row; // an object from JSON has string keys
  }
  throw new TsmergeError("data", `a row is ${JSON.stringify(value)?.slice(0, 60)}`, {
    where,
    hint: "each row is an object with the columns as keys",
  });
}

function csvRows(text: string, path: string, delimiter: string): Row[] {
  try {
    return parseCsv<Row>(text, { bom: true, columns: true, delimiter });
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw new TsmergeError("data", `this is not a CSV file: ${cause.message}`, {
      where: path,
      hint: "expected a header row, and as many columns in every row",
      cause,
    });
  }
}
