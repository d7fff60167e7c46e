// From a recipe file to a model folder: what `tsmerge merge` and an exported winner share.

import { availableParallelism } from "node:os";
import { basename, resolve } from "node:path";
import { TsmergeError } from "../../base/errors.ts";
import { requireRoom } from "../../checkpoint/disk-space.ts";
import { fingerprint } from "../../checkpoint/fingerprint.ts";
import { byteLengthOf } from "../../checkpoint/layout.ts";
import { parseShardSize } from "../../checkpoint/shard-size.ts";
import { mergePool } from "../../exec/merge-pool.ts";
import { type Device, selectKernel } from "../../kernel/device.ts";
import { soloCrew } from "../../merge/files/crew.ts";
import { type ExecutedMerge, executeWith, type MergeProgress } from "../../merge/files/execute.ts";
import { countFixes, type Fix, fixSentence } from "../../merge/fixes.ts";
import { type MergePlan, outputsOf } from "../../merge/plan.ts";
import { drawsInOrder } from "../../merge/tensor-pass.ts";
import type { ReadRecipe } from "../../recipe/yaml/read.ts";
import { renderRecipe } from "../../recipe/yaml/render.ts";
import { modelCard } from "./model-card.ts";
import { type PlannedMerge, readStages } from "./planned-merge.ts";
import { prepareStages, type StagesOptions, stagesFolder } from "./stages.ts";
import { surveyStages } from "./survey.ts";

export interface MergeFileOptions extends StagesOptions {
  /** As `--out-shard-size` writes it. */
  readonly shardSize: string;
  readonly device: Device;
  readonly force: boolean;
  /** Go on from what an interrupted merge left; true by default. */
  readonly resume?: boolean;
  /** Threads that merge, on the CPU. By default one a core, and one alone for a small model. */
  readonly threads?: number;
  /** Write README.md, for which every byte of the parents is hashed; true by default. */
  readonly modelCard?: boolean;
  /** Copy tokenizer and generation files; true by default. */
  readonly copyTokenizer?: boolean;
  /** As the user typed it, for the model card. */
  readonly command?: string;
}

export interface MergeListeners {
  readonly onNote?: (note: string) => void;
  readonly onProgress?: (progress: MergeProgress) => void;
  readonly signal?: AbortSignal;
}

/** Below this many bytes of output, threads take longer to start than to merge. */
const SMALL_BYTES = 2 ** 28;
/** More threads than this wait for memory and disk. */
const MOST_THREADS = 8;

/**
 * Merges a recipe file, with the stages its output builds on.
 * @throws TsmergeError `usage` for threads that the device cannot have, and what readStages, prepareStages and
 * executeWith throw
 */
export async function mergeFile(
  options: MergeFileOptions,
  listeners: MergeListeners = {},
): Promise<ExecutedMerge> {
  parseShardSize(options.shardSize); // a slip is told before models are opened
  const onNote = listeners.onNote ?? (() => {});
  const stages = await readStages(options, onNote);
  const merge = (stage: PlannedMerge, outDir: string) =>
    executePlanned(stage, { ...options, outDir, force: false }, listeners);
  if (stages.length > 1) await lookAhead(stages, options);
  const planned = await prepareStages(stages, options, merge, onNote);
  return executePlanned(planned, options, listeners);
}

/** What would end the merge after hours, told before its first stage. Throws as compileRecipe and requireRoom. */
async function lookAhead(stages: readonly ReadRecipe[], options: MergeFileOptions): Promise<void> {
  const workDir = stagesFolder(options);
  const surveyed = await surveyStages(stages, options, workDir, () => {}); // notes come with each stage
  const demands = surveyed.map(({ name, planned, problem }) => {
    if (planned === undefined) throw problem;
    const bytes = outputsOf(planned.plan).reduce((sum, tensor) => sum + byteLengthOf(tensor), 0);
    return { folder: name === undefined ? options.outDir : workDir, bytes };
  });
  await requireRoom(demands);
}

