// The text of best_config.yaml: only mergekit's keys; seed, versions and hashes stand in comments that a
// merge reads back, so that it gives the bytes that were scored.

import { contentHash } from "../../base/hash.ts";
import { renderRecipe } from "../../recipe/yaml/render.ts";
import type { Composition, Contest } from "./contest.ts";

/** @param lines for people, on top */
export function recipeFile(
  { seed, provenance, identity }: Contest,
  { recipe, hash }: Composition,
  lines: readonly string[],
): string {
  const record = { seed, recipe: hash, run: contentHash(identity), ...provenance };
  return renderRecipe(recipe, { lines, record });
}
