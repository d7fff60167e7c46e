// Merges a plan to a model folder, tensor by tensor, on one thread or several: no tensor is ever held. The
// folder appears when everything in it is complete; a merge that is stopped goes on, when it is run again,
// at the first shard that is not.

import { TsmergeError, toWire } from "../../base/errors.ts";
import { held } from "../../base/held.ts";
import { requireRoom } from "../../checkpoint/disk-space.ts";
import { byteLengthOf } from "../../checkpoint/layout.ts";
import { CheckpointWriter } from "../../checkpoint/writer.ts";
import { splitLocation } from "../../hub/location.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import { weightsDigest } from "../fingerprint.ts";
import { countFixes, type Fix } from "../fixes.ts";
import { type MergePlan, type OutputTensor, outputsOf } from "../plan.ts";
import { drawsInOrder } from "../tensor-pass.ts";
import { checkCopies } from "./copies.ts";
import { type HireCrew, soloCrew } from "./crew.ts";
import { mergeIdentity } from "./merge-identity.ts";
import { type MergeState, writeState } from "./merge-state.ts";
import { type ModelFilesOptions, writeModelFiles } from "./model-files.ts";
import { type OutputFolder, stageFolder } from "./output-folder.ts";
import type { PlacedTensor } from "./tensor-merger.ts";

export interface MergeProgress {
  /** Tensors finished, of `tensors`. */
  readonly done: number;
  readonly tensors: number;
  /** Bytes computed, of `totalBytes`; those of an interrupted merge count. */
  readonly bytes: number;
  readonly totalBytes: number;
  /** The tensor begun last. */
  readonly tensor: string;
}

export interface ExecuteOptions extends ModelFilesOptions {
  readonly outDir: string;
  /** Most tensor bytes in one file; 5·10⁹ by default. */
  readonly shardBytes?: number;
  /** Replace a folder that holds a model. */
  readonly force?: boolean;
  /** Go on from what an interrupted merge of the same plan left (the default); false deletes it. */
  readonly resume?: boolean;
  /**
   * Further text files by name, such as `mergekit_config.yml` and `README.md`; a function is asked when the
   * weights are there.
   */
  readonly files?: Texts | ((weights: WrittenWeights) => Promise<Texts>);
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: MergeProgress) => void;
  /** Is told in a sentence, too, when an interrupted merge is continued. */
  readonly onNote?: (note: string) => void;
}

type Texts = Readonly<Record<string, string>>;

export interface WrittenWeights {
  /** As weightsDigest: of the weights whatever their shards. */
  readonly weightsSha256: string;
  /** What the methods computed otherwise than mergekit. */
  readonly fixes: readonly Fix[];
}

export interface ExecutedMerge extends WrittenWeights {
  /** Names of the files in the folder. */
  readonly files: readonly string[];
}

/** executeWith on the calling thread. */
export function executeMerge(
  plan: MergePlan,
  kernel: Kernel,
  options: ExecuteOptions,
): Promise<ExecutedMerge> {
  return executeWith(plan, soloCrew(kernel), options);
}

/**
 * Computes every tensor of `plan` into a model folder with its config.json and the donor's tokenizer.
 * Throws TsmergeError `io` when the folder holds files or the disk fails, `usage` when it is a parent's, `numeric`
 * when a tensor holds NaN or infinity, `incompatible` as checkCopies, `interrupted` when the signal aborted. Unless
 * numbers or parents are at fault, what is complete stays in a folder beside, which the message names.
 */