/** Merges what planStage gave. Throws as executeWith. */
async function executePlanned(
  planned: PlannedMerge,
  options: MergeFileOptions,
  { onNote, onProgress, signal }: MergeListeners = {},
): Promise<ExecutedMerge> {
  const { recipe, plan, seed } = planned;
  const allFixes = (inTensors: readonly Fix[]) => [...inTensors, ...countFixes(planned.fixes)];
  const threads = threadsFor(plan, options, onNote);
  const kernel = await selectKernel(options.device);
  const hashing = new AbortController();
  const hashes = options.modelCard === false ? undefined : parentHashes(planned, hashing.signal); // while others merge
  hashes?.catch(() => {}); // thrown where it is awaited
  try {
    const hire = threads === 1 ? soloCrew(kernel) : mergePool(threads);
    const merged = await executeWith(plan, hire, {
      outDir: options.outDir,
      shardBytes: parseShardSize(options.shardSize),
      force: options.force,
      resume: options.resume ?? true,
      copyDonor: options.copyTokenizer ?? true,
      async files({ weightsSha256, fixes }) {
        const config = renderRecipe(recipe, { record: { seed } });
        const parents = await hashes;
        if (parents === undefined) return { "mergekit_config.yml": config };
        noteChanged(planned.recorded, parents, onNote);
        const name = basename(resolve(options.outDir));
        const { command } = options;
        const facts = { name, parents, weightsSha256, config, command };
        const card = modelCard(planned, { ...facts, fixes: allFixes(fixes) });
        return { "mergekit_config.yml": config, "README.md": card };
      },
      ...(signal === undefined ? {} : { signal }),
      ...(onProgress === undefined ? {} : { onProgress }),
      ...(onNote === undefined ? {} : { onNote }),
    });
    const fixes = allFixes(merged.fixes);
    for (const fix of fixes) onNote?.(fixSentence(fix));
    return { ...merged, fixes };
  } finally {
    hashing.abort();
    await kernel.close();
  }
}

/** Writes a plan's model with its configuration and tokenizer, for a program to look at. Throws as executeWith. */
export async function writeModel(
  plan: MergePlan,
  outDir: string,
  signal: AbortSignal,
): Promise<void> {
  const device = "cpu";
  const threads = threadsFor(plan, { device });
  const kernel = await selectKernel(device);
  try {
    const hire = threads === 1 ? soloCrew(kernel) : mergePool(threads);
    await executeWith(plan, hire, { outDir, resume: false, signal });
  } finally {
    await kernel.close();
  }
}

/** How many threads a plan is merged on. Throws TsmergeError `usage` for several of them on a GPU. */
export function threadsFor(
  plan: MergePlan,
  { threads: asked, device }: Pick<MergeFileOptions, "threads" | "device">,
  onNote: (note: string) => void = () => {},
): number {
  if (device === "webgpu" || device === "cuda") {
    if (asked === undefined || asked === 1) return 1;
    throw new TsmergeError("usage", `device ${device} takes one thread, not ${asked}`, {
      hint: "leave --num-threads out, or merge on the CPU",
    });
  }
  if (drawsInOrder(plan)) {
    if (asked !== undefined && asked > 1) {
      onNote("mergekit's random masks are drawn one after another, so one thread merges");
    }
    return 1;
  }
  const bytes = plan.tensors.reduce((sum, tensor) => sum + byteLengthOf(tensor), 0);
  return asked ?? (bytes < SMALL_BYTES ? 1 : Math.min(availableParallelism(), MOST_THREADS));
}

/** The promise of an exported recipe, the very bytes that were scored, ends where a parent has changed. */
function noteChanged(
  recorded: Readonly<Record<string, string>>,
  parents: ReadonlyMap<string, string>,
  onNote: (note: string) => void = () => {},
): void {
  for (const [reference, hash] of parents) {
    const before = recorded[reference];
    if (before === undefined || before === hash) continue;
    onNote(
      `${reference} is not the model that the recipe was made with (SHA-256 ${before.slice(0, 12)}…, now ${hash.slice(0, 12)}…): the merge is not the one that was scored`,
    );
  }
}

/** Content hash of each parent, by reference. */
async function parentHashes(
  { models }: PlannedMerge,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const hashes = new Map<string, string>();
  for (const { reference, location } of models.values()) {
    hashes.set(reference, await fingerprint(location, signal));
  }
  return hashes;
}
