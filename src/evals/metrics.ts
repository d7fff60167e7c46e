// Numbers from log-likelihoods: what one item scores, and means with their standard errors over items and
// over groups of tasks. Formulas are lm-evaluation-harness's, so that scores can be compared.

import { mean, sampleStandardDeviation } from "simple-statistics";
import { TsmergeError } from "../base/errors.ts";
import { scoreText } from "./generation.ts";
import type { Item, ItemScore, Judgement } from "./item.ts";
import { codePoints } from "./python/text.ts";

/** Every metric of an item or a task, as a user names it. */
export const METRICS = [
  "logprob",
  "acc",
  "acc_norm",
  "acc_bytes",
  "exact_match",
  "prompt_level_strict_acc",
  "inst_level_strict_acc",
  "prompt_level_loose_acc",
  "inst_level_loose_acc",
  "perplexity",
  "word_perplexity",
  "byte_perplexity",
  "bits_per_byte",
] as const;

/** One of these, or what a program of the user's measures. */
export type Metric = (typeof METRICS)[number] | "score";

/** A metric, or one of generated texts after a filter. */
export type MetricKey = Metric | `${Metric},${string}`;

/** What scoring needs of an item; plain data without its texts. */
export interface ItemKey {
  readonly task: string;
  readonly docId: number;
  readonly hash: string;
  readonly gold: number;
  /** Code points of each choice's bare text: acc_norm's divisors. */
  readonly choiceLengths: readonly number[];
  /** UTF-8 bytes of the same: acc_bytes' divisors. */
  readonly choiceBytes?: readonly number[];
  readonly judgement?: Judgement | undefined;
}

/** A mean over n items; the standard error is null when n = 1. */
export interface Estimate {
  readonly n: number;
  readonly value: number;
  readonly stderr: number | null;
}

export function keyOf(item: Item): ItemKey {
  const { task, docId, hash, gold, choices, judgement } = item;
  return {
    ...{ task, docId, hash, gold, judgement },
    choiceLengths: choices.map(codePoints),
    choiceBytes: choices.map((choice) => Buffer.byteLength(choice)),
  };
}

/**
 * Scores an item from Σ log p of each of its continuations (natural logarithm).
 * acc: argmax = gold. acc_norm, acc_bytes: the same after division by code points or bytes. logprob:
 * log-softmax over the choices at gold, or -Infinity if gold is out of range. The first of equal choices wins.
 * mc2 has as acc the true choices' share of Σ p, and as logprob its logarithm. A single continuation has
 * its greedy flag as acc.
 * @param greedy whether greedy decoding gives each continuation; exact_match and single continuations need it
 * @param texts the generated one, for items that are scored by it
 * @throws TsmergeError `numeric` for a log-likelihood that is not a number
 */
export function scoreItem(
  item: ItemKey,
  logLikelihoods: readonly number[],
  greedy: readonly boolean[] = [],
  texts: readonly string[] = [],
): ItemScore {
  if (logLikelihoods.some(Number.isNaN)) {
    throw new TsmergeError(
      "numeric",
      `a log-likelihood of ${item.task} question ${item.docId} is not a number`,
      { hint: "the model's weights or activations overflow; see which tensors are not finite" },
    );
  }
  const { task, docId, hash, judgement } = item;
  const identity = { task, docId, hash, logLikelihoods };
  const sum = logLikelihoods.reduce((total, value) => total + value, 0);
  switch (judgement?.kind) {
    case "likelihood": {
      const acc = greedy[0] === true ? 1 : 0;
      return { ...identity, acc, accNorm: acc, logprob: sum, others: { perplexity: sum } };
    }
    case "rolling":
      return { ...identity, acc: 0, accNorm: 0, logprob: sum, size: judgement };
    case "generation":
      if (texts.length > 0) return scoreText(item, judgement, texts[0]!);
      throw new TsmergeError("internal", `${task} question ${docId} has no text to be scored by`);
    case "mass": {
      const logprob = logMass(logLikelihoods, judgement.truths);
      return { ...identity, acc: Math.exp(logprob), accNorm: Math.exp(logprob), logprob };
    }
    default:
      return { ...identity, ...choiceScores(item, logLikelihoods, greedy) };
  }
}

function choiceScores(
  item: ItemKey,
  logLikelihoods: readonly number[],
  greedy: readonly boolean[],
): Pick<ItemScore, "acc" | "accNorm" | "logprob" | "others"> {
  const golds = item.judgement?.kind === "any" ? item.judgement.golds : [item.gold];
  const isBest = (values: readonly number[]): number => (golds.includes(argmax(values)) ? 1 : 0);
  const per = (sizes: readonly number[]): number[] =>
    logLikelihoods.map((value, choice) => value / sizes[choice]!);
  return {
    acc: isBest(logLikelihoods),
    accNorm: isBest(per(item.choiceLengths)),
    logprob: logMass(logLikelihoods, golds),
    others: {
      ...(item.choiceBytes && { acc_bytes: isBest(per(item.choiceBytes)) }),
      ...(greedy.length > 0 && { exact_match: golds.some((gold) => greedy[gold]) ? 1 : 0 }),
    },
  };
}

