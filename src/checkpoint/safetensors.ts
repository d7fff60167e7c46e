// The header of a safetensors file: 8 bytes of length, that many bytes of JSON, then the tensors' bytes.
// Files come from strangers, so every number is checked before it is used; the rules are the reference
// implementation's (no holes, no overlaps, nothing after the last tensor) with caps on top.

import { bytesPerElement, fromSafetensorsName } from "../base/dtype.ts";
import { TsmergeError } from "../base/errors.ts";
import { parseJson } from "../base/json.ts";
import type { TensorInfo } from "./checkpoint.ts";
import { damaged } from "./damaged.ts";
import type { ByteSource } from "./source.ts";

/** The reference implementation's cap: 100 MB of JSON describe some 700,000 tensors. */
export const MAX_HEADER_BYTES = 100_000_000;
/** More than the cap on the header lets in for real names; it stops names of one letter. */
export const MAX_TENSORS = 1_000_000;
/** Real names end below 150 characters. */
export const MAX_NAME_LENGTH = 1024;
/** Real weights have at most five. */
export const MAX_DIMENSIONS = 8;

export const PREFIX_BYTES = 8; // the length of the JSON, unsigned 64-bit little-endian

/** A tensor and where its bytes start, counted from the start of the file. */
export interface StoredTensor extends TensorInfo {
  readonly fileOffset: number;
}

export interface SafetensorsHeader {
  /** In the order of their bytes. */
  readonly tensors: readonly StoredTensor[];
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Reads and checks a header.
 * @param file the name for errors
 * @throws TsmergeError `checkpoint` for anything the format does not allow; `io` from the source
 */
export async function readHeader(source: ByteSource, file: string): Promise<SafetensorsHeader> {
  if (source.byteLength < PREFIX_BYTES) {
    throw damaged(
      file,
      `the file has ${source.byteLength} bytes, too few for a safetensors header`,
    );
  }
  const prefix = new Uint8Array(PREFIX_BYTES);
  await source.read(0, prefix);
  const length = new DataView(prefix.buffer).getBigUint64(0, true);
  const available = source.byteLength - PREFIX_BYTES;
  if (new TextDecoder().decode(prefix) === "version ") {
    throw damaged(
      file,
      "the file is a Git LFS pointer, not the weights",
      "run `git lfs pull` there",
    );
  }
  if (length > MAX_HEADER_BYTES || length > available) {
    const limit = Math.min(MAX_HEADER_BYTES, available);
    throw damaged(file, `the header claims ${length} bytes where at most ${limit} can be`);
  }
  const bytes = new Uint8Array(Number(length));
  await source.read(PREFIX_BYTES, bytes);
  return parseHeader(bytes, available - bytes.byteLength, file);
}

/** Checks the JSON of a header against the number of bytes that follow it. */
function parseHeader(json: Uint8Array, dataBytes: number, file: string): SafetensorsHeader {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(json);
  } catch (cause) {
    throw damaged(file, "the header is not UTF-8 text", undefined, cause);
  }
  if (!text.startsWith("{")) {
    throw damaged(file, `the header starts with ${JSON.stringify(text.slice(0, 8))}, not with "{"`);
  }
  const header = record(parseHeaderJson(text, file)) ?? {}; // text that starts with { is a record
  const { __metadata__, ...entries } = header;
  const names = Object.keys(entries);
  if (names.length > MAX_TENSORS) {
    throw damaged(file, `the header lists ${names.length} tensors, more than ${MAX_TENSORS}`);
  }
  const start = PREFIX_BYTES + json.byteLength;
  const tensors = names
    .map((name) => parseTensor(name, entries[name], start, file))
    .sort((a, b) => a.fileOffset - b.fileOffset || a.byteLength - b.byteLength);
  checkCoverage(tensors, start, start + dataBytes, file);
  return { tensors, metadata: parseMetadata(__metadata__, file) };
}

