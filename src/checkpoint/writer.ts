// Writes a model folder's weights as they are made: shapes first, bytes later, in any order of tensors.
// No tensor is ever held. Files grow under temporary names and take their own at finish(), the index last,
// so that a folder that opens is a folder that is whole. Shards that are complete survive suspend(), and
// the next writer of the same tensors goes on behind them.

import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import writeFileAtomic from "write-file-atomic";
import { TsmergeError } from "../base/errors.ts";
import { ioError } from "../base/io-error.ts";
import { syncFolder } from "./durable.ts";
import { INDEX_FILE } from "./folder.ts";
import type { TensorSpec } from "./layout.ts";
import type { StoredTensor } from "./safetensors.ts";
import { ShardFile, temporary } from "./shard-file.ts";
import { planShards, type ShardOptions } from "./shards.ts";

export type { TensorSpec } from "./layout.ts";

export interface WriterOptions extends ShardOptions {
  /** Names of the shards that an earlier writer of the same tensors sealed; those still there are kept. */
  readonly sealed?: ReadonlySet<string>;
}

/** Where a tensor's bytes belong, for whoever writes them. */
export interface TensorPlace {
  readonly path: string;
  readonly offset: number;
}

interface Slot {
  readonly shard: ShardFile;
  readonly tensor: StoredTensor;
  written: number; // advanced when write() is called, so calls land in the order they were made
}

const WEIGHTS = /^model(-\d{5}-of-\d{5})?\.safetensors$|^model\.safetensors\.index\.json$/;
const TEMPORARY = /^model(-\d{5}-of-\d{5})?\.safetensors\.tmp$/;

export class CheckpointWriter {
  readonly #directory: string;
  readonly #shards: readonly ShardFile[];
  readonly #slots: ReadonlyMap<string, Slot>;
  #state: "open" | "finished" | "aborted" = "open";