export async function executeWith(
  plan: MergePlan,
  hire: HireCrew,
  options: ExecuteOptions,
): Promise<ExecutedMerge> {
  await checkCopies(plan);
  const folder = await stageFolder(options.outDir, {
    force: options.force ?? false,
    resume: options.resume ?? true,
    identity: await mergeIdentity(plan, options.shardBytes),
    sources: [plan.donor, ...plan.models.flatMap((location) => foldersOf(location))],
  });
  let writer: CheckpointWriter | undefined;
  try {
    const sealed = new Set(Object.keys(folder.resumed?.shards ?? {}));
    const shards = options.shardBytes === undefined ? {} : { shardBytes: options.shardBytes };
    writer = await CheckpointWriter.open(folder.staging, outputsOf(plan), { ...shards, sealed });
    await requireRoom([{ folder: options.outDir, bytes: writer.missingBytes }]);
    const weights = await writeWeights(plan, hire, writer, folder, options);
    const { files = {} } = options;
    const texts = typeof files === "function" ? await files(weights) : files;
    const others = await writeModelFiles(plan, folder.staging, texts, options);
    await folder.commit();
    return { ...weights, files: [...new Set([...weights.files, ...others])] };
  } catch (cause) {
    const error = options.signal?.aborted === true ? interrupted(cause) : cause;
    const complete = writer?.sealed.size ?? 0;
    if (writer === undefined || complete === 0 || !canGoOn(error)) {
      await writer?.abort();
      await folder.discard();
      throw error;
    }
    await writer.suspend();
    throw withRemains(error, complete, folder.staging);
  }
}

/** The folders of a location: the model's, and its adapter's. */
function foldersOf(location: string): string[] {
  const { folder, adapter } = splitLocation(location);
  return adapter === undefined ? [folder] : [folder, adapter];
}

async function writeWeights(
  plan: MergePlan,
  hire: HireCrew,
  writer: CheckpointWriter,
  folder: OutputFolder,
  { signal, onProgress, onNote }: ExecuteOptions,
): Promise<ExecutedMerge> {
  const { resumed } = folder;
  const inOrder = drawsInOrder(plan);
  const earlier = resumed?.shards ?? {};
  const isWhole = Object.keys(earlier).every((file) => writer.sealed.has(file));
  if (inOrder && !isWhole) {
    throw new TsmergeError("io", "a shard of the interrupted merge is gone", {
      where: folder.staging,
      hint: "start anew with --no-resume: under compat draws depend on every shard before",
    });
  }
  const kept = Object.entries(earlier).filter(([file]) => writer.sealed.has(file));
  const placed = new Map(kept.flatMap(([, tensors]) => Object.entries<PlacedTensor>(tensors)));
  const outputs = outputsOf(plan);
  const queue = [...outputs.entries()].filter(([, { name }]) => !placed.has(name));
  const totalBytes = outputs.reduce((sum, tensor) => sum + byteLengthOf(tensor), 0);
  let bytes = totalBytes - queue.reduce((sum, [, tensor]) => sum + byteLengthOf(tensor), 0);
  let tensor = "";
  const report = (more: number) => {
    bytes += more;
    onProgress?.({ done: placed.size, tensors: outputs.length, bytes, totalBytes, tensor });
  };
  if (kept.length > 0) {
    onNote?.(
      `continuing an interrupted merge: ${kept.length} shards, ${placed.size} of ${outputs.length} tensors are there`,
    );
  }
  const { masks } = resumed ?? {};
  const crew = await hire(plan, {
    onBytes: report,
    ...(masks === undefined ? {} : { masks }),
    ...(signal === undefined ? {} : { signal }),
  });
  try {
    const inWork = inOrder ? 1 : crew.inWork;
    if (inWork > 1) largestFirst(queue, writer);
    const record = shardRecorder(plan, writer, folder, placed, kept);
    // Flushing a shard takes long and the next tensors do not wait for it. Shards are recorded one after
    // another all the same, so that the draws recorded with one start behind every shard before it.
    let recorded: Promise<void> = Promise.resolve();
    try {
      await eachInLanes(queue, inWork, async ([index, { name }]) => {
        signal?.throwIfAborted();
        tensor = name;
        placed.set(name, await crew.merge(index, await writer.place(name)));
        const masks = crew.maskState();
        recorded = held(recorded.then(() => record(name, masks)));
      });
    } finally {
      await recorded.catch(() => {}); // thrown below, unless something else failed first
    }
    await recorded;
  } finally {
    await crew.close();
  }
  report(0);
  const fixes = countFixes([...placed.values()].flatMap((tensor) => tensor.fixes));
  return { files: await writer.finish(), weightsSha256: digestOf(plan, placed), fixes };
}

