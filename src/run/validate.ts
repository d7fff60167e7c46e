// A recipe checked without weights: what `tsmerge validate` says of one file.

import { TsmergeError, toWire, type WireError } from "../base/errors.ts";
import { openRecipe, planOpened, type RecipeFile } from "./planned-merge.ts";

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
    const opened = await openRecipe(file, onNote);
    const { recipe, models, plan } = planOpened(opened, file, onNote);
    const count = models.size === 1 ? "1 model" : `${models.size} models`;
    const summary = `valid: ${recipe.method} of ${count} into ${plan.tensors.length} tensors`;
    return { file: file.file, notes, summary, error: undefined };
  } catch (error) {
    if (!(error instanceof TsmergeError)) throw error;
    const { stack: _, ...wire } = toWire(error);
    return { file: file.file, notes, summary: undefined, error: wire };
  }
}