  private constructor(directory: string, shards: readonly ShardFile[]) {
    this.#directory = directory;
    this.#shards = shards;
    this.#slots = new Map(
      shards.flatMap((shard) =>
        shard.layout.tensors.map((tensor) => {
          const written = shard.isSealed ? tensor.byteLength : 0;
          return [tensor.name, { shard, tensor, written }] as const;
        }),
      ),
    );
  }

  /**
   * Starts the weights of `directory`, which is made if need be. Debris of a killed writer is removed, but
   * for the shards in `options.sealed`.
   * @param tensors everything that will be written; shards are filled in this order
   * @throws TsmergeError `io` for weights that are there already, `internal` for a malformed list
   */
  static async open(
    directory: string,
    tensors: readonly TensorSpec[],
    options: WriterOptions = {},
  ): Promise<CheckpointWriter> {
    const planned = planShards(tensors, options);
    try {
      await mkdir(directory, { recursive: true });
      const present = await readdir(directory);
      const kept = new Set<string>();
      for (const { file, layout } of planned) {
        if (options.sealed?.has(file) !== true || !present.includes(temporary(file))) continue;
        const { size } = await stat(join(directory, temporary(file)));
        if (size === layout.fileBytes) kept.add(file);
      }
      const isKept = (name: string) => kept.has(name.slice(0, -temporary("").length));
      for (const file of present.filter((name) => TEMPORARY.test(name) && !isKept(name))) {
        await rm(join(directory, file));
      }
      const shards = planned.map((shard) => new ShardFile(directory, shard, kept.has(shard.file)));
      const taken = present.find((name) => WEIGHTS.test(name));
      if (taken !== undefined) {
        throw new TsmergeError("io", `the folder already holds ${taken}`, {
          where: directory,
          hint: "choose a new folder, or delete the weights in this one",
        });
      }
      return new CheckpointWriter(directory, shards);
    } catch (cause) {
      throw cause instanceof TsmergeError ? cause : ioError("write to", directory, cause);
    }
  }

  /** Bytes of the files that are not sealed, headers included and the index not: what the disk must have free. */
  get missingBytes(): number {
    const open = this.#shards.filter(({ isSealed }) => !isSealed);
    return open.reduce((sum, { layout }) => sum + layout.fileBytes, 0);
  }

  /** Names of the shards that are complete and flushed. */
  get sealed(): ReadonlySet<string> {
    return new Set(this.#shards.filter((shard) => shard.isSealed).map((shard) => shard.file));
  }

  /** The shard that a tensor stands in. */
  shardOf(name: string): string {
    return this.#slot(name).shard.file;
  }

  /**
   * Makes a tensor's file, with its header, and says where the tensor's bytes belong: another thread may
   * write them there. Call written() when they are.
   * @throws TsmergeError `internal` for an unknown tensor, `io` from the disk
   */
  async place(name: string): Promise<TensorPlace> {
    this.#checkOpen();
    const { shard, tensor } = this.#slot(name);
    await shard.begin();
    return { path: shard.path, offset: tensor.fileOffset };
  }

  /**
   * Takes note that all bytes of a tensor were written to its place, and seals its shard when it was the last.
   * @returns whether that sealed the shard
   */
  async written(name: string): Promise<boolean> {
    this.#checkOpen();
    const slot = this.#slot(name);
    slot.written = slot.tensor.byteLength;
    return slot.shard.advance(slot.tensor.byteLength);
  }

  /**
   * Appends to a tensor: its chunks come in order, tensors in any order, even interleaved. `chunk` must
   * not change until the promise settles.
   * @throws TsmergeError `internal` for an unknown tensor or more bytes than it has, `io` from the disk
   */
  async write(name: string, chunk: Uint8Array): Promise<void> {
    this.#checkOpen();
    const slot = this.#slot(name);
    const { shard, tensor, written } = slot;
    if (written + chunk.byteLength > tensor.byteLength) {
      const total = written + chunk.byteLength;
      throw new TsmergeError(
        "internal",
        `tensor "${name}" has ${tensor.byteLength} bytes, not ${total}`,
      );
    }
    if (chunk.byteLength === 0) return;
    slot.written += chunk.byteLength;
    await shard.write(tensor.fileOffset + written, chunk);
    await shard.advance(chunk.byteLength);
  }

  /**
   * Gives the files their names and returns them, the index included. Each shard was flushed to the disk
   * when its last byte came.
   * @throws TsmergeError `internal` if a tensor is incomplete; `io` from the disk: then call abort()
   */
  async finish(): Promise<string[]> {
    this.#checkOpen();
    for (const { tensor, written } of this.#slots.values()) {
      if (written === tensor.byteLength) continue;
      throw new TsmergeError(
        "internal",
        `tensor "${tensor.name}" has ${written} of its ${tensor.byteLength} bytes`,
      );
    }
    const files = this.#shards.map((shard) => shard.file);
    try {
      for (const shard of this.#shards) if (!shard.isSealed) await shard.seal();
      for (const shard of this.#shards) await shard.rename();
      if (files.length > 1) {
        await writeFileAtomic(join(this.#directory, INDEX_FILE), this.#index());
        files.push(INDEX_FILE);
      }
      await syncFolder(this.#directory);
    } catch (cause) {
      if (cause instanceof TsmergeError) throw cause;
      throw ioError("finish the weights in", this.#directory, cause);
    }
    this.#state = "finished";
    return files;
  }

  /** Removes what was written so far. Does nothing after finish(), so it may stand in a `finally`. */
  async abort(): Promise<void> {
    if (this.#state !== "open") return;
    this.#state = "aborted";
    for (const shard of this.#shards) await shard.remove();
  }

  /** Ends the writer as abort() does, but leaves sealed shards to the next one. */
  async suspend(): Promise<void> {
    if (this.#state !== "open") return;
    this.#state = "aborted";
    for (const shard of this.#shards) if (!shard.isSealed) await shard.remove();
  }

  #slot(name: string): Slot {
    const slot = this.#slots.get(name);
    if (slot !== undefined) return slot;
    throw new TsmergeError("internal", `tensor "${name}" was not declared to the writer`);
  }

  #checkOpen(): void {
    if (this.#state === "open") return;
    throw new TsmergeError("internal", `the writer of ${this.#directory} is ${this.#state}`);
  }

  #index(): string {
    const slots = [...this.#slots.values()];
    const total = slots.reduce((sum, { tensor }) => sum + tensor.byteLength, 0);
    const map = slots.map(({ tensor, shard }) => [tensor.name, shard.file] as const);
    map.sort(([a], [b]) => (a < b ? -1 : 1));
    const index = { metadata: { total_size: total }, weight_map: Object.fromEntries(map) };
    return `${JSON.stringify(index, null, 2)}\n`;
  }
}
