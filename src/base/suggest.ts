// Did-you-mean: the known name nearest to a mistyped one.

import { closest, distance } from "fastest-levenshtein";

/**
 * The nearest of `known` if it is close enough to be a typing slip (a third of the length, at least 2 edits), else
 * undefined.
 */
export function suggest(name: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const nearest = closest(name, known);
  return distance(name, nearest) <= Math.max(2, Math.floor(name.length / 3)) ? nearest : undefined;
}

/** `; did you mean "weight"?` or an empty string, to end an error message with. */
export function didYouMean(name: string, known: readonly string[]): string {
  const nearest = suggest(name, known);
  return nearest === undefined ? "" : `; did you mean "${nearest}"?`;
}
