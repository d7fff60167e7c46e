// Whole repositories from the hub into the cache: what of them is wanted, and where it then lies.

import { hasWholeWeights, modelFiles } from "./model-files.ts";
import type { Repository } from "./repository.ts";
import type { HubAccess } from "./settings.ts";
import { type Freshness, openSnapshot, type Snapshot } from "./snapshot.ts";

/** Finds a model, in the cache or on the hub. Throws as openSnapshot. */
export function openModel(
  repository: Repository,
  hub: HubAccess,
  freshness?: Freshness,
): Promise<Snapshot> {
  return openSnapshot(repository, hub, hasWholeWeights, freshness);
}

/** Its folder, with its configuration, tokenizer and weights in it. Throws as Snapshot's ensure. */
export async function ensureModel({ folder, paths, ensure }: Snapshot): Promise<string> {
  await ensure(modelFiles(paths));
  return folder;
}

/** A data set's folder in the cache as the hub has it now, with all its files in it. Throws as openSnapshot and its ensure. */
export async function fetchDataset(repository: Repository, hub: HubAccess): Promise<string> {
  const { folder, paths, ensure } = await openSnapshot(repository, hub, () => false, "asked");
  await ensure(paths);
  return folder;
}
