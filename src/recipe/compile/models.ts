// The facts about models that a recipe needs before it can be compiled: where they lie, what their
// configuration says, which tensors they hold. No weights are read, and nothing is asked that only a
// forward pass needs: any model with named tensors can be merged.

import type { TensorInfo, TensorPart } from "../../checkpoint/checkpoint.ts";
import { openCheckpoint } from "../../checkpoint/open.ts";
import { joinLocation, splitLocation } from "../../hub/location.ts";
import { filesOf, TOKENIZER } from "../../merge/tokenizer/tokenizer-folder.ts";
import { areAlike, expertLayout, relaidTensors } from "../../model/family/expert-layouts.ts";
import { type ModelWeights, modelWeights } from "../../model/family/model-weights.ts";
import { readStoredConfig, type StoredConfig } from "../../model/family/stored-config.ts";

export interface LoadedModel {
  /** As the recipe names it. */
  readonly reference: string;
  /** What its checkpoint is opened by: its folder, with an adapter's after it (see joinLocation). */
  readonly location: string;
  /** The folder of its config.json, as a real path. */
  readonly directory: string;
  /** The folder of its tokenizer: an adapter's where that brings one, which its tokens were trained with. */
  readonly tokenizerDirectory: string;
  readonly config: StoredConfig;
  /** What its files hold, by name, with experts in the layout of the first model that has any. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** What makes up each of `tensors` that no file holds; absent where experts are read as they are stored. */
  readonly views?: ReadonlyMap<string, readonly TensorPart[]>;
  /** What it may hold by its architecture; kept here because every candidate's plan needs it. */
  readonly weights: ModelWeights;
}

/** By reference. */
export type LoadedModels = ReadonlyMap<string, LoadedModel>;

/**
 * Reads headers and configurations of the models that `modelReferences` lists.
 * @param resolve finds a reference's location; throws TsmergeError when there is none
 * @param known models that are taken as they are; none by default
 */
export async function loadModels(
  references: readonly string[],
  resolve: (reference: string) => Promise<string>,
  known: LoadedModels = new Map(),
): Promise<LoadedModels> {
  const models = new Map<string, LoadedModel>();
  for (const reference of references) {
    const given = known.get(reference);
    if (given !== undefined) {
      models.set(reference, given);
      continue;
    }
    const found = await resolve(reference);
    const checkpoint = await openCheckpoint(found);
    const { directory, tensors } = checkpoint;
    await checkpoint.close();
    const { adapter } = splitLocation(found);
    const location = adapter === undefined ? directory : joinLocation(directory, adapter);
    const config = await readStoredConfig(directory);
    const weights = modelWeights(config, tensors, directory);
    const hasOwn =
      adapter !== undefined && (await filesOf(adapter)).some((name) => TOKENIZER.test(name));
    const tokenizerDirectory = hasOwn ? adapter : directory;
    const where = { reference, location, directory, tokenizerDirectory };
    models.set(reference, { ...where, config, tensors, weights });
  }
  return inOneLayout(models);
}

/** The models with their experts as the first one's files have them: their tensors then meet by name. */
function inOneLayout(models: LoadedModels): LoadedModels {
  const layouts = [...models.values()].map(({ tensors }) => expertLayout(tensors));
  const first = layouts.find((layout) => layout !== undefined);
  if (first === undefined) return models;
  const entries = [...models].map(([reference, model], index): [string, LoadedModel] => {
    const own = layouts[index];
    if (own === undefined || areAlike(own, first)) return [reference, model];
    const { tensors, views } = relaidTensors(model.tensors, own, first);
    const weights = modelWeights(model.config, tensors, model.directory);
    return [reference, { ...model, tensors, views, weights }];
  });
  return new Map(entries);
}
