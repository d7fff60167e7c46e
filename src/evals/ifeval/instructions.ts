// IFEval's 25 kinds of verifiable instructions (Zhou et al. 2023, arXiv:2311.07911), each a test of a response.
// They judge as lm-evaluation-harness's do, oddities included: a score that differs is no score of IFEval.

import { TsmergeError } from "../../base/errors.ts";
import { didYouMean } from "../../base/suggest.ts";
import { pythonRegex } from "../python/regex.ts";
import { lstrip, splitWords, strip } from "../python/text.ts";
import { languageOf } from "./language.ts";
import { countSentences, countWords, isLower, isUpper, treebankWords } from "./words.ts";

/** What an instruction asks for, as the data says it; members it does not need are null or absent. */
export type Arguments = Readonly<Record<string, unknown>>;

export type Verifier = (response: string, args: Arguments) => boolean;

const ANSWERS = ["My answer is yes.", "My answer is no.", "My answer is maybe."];
const FIRST_WORD_ENDS = new Set([".", ",", "?", "!", "'", '"']);

export const VERIFIERS: Readonly<Record<string, Verifier>> = {
  "change_case:capital_word_frequency": (response, args) =>
    holds(treebankWords(response).filter(isUpper).length, args, "capital"),
  "change_case:english_capital": (response) => isUpper(response) && isIn(response, "en"),
  "change_case:english_lowercase": (response) => isLower(response) && isIn(response, "en"),
  "combination:repeat_prompt": (response, { prompt_to_repeat: prompt }) =>
    strip(response)
      .toLowerCase()
      .startsWith(strip(String(prompt)).toLowerCase()),
  "combination:two_responses": (response) => {
    const parts = response.split("******").map((part) => strip(part));
    if (parts.slice(1, -1).includes("")) return false;
    const [one, other, ...more] = parts.filter((part) => part !== "");
    return one !== undefined && other !== undefined && more.length === 0 && one !== other;
  },
  "detectable_content:number_placeholders": (response, { num_placeholders: least }) =>
    found("\\[.*?\\]", response).length >= Number(least),
  "detectable_content:postscript": (response, { postscript_marker: marker }) =>
    found(`(?m)${postscript(strip(String(marker)))}`, response.toLowerCase()).length > 0,
  "detectable_format:constrained_response": (response) =>
    ANSWERS.some((answer) => response.includes(answer)),
  "detectable_format:json_format": (response) => isJson(withoutFence(response)),
  "detectable_format:multiple_sections": (
    response,
    { section_spliter: mark, num_sections: least },
  ) => found(`\\s?${strip(String(mark))}\\s?\\d+\\s?`, response).length >= Number(least),
  "detectable_format:number_bullet_lists": (response, { num_bullets: count }) =>
    found("(?m)^\\s*\\*[^\\*].*$", response).length + found("(?m)^\\s*-.*$", response).length ===
    Number(count),
  "detectable_format:number_highlighted_sections": (response, { num_highlights: least }) => {
    const isFilled = (mark: string): boolean => strip(strip(mark, "*")) !== "";
    const single = found("\\*[^\\n\\*]*\\*", response).filter(isFilled);
    const double = found("\\*\\*[^\\n\\*]*\\*\\*", response).filter(isFilled);
    return single.length + double.length >= Number(least);
  },
  "detectable_format:title": (response) =>
    found("<<[^\\n]+>>", response).some(
      (title) => strip(title.replace(/^<+/, "").replace(/>+$/, "")) !== "",
    ),
  "keywords:existence": (response, { keywords }) =>
    texts(keywords).every((keyword) => found(`(?i)${keyword}`, response).length > 0),
  "keywords:forbidden_words": (response, { forbidden_words: words }) =>
    !texts(words).some((word) => found(`(?i)\\b${word}\\b`, response).length > 0),
  "keywords:frequency": (response, args) =>
    holds(found(`(?i)${strip(String(args.keyword))}`, response).length, args, ""),
  "keywords:letter_frequency": (response, args) => {
    const letter = strip(String(args.letter)).toLowerCase();
    const count = [...response.toLowerCase()].filter((each) => each === letter).length;
    return holds(count, args, "let");
  },
  "language:response_language": (response, { language }) => isIn(response, String(language)),
  "length_constraints:nth_paragraph_first_word": (response, args) => {
    const paragraphs = response.split("\n\n");
    const count = paragraphs.filter((paragraph) => strip(paragraph) !== "").length;
    const nth = Number(args.nth_paragraph);
    const paragraph = nth <= count ? strip(paragraphs[nth - 1] ?? "") : "";
    if (paragraph === "" || count !== Number(args.num_paragraphs)) return false;
    const word = lstrip(lstrip(splitWords(paragraph)[0]!, "'"), '"');
    const end = [...word].findIndex((letter) => FIRST_WORD_ENDS.has(letter));
    const first = end < 0 ? word : [...word].slice(0, end).join("");
    return first.toLowerCase() === String(args.first_word).toLowerCase();
  },
  "length_constraints:number_paragraphs": (response, { num_paragraphs: count }) => {
    const parts = response.split(pythonRegex("\\s?\\*\\*\\*\\s?")).map((part) => strip(part));
    if (parts.slice(1, -1).includes("")) return false;
    return parts.filter((part) => part !== "").length === Number(count);
  },
  "length_constraints:number_sentences": (response, args) =>
    holds(countSentences(response), args, "num_sentences"),
  "length_constraints:number_words": (response, args) =>
    holds(countWords(response), args, "num_words"),
  "punctuation:no_comma": (response) => !response.includes(","),
  "startend:end_checker": (response, { end_phrase: phrase }) =>
    strip(strip(response), '"')
      .toLowerCase()
      .endsWith(strip(String(phrase)).toLowerCase()),
  "startend:quotation": (response) => {
    const text = strip(response);
    return text.length > 1 && text.startsWith('"') && text.endsWith('"');
  },
};

