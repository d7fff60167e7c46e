// Files of rows: JSON lines, JSON and CSV, gzipped or not. Knows formats only; which files make a benchmark
// stands in layouts.ts.

import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { CsvError, parse as parseCsv } from "csv-parse/sync";
import { TsmergeError } from "../../base/errors.ts";
import { sha256 } from "../../base/hash.ts";

/** One document of a data set, by column. */
export type Row = Readonly<Record<string, unknown>>;

export interface TextFile {
  readonly text: string;
  /** Hash of the file's bytes, as they lie. */
  readonly sha256: string;
}

/**
 * A file's text, unpacked when its name ends in .gz.
 * @throws TsmergeError `data` when it cannot be read or unpacked
 */
export async function readText(path: string): Promise<TextFile> {
  try {
    const bytes = await readFile(path);
    const text = (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
    return { text, sha256: sha256(bytes) };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TsmergeError("data", `cannot read this data file: ${reason}`, {
      where: path,
      hint: "fetch the file again, or point --data elsewhere",
      cause,
    });
  }
}

/**
 * The rows of a text, by the ending of its name (.jsonl, .json, .csv, each with or without .gz).
 * @throws TsmergeError `data` naming the line that is wrong, or the ending that is not known
 */
export function parseRows(text: string, path: string): Row[] {
  const ending = /\.(jsonl|json|csv)(?:\.gz)?$/.exec(path)?.[1];
  switch (ending) {
    case "jsonl":
      return linesOf(text).map((line, index) =>
        rowOf(parseJson(line, `${path}:${index + 1}`), path),
      );
    case "json":
      return listOf(parseJson(text, path), path).map((row) => rowOf(row, path));
    case "csv":
      return csvRows(text, path);
    default:
      throw new TsmergeError("data", "the name of this data file says no known format", {
        where: path,
        hint: "use .jsonl, .json or .csv, with or without .gz; parquet is not read yet",
      });
  }
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

function csvRows(text: string, path: string): Row[] {
  try {
    return parseCsv<Row>(text, { bom: true, columns: true });
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw new TsmergeError("data", `this is not a CSV file: ${cause.message}`, {
      where: path,
      hint: "expected a header row, and as many columns in every row",
      cause,
    });
  }
}