function parseHeaderJson(text: string, file: string): unknown {
  try {
    return parseJson(text, file);
  } catch (cause) {
    if (!(cause instanceof TsmergeError)) throw cause;
    throw damaged(file, `the header is broken: ${cause.message}`, cause.hint, cause);
  }
}

function parseTensor(name: string, entry: unknown, start: number, file: string): StoredTensor {
  if (name.length === 0 || name.length > MAX_NAME_LENGTH) {
    const shown = JSON.stringify(name.slice(0, 40));
    throw damaged(
      file,
      `a tensor's name has ${name.length} characters (${shown}…), not 1 to ${MAX_NAME_LENGTH}`,
    );
  }
  const tensor = `tensor ${JSON.stringify(name)}`;
  const { dtype: type, shape, data_offsets: offsets, ...rest } = record(entry) ?? {};
  if (
    typeof type !== "string" ||
    !areCounts(shape) ||
    !areCounts(offsets) ||
    offsets.length !== 2
  ) {
    const seen = JSON.stringify(entry).slice(0, 120);
    throw damaged(file, `${tensor} has no well-formed dtype, shape and data_offsets: ${seen}`);
  }
  const extra = Object.keys(rest)[0];
  if (extra !== undefined) throw damaged(file, `${tensor} has an unknown member "${extra}"`);
  const dtype = fromSafetensorsName(type);
  if (dtype === undefined) {
    throw damaged(file, `${tensor} has dtype "${type}"`, "convert it to F32, F16 or BF16");
  }
  if (shape.length > MAX_DIMENSIONS) {
    throw damaged(file, `${tensor} has ${shape.length} dimensions, more than ${MAX_DIMENSIONS}`);
  }
  const elements = shape.reduce((product, length) => product * length, 1);
  const [begin, end] = [offsets[0]!, offsets[1]!];
  const byteLength = elements * bytesPerElement(dtype);
  if (end - begin !== byteLength || !Number.isSafeInteger(byteLength)) {
    throw damaged(
      file,
      `${tensor} holds ${byteLength} bytes (${type} ${JSON.stringify(shape)}) but its data_offsets ` +
        `[${begin}, ${end}] enclose ${end - begin}`,
    );
  }
  return { name, dtype, shape, elements, byteLength, fileOffset: start + begin };
}

/** The tensors, in the order of their bytes, must fill the file from `start` to `end` exactly. */
function checkCoverage(
  tensors: readonly StoredTensor[],
  start: number,
  end: number,
  file: string,
): void {
  let at = start;
  let previous = "the header";
  for (const { name, fileOffset, byteLength } of tensors) {
    const tensor = `tensor ${JSON.stringify(name)}`;
    if (fileOffset < at) {
      throw damaged(file, `${tensor} overlaps ${previous} by ${at - fileOffset} bytes`);
    }
    if (fileOffset > at) {
      throw damaged(
        file,
        `${fileOffset - at} bytes between ${previous} and ${tensor} belong to no tensor`,
      );
    }
    at += byteLength;
    previous = tensor;
  }
  if (at > end) {
    throw damaged(file, `the file is cut short: ${at} bytes are described and ${end} are there`);
  }
  if (at < end) throw damaged(file, `${end - at} bytes after ${previous} belong to no tensor`);
}

function parseMetadata(value: unknown, file: string): Map<string, string> {
  if (value === undefined) return new Map();
  const entries = Object.entries(record(value) ?? { "": undefined });
  const texts = entries.filter((entry): entry is [string, string] => typeof entry[1] === "string");
  if (texts.length !== entries.length)
    throw damaged(file, "__metadata__ must map strings to strings");
  return new Map(texts);
}

function record(value: unknown): Record<string, unknown> | undefined {
  return value !== null && typeof value === "object" && !Array.isArray(value)
    ? (value as Record<string, unknown>) // an object that is not an array
    : undefined;
}

function areCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}
