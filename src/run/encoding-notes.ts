// What tokenisation had to do out of the ordinary, in words: whoever reads a score should know it.

import type { PairCounts } from "../evals/trie/pairs.ts";

/** A sentence for each kind of exception that was met, with how often. */
export function encodingNotes({ truncated, seams, separate }: PairCounts): string[] {
  const met: [number, string][] = [
    [truncated, "choices follow a prompt longer than the model's positions: its beginning is cut"],
    [seams, "choices merge with their prompt's last token and are cut by position"],
    [separate, "choices have no token of their own and are encoded apart"],
  ];
  return met.flatMap(([many, what]) => (many > 0 ? [`${many} ${what}`] : []));
}
