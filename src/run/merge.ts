// From a recipe file to a model folder: what `tsmerge merge` and an exported winner share.

import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { TsmergeError } from "../base/errors.ts";
import { parseShardSize } from "../checkpoint/shard-size.ts";
import type { Environment } from "../hub/cache.ts";
import { resolveModel } from "../hub/reference.ts";
import { type Device, selectKernel } from "../kernel/device.ts";
import { type ExecutedMerge, executeMerge, type MergeProgress } from "../merge/execute.ts";
import { compileRecipe } from "../recipe/compile.ts";
import { loadModels } from "../recipe/models.ts";
import { readRecipe } from "../recipe/read.ts";
import { modelReferences } from "../recipe/recipe.ts";
import { renderRecipe } from "../recipe/render.ts";

/** Of masks when neither the command nor the recipe names one. */
const DEFAULT_SEED = 0;

export interface MergeFileOptions {
  readonly file: string;
  readonly outDir: string;
  /** Undefined takes the one in the recipe's `# tsmerge:` comment, else 0. */
  readonly seed: number | undefined;
  /** mergekit's roundings, masks and leniency with unknown keys. */
  readonly compat: boolean;
  /** As `--out-shard-size` writes it. */
  readonly shardSize: string;
  readonly device: Device;
  readonly force: boolean;
  readonly environment: Environment;
}

export interface MergeListeners {
  readonly onNote?: (note: string) => void;
  readonly onProgress?: (progress: MergeProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Merges a recipe file. Relative model paths start from the working folder, then from the file's.
 * @throws TsmergeError `usage` for an unreadable file, `config` for a recipe without meaning, and what
 * compileRecipe and executeMerge throw
 */
export async function mergeFile(
  options: MergeFileOptions,
  { onNote, onProgress, signal }: MergeListeners = {},
): Promise<ExecutedMerge> {
  const { file, compat, device, environment } = options;
  const shardBytes = parseShardSize(options.shardSize);
  const text = await readText(file);
  const { recipe, notes, seed: recordedSeed } = readRecipe(text, { file, compat });
  for (const note of notes) onNote?.(note);
  const seed = options.seed ?? recordedSeed ?? DEFAULT_SEED;
  const searchRoots = [process.cwd(), dirname(resolve(file))];
  const models = await loadModels(modelReferences(recipe), (reference) =>
    resolveModel(reference, { searchRoots, environment }),
  );
  const plan = compileRecipe(recipe, { models, seed, compat });
  const kernel = await selectKernel(device);
  try {
    return await executeMerge(plan, kernel, {
      outDir: options.outDir,
      shardBytes,
      force: options.force,
      files: { "mergekit_config.yml": renderRecipe(recipe, { record: { seed } }) },
      ...(signal === undefined ? {} : { signal }),
      ...(onProgress === undefined ? {} : { onProgress }),
    });
  } finally {
    await kernel.close();
  }
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new TsmergeError("usage", `the recipe ${file} cannot be read`, {
      cause,
      hint: "give the path of a YAML file, such as configs/merge.yml",
    });
  }
}
