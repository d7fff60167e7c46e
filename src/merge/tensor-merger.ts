// One worker of a merge to files: merges single tensors of a plan into their places, tile by tile. A merge
// has one for each thread; which tensors a worker gets, and in what order, changes no byte (except that
// mergekit's sequential draws need plan order).

import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { ioError } from "../base/io-error.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { openCheckpoint } from "../checkpoint/open.ts";
import type { TensorPlace } from "../checkpoint/writer.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { chunksOf } from "./copies.ts";
import { elementReader } from "./elements.ts";
import { checkFinite } from "./finite.ts";
import type { MergePlan } from "./plan.ts";
import { tensorFacts } from "./statistics.ts";
import { arithmeticOf, maskGenerator, type ProgramCache, prepareTensor } from "./tensor-pass.ts";
import { fileInputs, heldInputs, openBuffers, streamTiles } from "./tiles.ts";

export interface TensorMerger {
  /**
   * Computes or copies output `index` of the plan (outputsOf) into `place`, one tensor at a time.
   * @param onBytes is told of each tile that was computed; what it throws ends the merge
   * @returns SHA-256 of the tensor's bytes, lower-case hexadecimal
   * @throws TsmergeError `numeric` when the tensor holds NaN or infinity, `io` from the disk
   */
  merge(index: number, place: TensorPlace, onBytes: (bytes: number) => void): Promise<string>;
  /** MaskGenerator.state() after the last tensor. */
  maskState(): readonly number[] | undefined;
  close(): Promise<void>;
}

export interface MergerOptions {
  /** Where an earlier merge stopped drawing. */
  readonly masks?: readonly number[];
  /** Workers that share the memory for tiles; 1 by default. */
  readonly threads?: number;
}

/**
 * Opens the parents and the tile buffers of one worker.
 * @throws TsmergeError as openCheckpoint, and `incompatible` for tensors that cannot be merged
 */
export async function openTensorMerger(
  plan: MergePlan,
  kernel: Kernel,
  options: MergerOptions = {},
): Promise<TensorMerger> {
  const checkpoints: Checkpoint[] = [];
  const closeAll = () => Promise.all(checkpoints.map((checkpoint) => checkpoint.close()));
  try {
    for (const model of plan.models) checkpoints.push(await openCheckpoint(model));
    return mergerOver(plan, kernel, checkpoints, options, closeAll);
  } catch (error) {
    await closeAll();
    throw error;
  }
}

function mergerOver(
  plan: MergePlan,
  kernel: Kernel,
  checkpoints: readonly Checkpoint[],
  { masks, threads }: MergerOptions,
  closeAll: () => Promise<unknown>,
): TensorMerger {
  const sources = plan.tensors.map((tensor) => fileInputs(tensor, checkpoints));
  const buffers = openBuffers(kernel, plan.tensors, sources, threads);
  const generator = maskGenerator(plan, masks);
  const programs: ProgramCache = new Map();
  const copy: TensorMerger["merge"] = async (index, place, onBytes) => {
    const hash = createHash("sha256");
    const file = await openPlace(place);
    try {
      for await (const chunk of chunksOf(plan.copies![index]!, checkpoints)) {
        hash.update(chunk);
        await file.append(chunk);
        onBytes(chunk.byteLength);
      }
    } finally {
      await file.close();
    }
    return hash.digest("hex");
  };
  return {
    async merge(index, place, onBytes) {
      const tensor = plan.tensors[index];
      if (tensor === undefined) return copy(index - plan.tensors.length, place, onBytes);
      const inputs = heldInputs(sources[index]!, buffers.hold);
      const reader = elementReader(kernel, inputs, tensor.loadAs, arithmeticOf(tensor));
      const facts = tensorFacts(reader, tensor.base, false);
      const operands = { types: inputs.types, facts, store: tensor.dtype };
      const pass = await prepareTensor(kernel, programs, generator, plan.compat, tensor, operands);
      const hash = createHash("sha256");
      const file = await openPlace(place);
      try {
        await streamTiles(tensor, pass, inputs, buffers, (output) => {
          checkFinite(tensor.name, tensor.dtype, output);
          const written = file.append(output);
          hash.update(output); // while the disk is busy
          onBytes(output.byteLength);
          return written;
        });
        await buffers.idle();
      } finally {
        await file.close();
      }
      return hash.digest("hex");
    },
    maskState: () => generator.state(),
    async close() {
      buffers.close();
      await closeAll();
    },
  };
}

/** A place as something to append to; the file is there already. */
async function openPlace({ path, offset }: TensorPlace) {
  let handle: FileHandle;
  try {
    handle = await open(path, "r+");
  } catch (cause) {
    throw ioError("write", path, cause);
  }
  let position = offset;
  return {
    async append(bytes: Uint8Array): Promise<void> {
      const start = position;
      position += bytes.byteLength;
      try {
        for (let done = 0; done < bytes.byteLength; ) {
          const { bytesWritten } = await handle.write(bytes, done, undefined, start + done);
          done += bytesWritten;
        }
      } catch (cause) {
        throw ioError("write", path, cause);
      }
    },
    close: () => handle.close(),
  };
}
