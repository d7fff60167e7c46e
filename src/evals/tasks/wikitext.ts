// WikiText's tokenised pages as plain text again. The order of the steps matters; results are those of
// lm-evaluation-harness to the character, odd ones included (` N ` becomes ` 1 `).

import { SPACES } from "../python/text.ts";

const S = `[${SPACES}]*`;
const between = (open: string, close: string, inner: string): RegExp =>
  new RegExp(`${open}${S}(${inner}*?)${S}${close}`, "g");

const STEPS: readonly (readonly [RegExp | string, string])[] = [
  ["s '", "s'"],
  [" @-@ ", "-"],
  [" @,@ ", ","],
  [" @.@ ", "."],
  [" : ", ": "],
  [" ; ", "; "],
  [" . ", ". "],
  [" ! ", "! "],
  [" ? ", "? "],
  [" , ", ", "],
  [between("\\(", "\\)", "[^)]"), "($1)"],
  [between("\\[", "\\]", "[^\\]]"), "[$1]"],
  [between("\\{", "\\}", "[^}]"), "{$1}"],
  [between('"', '"', '[^"]'), '"$1"'],
  [between("'", "'", "[^']"), "'$1'"],
  ["= = = =", "===="],
  ["= = =", "==="],
  ["= =", "=="],
  [" ° ", "°"],
  [" \n", "\n"],
  ["\n ", "\n"],
  [" N ", " 1 "],
  [" 's", "'s"],
];

/** A page as it was written. */
export function detokenise(page: string): string {
  return STEPS.reduce((text, [from, to]) => text.replaceAll(from, to), page);
}

/** Parts between runs of white space, empty ones at the ends included: `len(re.split(r"\s+", text))`. */
export function countWords(text: string): number {
  return text.split(new RegExp(`[${SPACES}]+`)).length;
}
