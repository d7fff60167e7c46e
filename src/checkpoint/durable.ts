// Writing that stays written: whole buffers, and folders whose renames survive a loss of power.

import { type FileHandle, open } from "node:fs/promises";

/** One write call moves at most this much: Node refuses more than 2³¹ − 1 bytes. */
const MAX_WRITE_BYTES = 2 ** 30;

/** A write may take fewer bytes than it was given, so this writes until all are taken. */
export async function writeFully(
  handle: FileHandle,
  position: number,
  bytes: Uint8Array,
): Promise<void> {
  let done = 0;
  while (done < bytes.byteLength) {
    const length = Math.min(bytes.byteLength - done, MAX_WRITE_BYTES);
    done += (await handle.write(bytes, done, length, position + done)).bytesWritten;
  }
}

/** Makes renames in a folder durable: it is flushed like a file. */
export async function syncFolder(directory: string): Promise<void> {
  const handle = await open(directory);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
