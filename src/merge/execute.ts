// Merges a plan to a model folder, tile by tile: no tensor is ever held. While one tile is computed the
// next is read and the one before it written. The folder appears when everything in it is complete.

import { join } from "node:path";
import writeFileAtomic from "write-file-atomic";
import { bytesPerElement } from "../base/dtype.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { copyDonorFiles } from "../checkpoint/donor-files.ts";
import { openCheckpoint } from "../checkpoint/open.ts";
import { CheckpointWriter } from "../checkpoint/writer.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { elementReader } from "./elements.ts";
import { weightsDigest } from "./fingerprint.ts";
import { checkFinite } from "./finite.ts";
import { stageFolder } from "./output-folder.ts";
import type { MergePlan, TensorPlan } from "./plan.ts";
import { tensorFacts } from "./statistics.ts";
import {
  arithmeticOf,
  elementsOf,
  maskGenerator,
  type ProgramCache,
  prepareTensor,
} from "./tensor-pass.ts";
import { fileInputs, openBuffers, streamTiles } from "./tiles.ts";

export interface MergeProgress {
  /** Tensors finished, of `tensors`. */
  readonly done: number;
  readonly tensors: number;
  /** Bytes computed, of `totalBytes`. */
  readonly bytes: number;
  readonly totalBytes: number;
}

export interface ExecuteOptions {
  readonly outDir: string;
  /** Most tensor bytes in one file; 5·10⁹ by default. */
  readonly shardBytes?: number;
  /** Replace a folder that holds files. */
  readonly force?: boolean;
  /** Further text files by name, such as `mergekit_config.yml` and `README.md`. */
  readonly files?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: MergeProgress) => void;
}

export interface ExecutedMerge {
  /** SHA-256 of the weights whatever their shards (WeightsDigest): what CandidateMerger.digest gives for the same plan. */
  readonly weightsSha256: string;
  /** Names of the files in the folder. */
  readonly files: readonly string[];
}

/**
 * Computes every tensor of `plan` into a model folder with its config.json and the donor's tokenizer.
 * Throws TsmergeError `io` when the folder holds files, `numeric` when a tensor holds NaN or infinity.
 */
export async function executeMerge(
  plan: MergePlan,
  kernel: Kernel,
  options: ExecuteOptions,
): Promise<ExecutedMerge> {
  const folder = await stageFolder(options.outDir, options.force ?? false);
  const checkpoints: Checkpoint[] = [];
  try {
    for (const model of plan.models) checkpoints.push(await openCheckpoint(model));
    const weights = await writeWeights(plan, kernel, checkpoints, folder.staging, options);
    const replaced = plan.files ?? {};
    const donated = await copyDonorFiles(plan.donor, folder.staging, Object.keys(replaced));
    const config = `${JSON.stringify(plan.config, null, 2)}\n`;
    const texts = { ...replaced, "config.json": config, ...options.files };
    const written = Object.entries(texts).filter(([, text]) => text !== null);
    for (const [name, text] of written) {
      await writeFileAtomic(join(folder.staging, name), text ?? "");
    }
    await folder.commit();
    const files = new Set([...weights.files, ...donated, ...written.map(([name]) => name)]);
    return { weightsSha256: weights.sha256, files: [...files] };
  } catch (error) {
    await folder.discard();
    throw error;
  } finally {
    await Promise.all(checkpoints.map((checkpoint) => checkpoint.close()));
  }
}

async function writeWeights(
  plan: MergePlan,
  kernel: Kernel,
  checkpoints: readonly Checkpoint[],
  directory: string,
  { shardBytes, signal, onProgress }: ExecuteOptions,
): Promise<{ files: string[]; sha256: string }> {
  const sources = plan.tensors.map((tensor) => fileInputs(tensor, checkpoints));
  const shards = shardBytes === undefined ? {} : { shardBytes };
  const writer = await CheckpointWriter.open(directory, plan.tensors, shards);
  const buffers = openBuffers(kernel, plan.tensors, sources);
  const digest = weightsDigest();
  const masks = maskGenerator(plan);
  const programs: ProgramCache = new Map();
  const totalBytes = plan.tensors.reduce((sum, tensor) => sum + outputBytes(tensor), 0);
  let bytes = 0;
  try {
    for (const [index, tensor] of plan.tensors.entries()) {
      const inputs = sources[index]!;
      const reader = elementReader(kernel, inputs, tensor.loadAs, arithmeticOf(tensor));
      const facts = tensorFacts(reader, tensor.base);
      const operands = { types: inputs.types, facts, store: tensor.dtype };
      const pass = await prepareTensor(kernel, programs, masks, plan.compat, tensor, operands);
      digest.tensor(tensor, tensor.dtype);
      await streamTiles(tensor, pass, inputs, buffers, (output) => {
        signal?.throwIfAborted();
        checkFinite(tensor.name, tensor.dtype, output);
        const written = writer.write(tensor.name, output);
        digest.bytes(output); // while the disk is busy
        bytes += output.byteLength;
        onProgress?.({ done: index, tensors: plan.tensors.length, bytes, totalBytes });
        return written;
      });
    }
    await buffers.idle();
    onProgress?.({ done: plan.tensors.length, tensors: plan.tensors.length, bytes, totalBytes });
    return { files: await writer.finish(), sha256: digest.end() };
  } finally {
    await writer.abort(); // nothing after finish()
    buffers.close();
  }
}

function outputBytes(tensor: TensorPlan): number {
  return elementsOf(tensor.shape) * bytesPerElement(tensor.dtype);
}
