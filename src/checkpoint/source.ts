// ByteSource: anything with a length that can be read at an offset. A file and a block of memory are
// the same to every reader above it. A file is opened at its first read, so a folder of a hundred shards
// costs no handles until they are needed.

import { type FileHandle, open, stat } from "node:fs/promises";
import { TsmergeError } from "../base/errors.ts";
import { ioError } from "../base/io-error.ts";

/** A random-access, read-only sequence of bytes. */
export interface ByteSource {
  readonly byteLength: number;
  /** Fills `into` from `offset`. Throws TsmergeError `io` if the source ends first or the disk fails. */
  read(offset: number, into: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** One read call moves at most this much: Node refuses more than 2³¹ − 1 bytes. */
const MAX_READ_BYTES = 2 ** 30;

/** The file at `path`, whose length is taken now. Throws TsmergeError `io` if there is none. */
export async function fileSource(path: string): Promise<ByteSource> {
  const { size } = await stat(path).catch((cause: unknown) => {
    throw ioError("read", path, cause);
  });
  let opening: Promise<FileHandle> | undefined; // shared by reads that start together
  let isClosed = false;
  return {
    byteLength: size,
    async read(offset, into) {
      if (isClosed) throw closedError(path);
      checkRange(offset, into.byteLength, size, path);
      opening ??= open(path);
      try {
        await readFully(await opening, offset, into);
      } catch (cause) {
        throw cause instanceof TsmergeError ? cause : ioError("read", path, cause);
      }
    },
    async close() {
      isClosed = true;
      const handle = await opening?.catch(() => undefined); // a failed open has been thrown by its read
      opening = undefined;
      await handle?.close();
    },
  };
}

/** The bytes themselves, not a copy: later changes to them are seen. */
export function memorySource(bytes: Uint8Array): ByteSource {
  let isClosed = false;
  return {
    byteLength: bytes.byteLength,
    async read(offset, into) {
      if (isClosed) throw closedError("memory");
      checkRange(offset, into.byteLength, bytes.byteLength, "memory");
      into.set(bytes.subarray(offset, offset + into.byteLength));
    },
    async close() {
      isClosed = true;
    },
  };
}

/** A read may return fewer bytes than asked for, so this asks until all are there. */
async function readFully(handle: FileHandle, offset: number, into: Uint8Array): Promise<void> {
  let done = 0;
  while (done < into.byteLength) {
    const length = Math.min(into.byteLength - done, MAX_READ_BYTES);
    const { bytesRead } = await handle.read(into, done, length, offset + done);
    if (bytesRead === 0) {
      throw new TsmergeError("io", `the file ended ${into.byteLength - done} bytes early`, {
        hint: "another program shortened it while it was open; start again",
      });
    }
    done += bytesRead;
  }
}

function checkRange(offset: number, length: number, size: number, path: string): void {
  if (Number.isSafeInteger(offset) && offset >= 0 && offset + length <= size) return;
  throw new TsmergeError("io", `${length} bytes from ${offset} reach past the end, ${size}`, {
    where: path,
    hint: "the file is shorter than its reader believes; copy or download it again",
  });
}

function closedError(path: string): TsmergeError {
  return new TsmergeError("internal", "read after close", { where: path });
}
