// From generated texts to exact_match: filters, which cut the answer out of a text, and the comparison with
// the reference. Pure; what generates the texts is elsewhere.

import { TsmergeError } from "../base/errors.ts";
import { choiceFilter } from "./choice-filter.ts";
import { followed } from "./ifeval/score.ts";
import type { ItemScore, Judgement } from "./item.ts";
import type { ItemKey, Metric, MetricKey } from "./metrics.ts";
import { pythonRegex } from "./python/regex.ts";
import { strip } from "./python/text.ts";
import { type FilterEntry, FunctionReference, type MetricEntry } from "./tasks/task-file.ts";

/** A pipeline: the responses of one question to its answers. */
export interface Pipeline {
  readonly name: string;
  /** @param choices the question's own, which one filter looks for */
  readonly apply: (responses: readonly string[], choices?: readonly string[]) => readonly string[];
}

/** Python's string.punctuation. */
const PUNCTUATION = /[!-/:-@[-`{-~]/g;

/**
 * The pipelines of a task; one that takes the first response when it names none.
 * @throws TsmergeError `config` for a filter that is not known here
 */
export function pipelinesOf(filters: readonly FilterEntry[] | undefined, file: string): Pipeline[] {
  const listed = filters ?? [{ name: "none", filter: [{ function: "take_first" }] }];
  return listed.map(({ name, filter }) => {
    const steps = filter.map((step) => stepOf(step, file));
    return {
      name,
      apply: (responses, choices = []) =>
        steps.reduce((texts, step) => step(texts, choices), responses),
    };
  });
}

const EXACT_MATCH: MetricEntry = {
  metric: "exact_match",
  ignore_case: false,
  ignore_punctuation: false,
  ignore_numbers: false,
  regexes_to_ignore: [],
};

type Step = (texts: readonly string[], choices: readonly string[]) => readonly string[];

/** The filter that looks for the question's choices. */
const CHOICE_FILTER = "multi_choice_regex";

/** Whether a task's texts are searched for the choices of their questions. */
export function asksForChoices(filters: readonly FilterEntry[] | undefined): boolean {
  return filters?.some(({ filter }) => filter.some(isChoiceFilter)) ?? false;
}

function isChoiceFilter(step: FilterEntry["filter"][number]): boolean {
  return step.function === CHOICE_FILTER;
}

function stepOf(step: FilterEntry["filter"][number], file: string): Step {
  const each =
    (change: (text: string) => string): Step =>
    (texts) =>
      texts.map(change);
  switch (step.function) {
    case "take_first":
      return (texts) => texts.slice(0, 1);
    case "take_first_k":
      return (texts) => texts.slice(0, Number(step.k));
    case "majority_vote":
      return majority;
    case "remove_whitespace":
      return each((text) => strip(text));
    case "lowercase":
      return each((text) => text.toLowerCase());
    case "uppercase":
      return each((text) => text.toUpperCase());
    case "regex":
      return each(regexFilter(step));
    case CHOICE_FILTER: {
      const filter = choiceFilter(step);
      return (texts, choices) => texts.map((text) => filter(text, choices));
    }
    default: {
      const { function: named } = step;
      const name = named instanceof FunctionReference ? named.name : named;
      throw new TsmergeError("config", `field filter_list: the filter ${name} is not known`, {
        where: file,
        hint: "known are take_first, take_first_k, majority_vote, remove_whitespace, lowercase, uppercase, regex and multi_choice_regex",
      });
    }
  }
}

/** The most frequent text; of equally frequent ones the first. */
function majority(texts: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  const [best] = [...counts].sort(([, a], [, b]) => b - a);
  return best === undefined ? [] : [best[0]];
}

/** Python's findall, one of its matches, and of a match with groups the first that is not empty. */
function regexFilter(step: Readonly<Record<string, unknown>>): (text: string) => string {
  const pattern = pythonRegex(String(step.regex_pattern ?? "#### (\\-?[0-9\\.\\,]+)"));
  const select = Number(step.group_select ?? 0);
  const fallback = String(step.fallback ?? "[invalid]");
  return (text) => {
    const found = [...text.matchAll(pattern)].at(select);
    if (found === undefined) return fallback;
    if (found.length === 1) return strip(found[0]);
    const groups = found.slice(1).map((group) => group ?? "");
    if (groups.length === 1) return strip(groups[0]!);
    return strip(groups.find((group) => group !== "") ?? fallback);
  };
}

/** exact_match of one prediction with any of the references: 1 or 0. */
export function exactMatch(
  prediction: string,
  references: readonly string[],
  options: MetricEntry,
): number {
  const ignored = options.regexes_to_ignore.map(pythonRegex);
  const normal = (text: string): string => {
    let rest = ignored.reduce((left, pattern) => left.replaceAll(pattern, ""), text);
    if (options.ignore_case) rest = rest.toLowerCase();
    if (options.ignore_punctuation) rest = rest.replaceAll(PUNCTUATION, "");
    if (options.ignore_numbers) rest = rest.replaceAll(/[0-9]/g, "");
    return rest;
  };
  const own = normal(prediction);
  return references.some((reference) => normal(reference) === own) ? 1 : 0;
}

/** Scores an item from its generated text, cut at its stop strings: one value a metric and filter. */
export function scoreText(
  { task, docId, hash }: ItemKey,
  { rule, references, instructions, choices }: Judgement & { readonly kind: "generation" },
  text: string,
): ItemScore {
  const identity = { task, docId, hash, logLikelihoods: [], logprob: 0 };
  if (instructions !== undefined) {
    const { strict, loose } = followed(text, instructions);
    const acc = strict.every(Boolean) ? 1 : 0;
    const others = {
      prompt_level_strict_acc: acc,
      inst_level_strict_acc: share(strict),
      prompt_level_loose_acc: loose.every(Boolean) ? 1 : 0,
      inst_level_loose_acc: share(loose),
    };
    return { ...identity, acc, accNorm: acc, others, parts: strict.length };
  }
  const { filters, metrics = [EXACT_MATCH], repeats, file } = rule;
  const responses = Array<string>(repeats).fill(text);
  const values = pipelinesOf(filters, file).flatMap(({ name, apply }) =>
    metrics.map((options): [MetricKey, number] => {
      const [prediction = ""] = apply(responses, choices);
      return [keyOfFilter("exact_match", name), exactMatch(prediction, references, options)];
    }),
  );
  const acc = Math.max(0, ...values.map(([, value]) => value));
  const others = Object.fromEntries(values);
  return { ...identity, acc, accNorm: acc, others };
}

function share(flags: readonly boolean[]): number {
  return flags.filter(Boolean).length / flags.length;
}

/** A metric's name after a filter; without it after the implicit one. */
export function keyOfFilter(metric: Metric, filter: string): MetricKey {
  return filter === "none" ? metric : `${metric},${filter}`;
}