/** @throws TsmergeError `data` for an instruction that is none of IFEval's */
export function verifierOf(id: string): Verifier {
  const verifier = VERIFIERS[id];
  if (verifier !== undefined) return verifier;
  throw new TsmergeError(
    "data",
    `there is no instruction "${id}"${didYouMean(id, Object.keys(VERIFIERS))}`,
    { hint: "the data may be of a later IFEval; its 25 kinds of instructions are known here" },
  );
}

/** Matches of a Python expression. */
function found(pattern: string, text: string): string[] {
  return text.match(pythonRegex(pattern)) ?? [];
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

/** A text without letters is of any language. */
function isIn(text: string, language: string): boolean {
  const detected = languageOf(text);
  return detected === undefined || detected === language;
}

/** How counts, their thresholds and their relations are named, kind by kind. */
const COUNTS: Readonly<Record<string, { readonly limit: string; readonly relation: string }>> = {
  "": { limit: "frequency", relation: "relation" },
  let: { limit: "let_frequency", relation: "let_relation" },
  capital: { limit: "capital_frequency", relation: "capital_relation" },
  num_words: { limit: "num_words", relation: "relation" },
  num_sentences: { limit: "num_sentences", relation: "relation" },
};

/** `less than` a threshold, or at least as many. */
function holds(count: number, args: Arguments, kind: keyof typeof COUNTS): boolean {
  const { limit, relation } = COUNTS[kind]!;
  const threshold = Number(args[limit]);
  return args[relation] === "less than" ? count < threshold : count >= threshold;
}

function postscript(marker: string): string {
  if (marker === "P.P.S") return "\\s*p\\.\\s?p\\.\\s?s.*$";
  if (marker === "P.S.") return "\\s*p\\.\\s?s\\..*$";
  return `\\s*${marker.toLowerCase()}.*$`;
}

function withoutFence(response: string): string {
  let text = strip(response);
  for (const fence of ["```json", "```Json", "```JSON", "```"]) {
    if (text.startsWith(fence)) text = text.slice(fence.length);
  }
  if (text.endsWith("```")) text = text.slice(0, -"```".length);
  return strip(text);
}

/** Python's json also reads NaN and infinities. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text.replaceAll(/(?<=^|[[,:\s])(?:NaN|-?Infinity)(?=$|[\],}\s])/g, "0"));
    return true;
  } catch {
    return false;
  }
}
