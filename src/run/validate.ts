// A recipe checked without weights, but for tensors that must be equal because they cannot be merged: what
// `tsmerge validate` says of one file.

import { TsmergeError, toWire, type WireError } from "../base/errors.ts";
import { checkCopies } from "../merge/copies.ts";
import { outputsOf } from "../merge/plan.ts";
import { planStage, type RecipeFile, readStages } from "./planned-merge.ts";

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
    const stages = await readStages(file, onNote);
    const [first, ...others] = stages;
    const { recipe, models, plan } = await planStage(first!, file, onNote); // a file has one recipe at least
    await checkCopies(plan);
    const count = models.size === 1 ? "1 model" : `${models.size} models`;
    const made = `${recipe.method} of ${count} into ${outputsOf(plan).length} tensors`;
    const summary =
      others.length === 0
        ? `valid: ${made}`
        : `valid: the first of ${stages.length} recipes is ${made}; the others build on it and are compiled when it is merged`;
    return { file: file.file, notes, summary, error: undefined };
  } catch (error) {
    if (!(error instanceof TsmergeError)) throw error;
    const { stack: _, ...wire } = toWire(error);
    return { file: file.file, notes, summary: undefined, error: wire };
  }
}
