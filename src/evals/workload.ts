// A workload: items turned into one schedule of decoder calls, and the way back from what those return to
// scores. Plain data without texts, safe for structured clone; built once a run for all candidates.

import { TsmergeError } from "../base/errors.ts";
import { type BatchResult, resultCount, type Schedule } from "../model/batch.ts";
import type { Answer, Item, ItemScore } from "./item.ts";
import { type ItemKey, keyOf, scoreItem } from "./metrics.ts";
import { type OutsidePart, outsideScores } from "./outside.ts";
import {
  encodeItem,
  encodePrompt,
  type PairCounts,
  type PairLimits,
  type TokenPair,
} from "./trie/pairs.ts";
import { pieceEncoder, type TextTokenizer } from "./trie/piece-encoder.ts";
import { schedulePortions } from "./trie/portions.ts";
import type { PromptPlaces, PromptTokens } from "./trie/prompt-groups.ts";

/** A point where a model may stop: what it has been asked by then. */
export interface Rung {
  readonly items: number;
  readonly batches: number;
  readonly generations: number;
}

export interface Workload {
  readonly name: string;
  readonly schedule: Schedule;
  readonly items: readonly ItemKey[];
  /** Ascending; the last is everything. */
  readonly rungs: readonly Rung[];
  /** First choice of each item, [items + 1]; choices are numbered through. */
  readonly choiceStarts: Int32Array;
  /** First target token of each choice, [choices + 1]. */
  readonly targetStarts: Int32Array;
  /** Batch, and index into that batch's results, of each target token. */
  readonly targetBatches: Int32Array;
  readonly targetIndices: Int32Array;
  /** First prompt of each item, [items + 1]: items that are scored by a text have one. */
  readonly promptStarts: Int32Array;
  /** Where the text of each prompt stands. */
  readonly promptPlaces: PromptPlaces;
  /** What is scored outside this process, a result each: after those of batches and generations. */
  readonly outside?: readonly OutsidePart[] | undefined;
  /** What tokenisation had to do out of the ordinary; worth a warning where not zero. */
  readonly counts: PairCounts;
}

export interface WorkloadOptions extends PairLimits {
  /** Slots of a batch; about 512 on a CPU. */
  readonly slots?: number | undefined;
  /** Items after which a model may stop, ascending, the last all of them; absent: only after all. */
  readonly rungEnds?: readonly number[] | undefined;
  /** Folder of the tokenizer; needed where texts are generated. */
  readonly tokenizerFolder?: string | undefined;
}

/**
 * Tokenises items and schedules them. Choices that share tokens share their computation.
 * @throws TsmergeError as encodeItem and encodePrompt do
 */
export function buildWorkload(
  name: string,
  items: readonly Item[],
  tokenizer: TextTokenizer,
  options: WorkloadOptions,
): Workload {
  const encoder = pieceEncoder(
    tokenizer,
    items.map((item) => (item.contexts?.[0] ?? item.context) + (item.continuations[0] ?? "")),
  );
  const counts: PairCounts = { seams: 0, separate: 0, truncated: 0 };
  const choiceStarts = new Int32Array(items.length + 1);
  const promptStarts = new Int32Array(items.length + 1);
  const pairs: TokenPair[] = [];
  const prompts: PromptTokens[] = [];
  for (const [index, item] of items.entries()) {
    const { judgement } = item;
    if (judgement?.kind === "generation") {
      prompts.push(encodePrompt(item, judgement.rule.stop, encoder, options, counts));
    } else pairs.push(...encodeItem(item, encoder, options, counts));
    choiceStarts[index + 1] = pairs.length;
    promptStarts[index + 1] = prompts.length;
  }
  const rungEnds = options.rungEnds ?? [items.length];
  const portions = rungEnds.map((end, rung) => {
    const start = rungEnds[rung - 1] ?? 0;
    return {
      pairs: pairs.slice(choiceStarts[start], choiceStarts[end]),
      prompts: prompts.slice(promptStarts[start], promptStarts[end]),
    };
  });
  const { ends, schedule, ...places } = schedulePortions(portions, options.slots);
  return {
    ...{ name, choiceStarts, promptStarts, counts, ...places },
    schedule: prompts.length === 0 ? schedule : { ...schedule, tokenizer: folderOf(options) },
    items: items.map(keyOf),
    rungs: rungEnds.map((end, rung) => ({ items: end, ...ends[rung]! })),
  };
}

/** A workload with parts that are scored elsewhere. */
export function withOutside(workload: Workload, parts: readonly OutsidePart[]): Workload {
  if (parts.length === 0) return workload;
  const schedule = { ...workload.schedule, outside: parts.length };
  return { ...workload, schedule, outside: parts };
}

