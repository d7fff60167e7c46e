// A recipe checked without weights, but for tensors that must be equal because they cannot be merged: what
// `tsmerge validate` says of one file.

import { TsmergeError, toWire, type WireError } from "../../base/errors.ts";
import { outputsOf } from "../../merge/plan.ts";
import { type PlannedMerge, type RecipeFile, readStages } from "./planned-merge.ts";
import { surveyStages } from "./survey.ts";

export interface ValidatedRecipe {
  readonly file: string;
  readonly notes: readonly string[];
  /** One sentence on what the recipe makes; undefined where it makes nothing. */
  readonly summary: string | undefined;
  /** Why it cannot be merged. */
  readonly error: WireError | undefined;
}

/** Reads and compiles one recipe. Throws nothing for a recipe that is wrong: that is the answer. */
export async function validateRecipe(file: RecipeFile): Promise<ValidatedRecipe> {
  const notes: string[] = [];
  const onNote = (note: string) => void notes.push(note);
  try {
    const surveyed = await surveyStages(await readStages(file, onNote), file, undefined, onNote);
    const made = surveyed.map(({ name, planned, problem }) => {
      if (planned === undefined) throw problem;
      return `${name === undefined ? "" : `${name}, `}${summaryOf(planned)}`;
    });
    return { file: file.file, notes, summary: `valid: ${made.join("; then ")}`, error: undefined };
  } catch (error) {
    if (!(error instanceof TsmergeError)) throw error;
    const { stack: _, ...wire } = toWire(error);
    return { file: file.file, notes, summary: undefined, error: wire };
  }
}

function summaryOf({ recipe, models, plan }: PlannedMerge): string {
  const count = models.size === 1 ? "1 model" : `${models.size} models`;
  return `${recipe.method} of ${count} into ${outputsOf(plan).length} tensors`;
}
