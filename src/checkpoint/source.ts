// ByteSource: anything with a length that can be read at an offset. A file and a block of memory are
// the same to every reader above it.

/** A random-access, read-only sequence of bytes. */
export interface ByteSource {
  readonly byteLength: number;
  /** Fills `into` from `offset`. Throws TsmergeError `io` if the source ends first or the disk fails. */
  read(offset: number, into: Uint8Array): Promise<void>;
  close(): Promise<void>;
}
