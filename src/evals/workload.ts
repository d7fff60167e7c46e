// A workload: items turned into one schedule of decoder calls, and the way back from what those return to
// scores. Plain data without texts, safe for structured clone; built once a run for all candidates.

import { TsmergeError } from "../base/errors.ts";
import type { BatchResult, Schedule } from "../model/batch.ts";
import type { Answer, Item, ItemScore } from "./item.ts";
import { type ItemKey, keyOf, scoreItem } from "./metrics.ts";
import { encodeItem, type PairCounts, type PairLimits } from "./pairs.ts";
import { pieceEncoder, type TextTokenizer } from "./piece-encoder.ts";
import { schedulePortions } from "./portions.ts";

/** A point where a model may stop: what it has been asked by then. */
export interface Rung {
  readonly items: number;
  readonly batches: number;
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
  /** What tokenisation had to do out of the ordinary; worth a warning where not zero. */
  readonly counts: PairCounts;
}

export interface WorkloadOptions extends PairLimits {
  /** Slots of a batch; about 512 on a CPU. */
  readonly slots?: number | undefined;
  /** Items after which a model may stop, ascending, the last all of them; absent: only after all. */
  readonly rungEnds?: readonly number[] | undefined;
}

/**
 * Tokenises items and schedules them. Choices that share tokens share their computation.
 * @throws TsmergeError as encodeItem does; `usage` for items that are scored on generated text
 */
export function buildWorkload(
  name: string,
  items: readonly Item[],
  tokenizer: TextTokenizer,
  options: WorkloadOptions,
): Workload {
  for (const item of items) refuseGeneration(item);
  const encoder = pieceEncoder(
    tokenizer,
    items.map((item) => (item.contexts?.[0] ?? item.context) + (item.continuations[0] ?? "")),
  );
  const counts: PairCounts = { seams: 0, separate: 0, truncated: 0 };
  const choiceStarts = new Int32Array(items.length + 1);
  const pairs = items.flatMap((item, index) => {
    const own = encodeItem(item, encoder, options, counts);
    choiceStarts[index + 1] = choiceStarts[index]! + own.length;
    return own;
  });
  const rungEnds = options.rungEnds ?? [items.length];
  const portions = rungEnds.map((end, rung) =>
    pairs.slice(choiceStarts[rungEnds[rung - 1] ?? 0]!, choiceStarts[end]!),
  );
  const { ends, ...scheduled } = schedulePortions(portions, options.slots);
  const rungs = rungEnds.map((end, rung): Rung => ({ items: end, batches: ends[rung]! }));
  return { name, ...scheduled, items: items.map(keyOf), rungs, choiceStarts, counts };
}

/** @throws TsmergeError `usage` for an item that is scored on generated text */
export function refuseGeneration(item: Item): void {
  if (item.judgement?.kind !== "generation") return;
  throw new TsmergeError(
    "usage",
    `${item.task} is scored on generated text, which tsmerge does not do yet`,
    {
      hint: "choose tasks that are scored by log-likelihood, such as arc_challenge, hellaswag or mmlu",
    },
  );
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

/** The answer of one item, when the batches up to its last one are there. */
export function answerOf(
  workload: Workload,
  results: ReadonlyMap<number, BatchResult>,
  item: number,
): Answer {
  const { choiceStarts, targetStarts, targetBatches, targetIndices } = workload;
  const logLikelihoods: number[] = [];
  const greedy: boolean[] = [];
  for (let choice = choiceStarts[item]!; choice < choiceStarts[item + 1]!; choice++) {
    let sum = 0;
    let isGreedy = true;
    for (let t = targetStarts[choice]!; t < targetStarts[choice + 1]!; t++) {
      const result = results.get(targetBatches[t]!);
      if (result === undefined) {
        throw new TsmergeError(
          "internal",
          `batch ${targetBatches[t]} of workload ${workload.name} has no result`,
        );
      }
      sum += result.logProbs[targetIndices[t]!]!;
      isGreedy &&= result.greedy[targetIndices[t]!] === 1;
    }
    logLikelihoods.push(sum);
    greedy.push(isGreedy);
  }
  return { logLikelihoods, greedy, texts: [] };
}

/** The batch after which each item is complete, [items]; -1 for an item without tokens. */
export function lastBatches(workload: Workload): Int32Array {
  const { choiceStarts, targetStarts, targetBatches } = workload;
  return Int32Array.from(workload.items, (_, item) => {
    const from = targetStarts[choiceStarts[item]!]!;
    const to = targetStarts[choiceStarts[item + 1]!]!;
    return targetBatches.subarray(from, to).reduce((last, batch) => Math.max(last, batch), -1);
  });
}

/**
 * Scores of the items up to a rung, in their order, from the results of its batches; of all by default.
 * @throws TsmergeError `internal` if a needed batch is absent; `numeric` for a log-probability that is not a number
 */
export function scoreItems(
  workload: Workload,
  results: ReadonlyMap<number, BatchResult>,
  rung?: Rung,
): ItemScore[] {
  return answersOf(workload, results, rung).map(({ logLikelihoods, greedy }, index) =>
    scoreItem(workload.items[index]!, logLikelihoods, greedy),
  );
}
