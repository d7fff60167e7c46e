// From a recipe file to a plan: what merging, validating and a dry run share. Headers and configurations
// are read; no weights are.

import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { TsmergeError } from "../../base/errors.ts";
import { resolveModel } from "../../hub/reference.ts";
import type { HubAccess } from "../../hub/settings.ts";
import type { FixName } from "../../merge/fixes.ts";
import type { MergePlan } from "../../merge/plan.ts";
import { advise, adviseOnModels } from "../../recipe/advice.ts";
import { compileRecipe } from "../../recipe/compile/compile.ts";
import { type LoadedModels, loadModels } from "../../recipe/compile/models.ts";
import { type OutputTokenizer, outputTokenizer } from "../../recipe/compile/output-tokenizer.ts";
import { modelReferences, type Recipe } from "../../recipe/recipe.ts";
import { type ReadRecipe, readRecipes } from "../../recipe/yaml/read.ts";
import { orderStages } from "../../recipe/yaml/stages.ts";

/** Of masks when neither the command nor the recipe names one. */
const DEFAULT_SEED = 0;

export interface RecipeFile extends HubAccess {
  readonly file: string;
  /** Undefined takes the one in the recipe's `# tsmerge:` comment, else 0. */
  readonly seed: number | undefined;
  /** mergekit's roundings, masks and leniency with unknown keys. */
  readonly compat: boolean;
  /** Merge models of different architectures by the names of their tensors. */
  readonly allowCrimes?: boolean;
}

/** A recipe and the facts about its models. */
export interface OpenedRecipe {
  readonly recipe: Recipe;
  /** By reference, in the recipe's order. */
  readonly models: LoadedModels;
  readonly seed: number;
  readonly tokenizer: OutputTokenizer | undefined;
  /** The content hashes, by reference, of the models that the recipe was made with, where it records them. */
  readonly recorded: Readonly<Record<string, string>>;
}

export interface PlannedMerge extends OpenedRecipe {
  readonly plan: MergePlan;
  /** What the plan holds otherwise than mergekit's, one entry a tensor. */
  readonly fixes: readonly FixName[];
}

/** openStage, then planOpened. */
export async function planStage(
  stage: ReadRecipe,
  file: RecipeFile,
  onNote: (note: string) => void,
): Promise<PlannedMerge> {
  return planOpened(await openStage(stage, file, onNote), file, onNote);
}

/** Compiles. Throws as compileRecipe. */
export function planOpened(
  opened: OpenedRecipe,
  { compat, allowCrimes = false }: RecipeFile,
  onNote: (note: string) => void,
): PlannedMerge {
  const { recipe, models, seed, tokenizer } = opened;
  const fixes: FixName[] = [];
  const onFix = (fix: FixName) => void fixes.push(fix);
  const context = { models, seed, compat, tokenizer, allowCrimes, onNote, onFix };
  const plan = compileRecipe(recipe, context);
  return { ...opened, plan, fixes };
}

/**
 * The recipes of a file in the order they are merged; the last one makes the output.
 * @throws TsmergeError `usage` for an unreadable file, `config` for a recipe without meaning
 */
export async function readStages(
  { file, compat }: RecipeFile,
  onNote: (note: string) => void,
): Promise<readonly ReadRecipe[]> {
  const recipes = readRecipes(await readText(file), { file, compat });
  const { stages, notes } = orderStages(recipes, file);
  for (const note of [...stages.flatMap((stage) => stage.notes), ...notes]) onNote(note);
  return stages;
}

/**
 * Opens a recipe's models. Relative paths start from the working folder, then from the file's.
 * @param made the outputs of earlier stages by name; none by default
 * @throws TsmergeError as loadModels and outputTokenizer
 */
export async function openStage(
  { recipe, seed: noted, parents: recorded = {} }: ReadRecipe,
  { file, seed: asked, compat, ...hub }: RecipeFile,
  onNote: (note: string) => void,
  made: LoadedModels = new Map(),
): Promise<OpenedRecipe> {
  const seed = asked ?? noted ?? DEFAULT_SEED;
  const searchRoots = [process.cwd(), dirname(resolve(file))];
  const locate = (reference: string) => resolveModel(reference, { ...hub, searchRoots });
  const models = await loadModels(modelReferences(recipe), locate, made);
  const tokenizer = await outputTokenizer(recipe, models, compat);
  const advice = [...advise(recipe), ...(await adviseOnModels(recipe, models))];
  for (const note of [...(tokenizer?.notes ?? []), ...advice]) onNote(note);
  return { recipe, models, seed, tokenizer, recorded };
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new TsmergeError("usage", `the recipe ${file} cannot be read`, {
      cause,
      hint: "give the path of a YAML file, such as configs/recipes/ties.yml",
    });
  }
}