/** Tells the writer that a tensor is there and, when that completed its shard, writes the state down. */
function shardRecorder(
  plan: MergePlan,
  writer: CheckpointWriter,
  { staging, state: initial }: OutputFolder,
  placed: ReadonlyMap<string, PlacedTensor>,
  kept: readonly [string, MergeState["shards"][string]][],
): (name: string, masks: readonly number[] | undefined) => Promise<void> {
  let state: MergeState = { ...initial, shards: Object.fromEntries(kept) };
  return async (name, masks) => {
    const shard = writer.shardOf(name);
    if (!(await writer.written(name))) return;
    const members = outputsOf(plan).filter((tensor) => writer.shardOf(tensor.name) === shard);
    const known = Object.fromEntries(
      members.map((tensor) => [tensor.name, placed.get(tensor.name)!]),
    );
    state = {
      ...state,
      shards: { ...state.shards, [shard]: known },
      ...(masks === undefined ? {} : { masks: [...masks] }),
    };
    await writeState(staging, state);
  };
}

/** Largest tensors of each shard first, so that no thread ends with a large one alone; shards stay in order. */
function largestFirst(queue: [number, OutputTensor][], writer: CheckpointWriter): void {
  const shardAt = new Map(queue.map(([index, { name }]) => [index, writer.shardOf(name)]));
  queue.sort(([i, a], [j, b]) => {
    const [x, y] = [shardAt.get(i)!, shardAt.get(j)!];
    return x === y ? byteLengthOf(b) - byteLengthOf(a) : x < y ? -1 : 1;
  });
}

/** Works through `items` in order, `lanes` at once; after a failure nothing new is begun, and it is thrown. */
async function eachInLanes<T>(
  items: readonly T[],
  lanes: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  let hasFailed = false;
  const lane = async () => {
    for (const item of queue) {
      if (hasFailed) return;
      try {
        await work(item);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: lanes }, lane));
  const failure = ends.find((end) => end.status === "rejected");
  if (failure !== undefined) throw failure.reason;
}

function digestOf(plan: MergePlan, placed: ReadonlyMap<string, PlacedTensor>): string {
  return weightsDigest(
    outputsOf(plan).map((tensor) => ({ ...tensor, sha256: placed.get(tensor.name)!.sha256 })),
  );
}

function interrupted(cause: unknown): TsmergeError {
  return new TsmergeError("interrupted", "the merge was stopped", {
    cause,
    hint: "run the same command again",
  });
}

/** Errors that the same merge would end with again: its numbers or its parents are at fault. */
const LASTING: readonly string[] = ["numeric", "incompatible", "checkpoint", "config"];

/** Whether the same merge may come further another time. What nobody foresaw (no memory, say) may pass too. */
function canGoOn(error: unknown): boolean {
  return !(error instanceof TsmergeError) || !LASTING.includes(error.code);
}

function withRemains(cause: unknown, shards: number, staging: string): TsmergeError {
  const { code, message, where, hint } = toWire(cause);
  const cure = code === "io" ? "see to the disk" : "try again";
  const first = code === "interrupted" ? "" : `${hint ?? cure}; `;
  return new TsmergeError(
    code,
    `${message}; ${shards} complete shard${shards === 1 ? " stays" : "s stay"} in ${staging}`,
    {
      ...(where === undefined ? {} : { where }),
      hint: `${first}the same command goes on from there, and with --no-resume starts anew`,
      cause,
    },
  );
}
