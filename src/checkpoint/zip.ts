// The directory of a ZIP archive whose entries are stored, not compressed, as torch.save writes them: where
// each entry's bytes lie in the file, so that they can be read by range. Sizes may pass 4 GiB (ZIP64). This
// inflates nothing; fields are those of PKWARE's APPNOTE.TXT 6.3, sections 4.3.7 to 4.3.16.

import { damaged } from "./damaged.ts";
import type { ByteSource } from "./source.ts";

/** An entry's bytes in the file. */
export interface ZipEntry {
  readonly offset: number;
  readonly size: number;
}

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END = 0x06054b50;
const END64 = 0x06064b50;
const END64_LOCATOR = 0x07064b50;

const END_BYTES = 22;
const END64_BYTES = 56;
const LOCATOR_BYTES = 20;
const CENTRAL_BYTES = 46;
const LOCAL_BYTES = 30;
/** The end record is followed by a comment of at most this length. */
const MAX_COMMENT = 65_535;
/** A directory of a million tensors is smaller. */
const MAX_DIRECTORY_BYTES = 200_000_000;

const UNKNOWN_32 = 0xffffffff; // the number stands in a ZIP64 field
const ZIP64_EXTRA = 1;
const ENCRYPTED = 1;

interface Listed {
  readonly name: string;
  readonly headerOffset: number;
  readonly size: number;
}

/**
 * Every entry by name.
 * @param file the name for errors
 * @throws TsmergeError `checkpoint` for anything but a whole archive of stored entries; `io` from the source
 */
export async function readZip(source: ByteSource, file: string): Promise<Map<string, ZipEntry>> {
  const { offset, size } = await directoryPlace(source, file);
  if (size > MAX_DIRECTORY_BYTES || offset + size > source.byteLength) {
    throw damaged(file, `the archive's directory claims ${size} bytes from ${offset}`);
  }
  const entries = new Map<string, ZipEntry>();
  const directory = await readBytes(source, offset, size);
  for (const listed of parseDirectory(directory, file)) {
    if (entries.has(listed.name)) throw damaged(file, `the archive holds "${listed.name}" twice`);
    entries.set(listed.name, await locate(source, listed, file));
  }
  return entries;
}

async function directoryPlace(source: ByteSource, file: string) {
  const length = Math.min(source.byteLength, END_BYTES + MAX_COMMENT);
  const start = source.byteLength - length;
  const tail = await readBytes(source, start, length);
  let at = length - END_BYTES;
  while (at >= 0 && tail.getUint32(at, true) !== END) at--;
  if (at < 0) {
    throw damaged(file, "the file is no ZIP archive, or its end is missing");
  }
  const place = { size: tail.getUint32(at + 12, true), offset: tail.getUint32(at + 16, true) };
  const locator = start + at - LOCATOR_BYTES;
  if (locator < 0) return place;
  const view = await readBytes(source, locator, LOCATOR_BYTES);
  if (view.getUint32(0, true) !== END64_LOCATOR) return place;
  const end64 = large(view, 8, file);
  if (end64 + END64_BYTES > source.byteLength) throw damaged(file, "the archive's end is broken");
  const record = await readBytes(source, end64, END64_BYTES);
  if (record.getUint32(0, true) !== END64) throw damaged(file, "the archive's end is broken");
  return { size: large(record, 40, file), offset: large(record, 48, file) };
}

function* parseDirectory(view: DataView, file: string): Generator<Listed> {
  const text = new TextDecoder();
  for (let at = 0; at < view.byteLength; ) {
    if (at + CENTRAL_BYTES > view.byteLength || view.getUint32(at, true) !== CENTRAL_HEADER) {
      throw damaged(file, "the archive's directory is broken");
    }
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    const extraAt = at + CENTRAL_BYTES + nameLength;
    const next = extraAt + extraLength + view.getUint16(at + 32, true);
    if (next > view.byteLength) throw damaged(file, "the archive's directory is broken");
    const name = text.decode(new Uint8Array(view.buffer, at + CENTRAL_BYTES, nameLength));
    if ((view.getUint16(at + 8, true) & ENCRYPTED) !== 0) {
      throw damaged(file, `the archive's entry "${name}" is encrypted`);
    }
    if (view.getUint16(at + 10, true) !== 0) {
      throw damaged(
        file,
        `the archive's entry "${name}" is compressed`,
        "save it again with torch.save",
      );
    }
    const extra = new DataView(view.buffer, extraAt, extraLength);
    // those of the three that do not fit 32 bits stand in the extra field, in this order
    const [size, , headerOffset] = wideFields(
      [24, 20, 42].map((field) => view.getUint32(at + field, true)),
      extra,
      file,
    );
    yield { name, size: size!, headerOffset: headerOffset! };
    at = next;
  }
}

/** The fields, each that is all ones replaced by the next 64-bit number of the ZIP64 extra field. */
function wideFields(fields: readonly number[], extra: DataView, file: string): number[] {
  let at = 0;
  while (at + 4 <= extra.byteLength && extra.getUint16(at, true) !== ZIP64_EXTRA) {
    at += 4 + extra.getUint16(at + 2, true);
  }
  at += 4;
  return fields.map((field) => {
    if (field !== UNKNOWN_32) return field;
    if (at + 8 > extra.byteLength) throw damaged(file, "the archive's directory is broken");
    at += 8;
    return large(extra, at - 8, file);
  });
}

/** The local header repeats the name and has its own extra field, by which torch aligns the bytes after it. */
async function locate(source: ByteSource, listed: Listed, file: string): Promise<ZipEntry> {
  const { name, headerOffset, size } = listed;
  if (headerOffset + LOCAL_BYTES > source.byteLength) throw damaged(file, `"${name}" is cut short`);
  const header = await readBytes(source, headerOffset, LOCAL_BYTES);
  if (header.getUint32(0, true) !== LOCAL_HEADER)
    throw damaged(file, `"${name}" is not where it is listed`);
  const names = header.getUint16(26, true) + header.getUint16(28, true);
  const offset = headerOffset + LOCAL_BYTES + names;
  if (offset + size > source.byteLength) throw damaged(file, `"${name}" is cut short`);
  return { offset, size };
}

function large(view: DataView, at: number, file: string): number {
  const value = Number(view.getBigUint64(at, true));
  if (Number.isSafeInteger(value)) return value;
  throw damaged(file, `the archive's directory names the offset ${value}`);
}

async function readBytes(source: ByteSource, offset: number, length: number): Promise<DataView> {
  const bytes = new Uint8Array(length);
  await source.read(offset, bytes);
  return new DataView(bytes.buffer);
}
