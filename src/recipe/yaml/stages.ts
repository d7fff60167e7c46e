// The recipes of one file in the order they must be merged: a model that is named like another recipe is
// that recipe's output. Where outputs lie and whether they are there already is run/merge/stages.ts's.

import { TsmergeError } from "../../base/errors.ts";
import { modelReferences } from "../recipe.ts";
import type { ReadRecipe } from "./read.ts";

export interface Stages {
  /** Every recipe after those it uses; the last one is the file's output. */
  readonly stages: readonly ReadRecipe[];
  readonly notes: readonly string[];
}

/**
 * Orders the recipes of a file. The output is the one without a name, or the only one that no other uses.
 * @param file the file's name, for errors
 * @throws TsmergeError `config` for equal names, two outputs or none, and recipes that use each other
 */
export function orderStages(recipes: readonly ReadRecipe[], file: string): Stages {
  const fail = (message: string, hint: string) =>
    new TsmergeError("config", message, { where: file, hint });
  const named = new Map<string, ReadRecipe>();
  for (const recipe of recipes) {
    if (recipe.name === undefined) continue;
    if (named.has(recipe.name)) {
      throw fail(`two recipes are named ${recipe.name}`, "give every recipe a name of its own");
    }
    named.set(recipe.name, recipe);
  }
  const usedBy = ({ recipe }: ReadRecipe) =>
    modelReferences(recipe).flatMap((reference) => named.get(reference) ?? []);
  const used = new Set(recipes.flatMap(usedBy));
  const unnamed = recipes.filter(({ name }) => name === undefined);
  const ends = unnamed.length > 0 ? unnamed : recipes.filter((recipe) => !used.has(recipe));
  const [output, second] = ends;
  if (output === undefined) throw fail(...cycleOf(recipes, usedBy));
  if (second !== undefined) {
    throw fail(
      unnamed.length > 0
        ? `${unnamed.length} of the ${recipes.length} recipes have no name`
        : `no recipe uses ${ends.map(({ name }) => name).join(" or ")}`,
      "leave the name out of one recipe only: its output is the file's",
    );
  }
  const stages: ReadRecipe[] = [];
  const visit = (recipe: ReadRecipe, path: readonly ReadRecipe[]) => {
    if (path.includes(recipe)) throw fail(...cycleOf([recipe], usedBy));
    if (stages.includes(recipe)) return;
    for (const parent of usedBy(recipe)) visit(parent, [...path, recipe]);
    stages.push(recipe);
  };
  visit(output, []);
  const idle = recipes.filter((recipe) => !stages.includes(recipe));
  return {
    stages,
    notes: idle.map(({ name }) => `${file}: the output does not use ${name}: it is not merged`),
  };
}

/** Message and hint for recipes that use each other, starting from any that does. */
function cycleOf(
  [start]: readonly ReadRecipe[],
  usedBy: (recipe: ReadRecipe) => readonly ReadRecipe[],
): [string, string] {
  const path: ReadRecipe[] = [];
  let at = start;
  while (at !== undefined && !path.includes(at)) {
    path.push(at);
    at = usedBy(at).find((parent) => reaches(parent, parent, usedBy));
  }
  const names = [...path, at].flatMap((recipe) => recipe?.name ?? []);
  return [
    `recipes use each other: ${names.join(" uses ")}`,
    "a stage can only use earlier results",
  ];
}

/** Whether a recipe uses another, directly or through others. */
function reaches(
  from: ReadRecipe,
  to: ReadRecipe,
  usedBy: (recipe: ReadRecipe) => readonly ReadRecipe[],
): boolean {
  const seen = new Set<ReadRecipe>();
  const queue = [...usedBy(from)];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (next === to) return true;
    if (seen.has(next)) continue;
    seen.add(next);
    queue.push(...usedBy(next));
  }
  return false;
}
