// One file of a model while it is written: under a temporary name, flushed as it grows, sealed with its last byte.
// Which tensor's bytes go where is the writer's business.

import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { held } from "../base/held.ts";
import { ioError } from "../base/io-error.ts";
import { writeFully } from "./durable.ts";
import type { SafetensorsLayout } from "./layout.ts";
import type { PlannedShard } from "./shards.ts";

/** Bytes that are written before they are flushed. */
const FLUSH_BYTES = 2 ** 28;

/** The name of a file that is not whole. */
export function temporary(file: string): string {
  return `${file}.tmp`;
}

export class ShardFile {
  /** Its name in the folder, once it is whole. */
  readonly file: string;
  readonly layout: SafetensorsLayout;
  /** Where it lies until then. */
  readonly path: string;
  readonly #finalPath: string;
  #handle: Promise<FileHandle> | undefined; // set by the first that needs it, awaited by all
  #remaining: number; // tensor bytes not yet on the disk; at 0 the file is sealed
  #isSealed: boolean;
  #isNamed = false; // it lies at its final path
  #unflushed = 0; // bytes written since the last flush began
  #flushed: Promise<void> | undefined; // the flush under way, or what the last one came to

  /** @param isSealed whether an earlier writer has left it complete */
  constructor(directory: string, { file, layout }: PlannedShard, isSealed: boolean) {
    this.file = file;
    this.layout = layout;
    this.path = join(directory, temporary(file));
    this.#finalPath = join(directory, file);
    this.#isSealed = isSealed;
    this.#remaining = isSealed ? 0 : layout.fileBytes - layout.header.byteLength;
  }

  /** Whether it is complete and flushed. */
  get isSealed(): boolean {
    return this.#isSealed;
  }

  /** Makes the file, with its header. To begin a sealed file again would empty it: then this does nothing. */
  async begin(): Promise<void> {
    if (!this.#isSealed) await this.#attempt(() => this.#opened());
  }

  /** Writes tensor bytes at an offset of the file; advance() counts them. */
  async write(offset: number, bytes: Uint8Array): Promise<void> {
    await this.#attempt(async () => writeFully(await this.#opened(), offset, bytes));
  }

  /** Counts tensor bytes that are there. True when they were the last, and the file is sealed. */
  async advance(bytes: number): Promise<boolean> {
    this.#remaining -= bytes;
    if (this.#remaining > 0) this.#flushBehind(bytes);
    if (this.#remaining > 0 || bytes === 0) return false;
    await this.seal();
    return true;
  }

  /** Flushes and closes the file, which is complete. */
  async seal(): Promise<void> {
    await this.#attempt(async () => {
      const handle = await this.#opened(); // for the first time where it holds empty tensors only
      await this.#flushed; // an error that a flush has reported is not reported again
      await handle.sync();
      await handle.close();
    });
    this.#isSealed = true;
  }

  /** Gives the file its own name. */
  async rename(): Promise<void> {
    await rename(this.path, this.#finalPath);
    this.#isNamed = true;
  }

  /** Removes the file, whatever its name. */
  async remove(): Promise<void> {
    if (!this.#isSealed) {
      const handle = await this.#handle?.catch(() => undefined); // its write has thrown already
      await handle?.close();
    }
    await rm(this.#isNamed ? this.#finalPath : this.path, { force: true });
  }

  #opened(): Promise<FileHandle> {
    this.#handle ??= this.#create();
    return this.#handle;
  }

  async #create(): Promise<FileHandle> {
    const handle = await open(this.path, "w");
    try {
      await writeFully(handle, 0, this.layout.header);
    } catch (cause) {
      await handle.close(); // nobody else has it yet
      throw cause;
    }
    return handle;
  }

  /** Flushes what was written lately while more is written, so that sealing has little left to wait for. */
  #flushBehind(bytes: number): void {
    this.#unflushed += bytes;
    if (this.#unflushed < FLUSH_BYTES) return;
    this.#unflushed = 0;
    const before = this.#flushed;
    const flush = async () => {
      await before;
      await (await this.#handle)?.datasync();
    };
    this.#flushed = held(flush()); // sealing awaits it
  }

  async #attempt(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      throw ioError("write", this.#finalPath, cause);
    }
  }
}
