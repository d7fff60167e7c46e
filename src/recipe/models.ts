// The facts about models that a recipe needs before it can be compiled: where they lie, what their
// configuration says, which tensors they hold. No weights are read.

import type { TensorInfo } from "../checkpoint/checkpoint.ts";
import { openCheckpoint } from "../checkpoint/open.ts";
import { type TensorName, tensorNames } from "../model/architecture.ts";
import { type ModelConfig, readModelConfig } from "../model/config.ts";

export interface LoadedModel {
  /** As the recipe names it. */
  readonly reference: string;
  /** Its folder, as a real path. */
  readonly directory: string;
  readonly config: ModelConfig;
  /** What its files hold, by name. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** What its architecture may hold, in order; kept here because every candidate's plan needs it. */
  readonly names: readonly TensorName[];
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
    const config = await readModelConfig(directory);
    const names = tensorNames(config.architecture, config.layers);
    models.set(reference, { reference, directory, config, tensors, names });
  }
  return models;
}
