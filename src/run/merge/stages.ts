// A file of several recipes: every stage but the last is merged into a work folder, under a name that says
// what it was made of, so that the next run takes it as it is. The last stage is the output.

import { access } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fingerprint } from "../../checkpoint/fingerprint.ts";
import { planHash } from "../../merge/fingerprint.ts";
import { mapReferences } from "../../recipe/recipe.ts";
import type { ReadRecipe } from "../../recipe/yaml/read.ts";
import type { PlannedMerge, RecipeFile } from "./planned-merge.ts";
import { planStage } from "./planned-merge.ts";

/** Digits of a stage's hash in its folder's name: far from meeting by chance. */
const HASH_DIGITS = 16;

export interface StagesOptions extends RecipeFile {
  readonly outDir: string;
  /** Where stages are kept; beside the output, as `OUT.stages`, unless given. */
  readonly workDir?: string;
}

/**
 * Merges all stages but the last that are not there yet, and plans the last.
 * @param stages in order, as readStages gives them
 * @param merge writes a plan to a folder, which appears when it is complete
 */
export async function prepareStages(
  stages: readonly ReadRecipe[],
  options: StagesOptions,
  merge: (planned: PlannedMerge, outDir: string) => Promise<unknown>,
  onNote: (note: string) => void,
): Promise<PlannedMerge> {
  const workDir = stagesFolder(options);
  const folders = new Map<string, string>();
  const planned = (stage: ReadRecipe) => {
    const recipe = mapReferences(stage.recipe, (reference) => folders.get(reference) ?? reference);
    return planStage({ ...stage, recipe }, options, onNote);
  };
  for (const stage of stages.slice(0, -1)) {
    const name = stage.name!; // only the output, which is last, may have none
    const made = await planned(stage);
    const folder = await stageFolder(workDir, name, made);
    if (await isThere(folder)) onNote(`stage ${name} is there already: ${folder}`);
    else await merge(made, folder);
    folders.set(name, folder);
  }
  return planned(stages.at(-1)!); // a file holds at least one recipe
}

/** The folder that stages are kept in. */
export function stagesFolder({
  outDir,
  workDir,
}: Pick<StagesOptions, "outDir" | "workDir">): string {
  return resolve(workDir ?? `${outDir}.stages`);
}

/** Where a stage's output is kept, by what it is made of. Reads every byte of its models once. */
export async function stageFolder(
  workDir: string,
  name: string,
  planned: PlannedMerge,
): Promise<string> {
  const hash = planHash(planned.plan, await parentHashes(planned));
  return join(workDir, `${name}-${hash.slice(0, HASH_DIGITS)}`);
}

/** What every model of a plan holds, by the location the plan opens it at. */
async function parentHashes({ plan, models }: PlannedMerge): Promise<ReadonlyMap<string, string>> {
  const locations = [...plan.models, plan.donor, ...[...models.values()].map((m) => m.location)];
  const hashes = new Map<string, string>();
  for (const location of new Set(locations)) hashes.set(location, await fingerprint(location));
  return hashes;
}

/** Whether a folder holds a model. */
export async function isThere(folder: string): Promise<boolean> {
  return access(join(folder, "config.json")).then(
    () => true,
    () => false, // absent, or unreadable, which the merge into it reports
  );
}
