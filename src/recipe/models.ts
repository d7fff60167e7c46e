// The facts about models that a recipe needs before it can be compiled: where they lie, what their
// configuration says, which tensors they hold. No weights are read.

import type { TensorInfo } from "../checkpoint/checkpoint.ts";
import { openCheckpoint } from "../checkpoint/open.ts";
import { type ModelConfig, readModelConfig } from "../model/config.ts";

export interface LoadedModel {
  /** As the recipe names it. */
  readonly reference: string;
  /** Its folder, as a real path. */
  readonly directory: string;
  readonly config: ModelConfig;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
}

/** By reference. */
export type LoadedModels = ReadonlyMap<string, LoadedModel>;

/**
 * Reads headers and configurations of the models that `modelReferences` lists.
 * @param resolve finds a reference's folder; throws TsmergeError when there is none
 */
export async function loadModels(
  references: readonly string[],
  resolve: (reference: string) => Promise<string>,
): Promise<LoadedModels> {
  const models = new Map<string, LoadedModel>();
  for (const reference of references) {
    const checkpoint = await openCheckpoint(await resolve(reference));
    const { directory, tensors } = checkpoint;
    await checkpoint.close();
    models.set(reference, {
      reference,
      directory,
      config: await readModelConfig(directory),
      tensors,
    });
  }
  return models;
}