/** An item's value of a metric. @throws TsmergeError `internal` for a metric the item does not have */
export function metricOf(score: ItemScore, metric: MetricKey): number {
  switch (metric) {
    case "acc":
      return score.acc;
    case "acc_norm":
      return score.accNorm;
    case "logprob":
      return score.logprob;
    default: {
      const value = score.others?.[metric];
      if (value !== undefined) return value;
      throw new TsmergeError("internal", `an item of ${score.task} has no ${metric}`);
    }
  }
}

/** Metrics of which less is better. */
export function isLowerBetter(metric: MetricKey): boolean {
  return metric.includes("perplexity") || metric === "bits_per_byte";
}

/** A task's value of a metric over its items, with its standard error: the mean of `itemValues`. */
export function estimate(scores: readonly ItemScore[], metric: MetricKey): Estimate {
  return estimateMean(itemValues(scores, metric));
}

/**
 * Numbers whose mean is a task's value of a metric, and whose spread is that value's standard error. For means over
 * items these are the items' own values; otherwise pseudo-values of the infinitesimal jackknife (Jaeckel 1972), so
 * that any two models can be compared item by item. perplexity: exp(-mean ll). Over Σ words or Σ bytes of all
 * documents: word_perplexity exp(-Σll/Σwords), byte_perplexity exp(-Σll/Σbytes), bits_per_byte -Σll/Σbytes/ln 2.
 * inst_level_…: instructions followed over all instructions of all prompts.
 */
export function itemValues(scores: readonly ItemScore[], metric: MetricKey): number[] {
  switch (metric) {
    case "perplexity": {
      const lls = scores.map((score) => metricOf(score, metric));
      const centre = estimateMean(lls).value;
      const perplexity = Math.exp(-centre);
      return lls.map((ll) => perplexity * (1 - (ll - centre)));
    }
    case "word_perplexity":
    case "byte_perplexity":
    case "bits_per_byte": {
      const unit = metric === "word_perplexity" ? "words" : "bytes";
      const sizes = scores.map((score) => score.size?.[unit] ?? 0);
      const size = sizes.reduce((sum, each) => sum + each, 0);
      const rate = -scores.reduce((sum, { logprob }) => sum + logprob, 0) / size;
      const isBits = metric === "bits_per_byte";
      const value = isBits ? rate / Math.LN2 : Math.exp(rate);
      const slope = (isBits ? 1 / Math.LN2 : value) / (size / scores.length);
      return scores.map(({ logprob }, i) => value + slope * (-logprob - rate * sizes[i]!));
    }
    case "inst_level_strict_acc":
    case "inst_level_loose_acc": {
      const parts = scores.map((score) => score.parts ?? 1);
      const mean = parts.reduce((sum, each) => sum + each, 0) / parts.length;
      const right = scores.map((score, i) => parts[i]! * metricOf(score, metric));
      const value = right.reduce((sum, each) => sum + each, 0) / parts.length / mean;
      return right.map((each, i) => value + (each - value * parts[i]!) / mean);
    }
    default:
      return scores.map((score) => metricOf(score, metric));
  }
}

/** Mean and its standard error, the sample standard deviation over √n. Throws `internal` for no values. */
export function estimateMean(values: readonly number[]): Estimate {
  const n = values.length;
  if (n === 0) throw new TsmergeError("internal", "a mean of no items was asked for");
  const list = [...values];
  return {
    n,
    value: mean(list),
    stderr: n === 1 ? null : sampleStandardDeviation(list) / Math.sqrt(n),
  };
}

/**
 * The mean over all items of several tasks, with the pooled standard error
 * √( [Σ nᵢ(nᵢ−1)seᵢ² / (Σnᵢ − k)] / Σnᵢ ) over k tasks; null if a task has none.
 * @param bySize false for the mean over tasks, each counting the same; the error stays pooled
 */
export function pool(estimates: readonly Estimate[], bySize = true): Estimate {
  const n = estimates.reduce((sum, each) => sum + each.n, 0);
  const value = bySize
    ? estimates.reduce((sum, each) => sum + each.n * each.value, 0) / n
    : estimates.reduce((sum, each) => sum + each.value, 0) / estimates.length;
  let squares = 0;
  for (const { n: size, stderr } of estimates) {
    if (stderr === null) return { n, value, stderr: null };
    squares += size * (size - 1) * stderr ** 2;
  }
  return { n, value, stderr: Math.sqrt(squares / (n - estimates.length) / n) };
}

function argmax(values: readonly number[]): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** log of the share that some values have in Σ exp of all; at most 0, and -Infinity for none. */
function logMass(values: readonly number[], indices: readonly number[]): number {
  const own = indices.flatMap((index) => values[index] ?? []);
  if (own.length === 0) return -Infinity;
  const top = values.reduce((a, b) => Math.max(a, b));
  if (top === -Infinity) return -Infinity;
  const sum = values.reduce((total, value) => total + Math.exp(value - top), 0);
  // one value's logarithm is taken as it is, so that it does not underflow
  const log =
    own.length === 1
      ? own[0]! - top
      : Math.log(own.reduce((total, value) => total + Math.exp(value - top), 0));
  return Math.min(0, log - Math.log(sum));
}
