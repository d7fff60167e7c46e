// One worker of a merge to files: merges tensors of a plan into their places, tile by tile, and two at once, so
// that one is computed while the other waits for the disk. A merge has one for each thread; which tensors a
// worker gets, and in what order, changes no byte (except that mergekit's sequential draws need plan order, one
// after another).

import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { ioError } from "../../base/io-error.ts";
import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { writeFully } from "../../checkpoint/durable.ts";
import { openCheckpoint } from "../../checkpoint/open.ts";
import type { TensorPlace } from "../../checkpoint/writer.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import { elementReader } from "../elements.ts";
import { finiteCheck } from "../finite.ts";
import type { FixName } from "../fixes.ts";
import type { MergePlan, TensorPlan } from "../plan.ts";
import { tensorFacts } from "../statistics/statistics.ts";
import { arithmeticOf, maskGenerator, type ProgramCache, prepareTensor } from "../tensor-pass.ts";
import { chunksOf } from "./copies.ts";
import { fileInputs, heldInputs } from "./file-inputs.ts";
import { openBuffers, streamTiles, TENSORS_AT_ONCE, type TileBuffers } from "./tiles.ts";

/** What is known of a tensor that was merged into its place. */
export interface PlacedTensor {
  /** SHA-256 of its bytes, lower-case hexadecimal. */
  readonly sha256: string;
  readonly fixes: readonly FixName[];
}

export interface TensorMerger {
  /**
   * Computes or copies output `index` of the plan (outputsOf) into `place`; TENSORS_AT_ONCE of them at once.
   * @param onBytes is told of each tile that was computed; what it throws ends the merge
   * @throws TsmergeError `numeric` when the tensor holds NaN or infinity, `io` from the disk
   */
  merge(index: number, place: TensorPlace, onBytes: (bytes: number) => void): Promise<PlacedTensor>;
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
 * Opens the parents of one worker; tile buffers come with the first tensors.
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
  { masks, threads = 1 }: MergerOptions,
  closeAll: () => Promise<unknown>,
): TensorMerger {
  const inputsOf = (tensor: TensorPlan) => fileInputs(tensor, checkpoints);
  const sources = plan.tensors.map(inputsOf); // tells what cannot be merged, and how much room is needed
  const inWork = TENSORS_AT_ONCE * threads;
  const idle: TileBuffers[] = [];
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
    return { sha256: hash.digest("hex"), fixes: [] };
  };
  const mergeThrough = async (
    buffers: TileBuffers,
    tensor: TensorPlan,
    place: TensorPlace,
    onBytes: (bytes: number) => void,
  ): Promise<PlacedTensor> => {
    const inputs = heldInputs(inputsOf(tensor), buffers.hold);
    const reader = elementReader(kernel, inputs, tensor.loadAs, arithmeticOf(tensor));
    const facts = tensorFacts(reader, tensor.base, false);
    const operands = { types: inputs.types, facts, store: tensor.dtype };
    const pass = await prepareTensor(kernel, programs, generator, plan.compat, tensor, operands);
    const check = finiteCheck(kernel, tensor.dtype);
    const hash = createHash("sha256");
    const file = await openPlace(place);
    try {
      await streamTiles(tensor, pass, inputs, buffers, (output) => {
        check(tensor.name, output);
        const written = file.append(output);
        hash.update(output); // while the disk is busy
        onBytes(output.byteLength);
        return written;
      });
      await buffers.idle();
    } finally {
      await file.close();
    }
    return { sha256: hash.digest("hex"), fixes: await pass.fixes() };
  };
  return {
    async merge(index, place, onBytes) {
      const tensor = plan.tensors[index];
      if (tensor === undefined) return copy(index - plan.tensors.length, place, onBytes);
      const buffers = idle.pop() ?? openBuffers(kernel, plan.tensors, sources, inWork);
      const placed = await mergeThrough(buffers, tensor, place, onBytes);
      idle.push(buffers); // not after a failure, when reads may still be under way
      return placed;
    },
    maskState: () => generator.state(),
    async close() {
      for (const buffers of idle) buffers.close();
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
        await writeFully(handle, start, bytes);
      } catch (cause) {
        throw ioError("write", path, cause);
      }
    },
    close: () => handle.close(),
  };
}
