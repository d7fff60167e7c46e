// Parquet files as rows of plain JSON values. The format is hyparquet's business; here its types meet ours.

import { TsmergeError } from "../../base/errors.ts";
import type { Row } from "./records.ts";

/**
 * The rows of a Parquet file, with any of its compressions. 64-bit integers become numbers, timestamps ISO
 * 8601 text: rows are hashed and written as JSON, which has neither.
 * @throws TsmergeError `data` for bytes that are not Parquet and for integers beyond 2^53
 */
export async function parseParquet(bytes: Uint8Array, path: string): Promise<Row[]> {
  // most runs read no Parquet
  const { parquetReadObjects } = await import("hyparquet");
  const { compressors } = await import("hyparquet-compressors");
  let rows: readonly Record<string, unknown>[];
  try {
    rows = await parquetReadObjects({ file: exactBuffer(bytes), compressors });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TsmergeError("data", `this is not a Parquet file: ${reason}`, {
      where: path,
      hint: "the file is cut short or of another format; fetch the data again",
      cause,
    });
  }
  return rows.map((row) => plainObject(row, path));
}

/** A buffer of these bytes alone: Node's small buffers are views into a shared pool. */
function exactBuffer({ buffer, byteOffset, byteLength }: Uint8Array): ArrayBuffer {
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer; // bytes of files are not shared
}

function plainObject(value: object, path: string): Row {
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each, path)]));
}

function plain(value: unknown, path: string): unknown {
  if (value === undefined) return null;
  if (typeof value === "bigint") return plainNumber(value, path);
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map((each) => plain(each, path));
  return plainObject(value, path);
}

function plainNumber(value: bigint, path: string): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new TsmergeError("data", `the integer ${value} is too large to be exact`, {
    where: path,
    hint: "store this column as text",
  });
}