/** Questions of a workload, as far as they are known: a program may ask more. */
export function itemCount({ items, outside = [] }: Workload): number {
  return outside.reduce(
    (sum, part) => sum + (part.kind === "http" ? part.items.length : 0),
    items.length,
  );
}

function folderOf({ tokenizerFolder }: WorkloadOptions): string {
  if (tokenizerFolder !== undefined) return tokenizerFolder;
  throw new TsmergeError("internal", "texts are generated, and no tokenizer's folder is named");
}

/**
 * What the model says to the items up to a rung, in their order, from the results of its batches; to all by
 * default.
 * @throws TsmergeError `internal` if a needed batch is absent
 */
export function answersOf(
  workload: Workload,
  results: ReadonlyMap<number, BatchResult>,
  rung: Rung = workload.rungs.at(-1)!,
): Answer[] {
  return Array.from({ length: rung.items }, (_, index) => answerOf(workload, results, index));
}

/** The answer of one item, when the results up to its last one are there. */
export function answerOf(
  workload: Workload,
  results: ReadonlyMap<number, BatchResult>,
  item: number,
): Answer {
  const { choiceStarts, targetStarts, targetBatches, targetIndices, promptStarts } = workload;
  const resultOf = (index: number): BatchResult => {
    const result = results.get(index);
    if (result !== undefined) return result;
    throw new TsmergeError("internal", `batch ${index} of workload ${workload.name} has no result`);
  };
  const logLikelihoods: number[] = [];
  const greedy: boolean[] = [];
  for (let choice = choiceStarts[item]!; choice < choiceStarts[item + 1]!; choice++) {
    let sum = 0;
    let isGreedy = true;
    for (let t = targetStarts[choice]!; t < targetStarts[choice + 1]!; t++) {
      const result = resultOf(targetBatches[t]!);
      sum += result.logProbs[targetIndices[t]!]!;
      isGreedy &&= result.greedy[targetIndices[t]!] === 1;
    }
    logLikelihoods.push(sum);
    greedy.push(isGreedy);
  }
  const texts: string[] = [];
  for (let prompt = promptStarts[item]!; prompt < promptStarts[item + 1]!; prompt++) {
    const { texts: own = [] } = resultOf(textResult(workload, prompt));
    texts.push(own[workload.promptPlaces.texts[prompt]!]!);
  }
  return { logLikelihoods, greedy, texts };
}

/** Indices of the results that a rung's items need; of the last also those from outside. */
export function resultsUpTo(workload: Workload, rung: Rung): Set<number> {
  const { schedule, rungs } = workload;
  const { batches, generations } = rung;
  if (rung === rungs.at(-1)) return new Set(Array(resultCount(schedule)).keys());
  const first = schedule.batches.length;
  return new Set([
    ...Array.from({ length: batches }, (_, batch) => batch),
    ...Array.from({ length: generations }, (_, generation) => first + generation),
  ]);
}

/** The index of the result that has a prompt's text. */
function textResult({ schedule, promptPlaces }: Workload, prompt: number): number {
  return schedule.batches.length + promptPlaces.generations[prompt]!;
}

/** The result with which each item is complete, [items]; -1 for an item without tokens. */
export function lastResults(workload: Workload): Int32Array {
  const { choiceStarts, targetStarts, targetBatches, promptStarts } = workload;
  return Int32Array.from(workload.items, (_, item) => {
    const prompt = promptStarts[item]!;
    if (prompt < promptStarts[item + 1]!) return textResult(workload, prompt);
    const from = targetStarts[choiceStarts[item]!]!;
    const to = targetStarts[choiceStarts[item + 1]!]!;
    return targetBatches.subarray(from, to).reduce((last, batch) => Math.max(last, batch), -1);
  });
}

/**
 * Scores of the items up to a rung, in their order, from the results of its batches; of all by default, and then of
 * what is scored outside.
 * @throws TsmergeError `internal` if a needed batch is absent; `numeric` for a log-probability that is not a number
 */
export function scoreItems(
  workload: Workload,
  results: ReadonlyMap<number, BatchResult>,
  rung?: Rung,
): ItemScore[] {
  const { name, items, rungs, schedule, outside = [] } = workload;
  const first = resultCount(schedule) - outside.length;
  const here = answersOf(workload, results, rung).map(({ logLikelihoods, greedy, texts }, index) =>
    scoreItem(items[index]!, logLikelihoods, greedy, texts),
  );
  if (rung !== undefined && rung !== rungs.at(-1)) return here;
  return [
    ...here,
    ...outside.flatMap((part, index) => outsideScores(part, name, results.get(first + index))),
  ];
}
