// A file of several recipes looked at before anything is merged: every stage is planned over what the stages
// before it will make. A model that does not exist yet is its plan: tensors by name, type and shape, and its
// small files in a temporary folder.

import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TsmergeError } from "../../base/errors.ts";
import { hasErrorCode, ioError } from "../../base/io-error.ts";
import { readJson } from "../../base/json.ts";
import { byteLengthOf } from "../../checkpoint/layout.ts";
import { checkCopies } from "../../merge/files/copies.ts";
import { writeModelFiles } from "../../merge/files/model-files.ts";
import { type MergePlan, outputsOf } from "../../merge/plan.ts";
import { elementsOf } from "../../merge/tensor-pass.ts";
import { modelWeights } from "../../model/family/model-weights.ts";
import { parseStoredConfig } from "../../model/family/stored-config.ts";
import { type LoadedModel, loadModels } from "../../recipe/compile/models.ts";
import type { ReadRecipe } from "../../recipe/yaml/read.ts";
import {
  type OpenedRecipe,
  openStage,
  type PlannedMerge,
  planOpened,
  type RecipeFile,
} from "./planned-merge.ts";
import { isThere, stageFolder } from "./stages.ts";

/** A merge that is still to be made. */
export interface SurveyedStage {
  /** Undefined of the file's output. */
  readonly name: string | undefined;
  readonly opened: OpenedRecipe;
  /** Undefined where its models do not fit together: `problem` says why, and no later stage is looked at. */
  readonly planned: PlannedMerge | undefined;
  readonly problem: TsmergeError | undefined;
}

/**
 * Plans every stage that is not there already, in order.
 * @param workDir where stages are kept; undefined takes none to be there
 * @throws TsmergeError as openStage; that models do not fit is a stage's problem, not an error
 */
export async function surveyStages(
  stages: readonly ReadRecipe[],
  options: RecipeFile,
  workDir: string | undefined,
  onNote: (note: string) => void,
): Promise<readonly SurveyedStage[]> {
  const scratch = await mkdtemp(join(tmpdir(), "tsmerge-survey-"));
  const made = new Map<string, LoadedModel>();
  const unmade = new Set<string>(); // locations
  const surveyed: SurveyedStage[] = [];
  const kept = workDir === undefined ? [] : await namesIn(workDir);
  try {
    for (const stage of stages) {
      // only the output, which is last, may have none
      const name = stage === stages.at(-1) ? undefined : stage.name!;
      const opened = await openStage(stage, options, onNote, made);
      const seen = await planOf(opened, options, unmade, onNote);
      const { planned } = seen;
      const isNew = [...opened.models.values()].some(({ location }) => unmade.has(location));
      const mayBeKept = kept.some((one) => one.startsWith(`${name}-`)); // else nothing is hashed
      if (planned !== undefined && name !== undefined && mayBeKept && !isNew) {
        const folder = await stageFolder(workDir!, name, planned);
        if (await isThere(folder)) {
          onNote(`stage ${name} is there already: ${folder}`);
          for (const model of (await loadModels([name], async () => folder)).values())
            made.set(name, model);
          continue;
        }
      }
      surveyed.push({ name, opened, ...seen });
      if (planned === undefined) break;
      if (name === undefined) continue;
      const model = await outlineOf(name, planned.plan, join(scratch, String(surveyed.length)));
      made.set(name, model);
      unmade.add(model.location);
    }
    return surveyed;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function planOf(
  opened: OpenedRecipe,
  options: RecipeFile,
  unmade: ReadonlySet<string>,
  onNote: (note: string) => void,
): Promise<Pick<SurveyedStage, "planned" | "problem">> {
  try {
    const planned = planOpened(opened, options, onNote);
    await checkCopies(planned.plan, unmade);
    return { planned, problem: undefined };
  } catch (error) {
    if (!(error instanceof TsmergeError)) throw error;
    return { planned: undefined, problem: error };
  }
}

/** The model that a plan makes, as later stages see it. */
async function outlineOf(
  reference: string,
  plan: MergePlan,
  directory: string,
): Promise<LoadedModel> {
  await mkdir(directory);
  await writeModelFiles(plan, directory, {});
  const file = join(directory, "config.json");
  const config = parseStoredConfig(await readJson(file), file);
  const tensors = new Map(
    outputsOf(plan).map(({ name, shape, dtype }) => {
      const byteLength = byteLengthOf({ name, shape, dtype });
      return [name, { name, shape, dtype, elements: elementsOf(shape), byteLength }];
    }),
  );
  const weights = modelWeights(config, tensors, directory);
  const where = { location: directory, directory, tokenizerDirectory: directory };
  return { reference, ...where, config, tensors, weights };
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((cause: unknown) => {
    if (hasErrorCode(cause, "ENOENT")) return [];
    throw ioError("read", folder, cause);
  });
}
