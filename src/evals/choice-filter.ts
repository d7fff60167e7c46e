// The filter multi_choice_regex: which lettered choice a generated text names. By a pattern, else by a choice's own
// words, else by a letter after a colon, as lm-evaluation-harness does; the answer is a letter in brackets.

import { pythonRegex } from "./python/regex.ts";
import { strip } from "./python/text.ts";

export type ChoiceFilter = (text: string, choices: readonly string[]) => string;

/** The filter of one step of a pipeline, by the step's own fields. */
export function choiceFilter(step: Readonly<Record<string, unknown>>): ChoiceFilter {
  const pattern = pythonRegex(String(step.regex_pattern ?? "#### (\\-?[0-9\\.\\,]+)"));
  const fallback = String(step.fallback ?? "[invalid]");
  const selected = selectedBy(Number(step.group_select ?? 0));
  const ignored = [step.regexes_to_ignore ?? []].flat().map((each) => pythonRegex(String(each)));
  const normal = (text: string): string => {
    const rest = ignored.reduce((left, each) => left.replaceAll(each, ""), text);
    const folded = step.ignore_case === true ? rest.toLowerCase() : rest;
    return step.ignore_punctuation === true ? folded.replaceAll(/\p{P}/gu, "") : folded;
  };
  return (text, choices) => {
    const letters = choices.map((_, index) => String.fromCodePoint("A".codePointAt(0)! + index));
    const words = choices.map((choice) => normal(strip(choice)));
    const byWords = new Map(words.map((each, index) => [each, `(${letters[index]})`]));
    const worded = selected(anyOf(words), normal(text));
    const lettered = selected(pythonRegex(`:[\\s]*(${letters.join("|")})`), text);
    return (
      selected(pattern, text) ||
      (byWords.get(worded) ?? worded) ||
      (lettered === "" ? fallback : `(${lettered})`)
    );
  };
}

/** One of a pattern's matches: the first of its groups that is not empty, or all of it; empty for none. */
function selectedBy(index: number): (pattern: RegExp, text: string) => string {
  return (pattern, text) => {
    const match = [...text.matchAll(pattern)].at(index);
    if (match === undefined) return "";
    return strip(match.length === 1 ? match[0] : (match.slice(1).find(Boolean) ?? ""));
  };
}

/** Any of some texts, the longest first, as Python's re.escape writes them. */
function anyOf(texts: readonly string[]): RegExp {
  const length = (text: string): number =>
    [...text].length + [...text.matchAll(/[()[\]{}?*+\-|^$\\.&~# \t\n\r\v\f]/g)].length;
  const sorted = texts.toSorted((a, b) => length(b) - length(a));
  return new RegExp(
    sorted.map((text) => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&")).join("|"),
    "gu",
  );
}
