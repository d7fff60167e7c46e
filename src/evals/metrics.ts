// Numbers from log-likelihoods: what one item scores, and means with their standard errors over items and
// over groups of tasks. Formulas are lm-evaluation-harness's, so that scores can be compared.

import { mean, sampleStandardDeviation } from "simple-statistics";
import { TsmergeError } from "../base/errors.ts";
import type { Metric } from "./definition.ts";
import type { Item, ItemScore } from "./item.ts";
import { codePoints } from "./python-text.ts";

/** What scoring needs of an item; plain data without its texts. */
export interface ItemKey {
  readonly task: string;
  readonly docId: number;
  readonly hash: string;
  readonly gold: number;
  /** Code points of each choice's bare text: acc_norm's divisors. */
  readonly choiceLengths: readonly number[];
}

/** A mean over n items; the standard error is null when n = 1. */
export interface Estimate {
  readonly n: number;
  readonly value: number;
  readonly stderr: number | null;
}

export function keyOf(item: Item): ItemKey {
  const { task, docId, hash, gold } = item;
  return { task, docId, hash, gold, choiceLengths: item.choices.map(codePoints) };
}

/**
 * Scores an item from Σ log p of each of its continuations (natural logarithm).
 * acc: argmax = gold. acc_norm: the same after division by code points. logprob: log-softmax over the
 * choices at gold, or -Infinity if gold is out of range. The first of equal choices wins.
 * @throws TsmergeError `numeric` for a log-likelihood that is not a number
 */
export function scoreItem(item: ItemKey, logLikelihoods: readonly number[]): ItemScore {
  if (logLikelihoods.some(Number.isNaN)) {
    throw new TsmergeError(
      "numeric",
      `a log-likelihood of ${item.task} question ${item.docId} is not a number`,
      { hint: "the model's weights or activations overflow; see which tensors are not finite" },
    );
  }
  const normalised = logLikelihoods.map((value, choice) => value / item.choiceLengths[choice]!);
  return {
    task: item.task,
    docId: item.docId,
    hash: item.hash,
    logLikelihoods,
    acc: argmax(logLikelihoods) === item.gold ? 1 : 0,
    accNorm: argmax(normalised) === item.gold ? 1 : 0,
    logprob: logSoftmaxAt(logLikelihoods, item.gold),
  };
}

/** An item's value of a metric. */
export function metricOf(score: ItemScore, metric: Metric): number {
  switch (metric) {
    case "acc":
      return score.acc;
    case "acc_norm":
      return score.accNorm;
    case "logprob":
      return score.logprob;
    default:
      return metric satisfies never;
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
 */
export function pool(estimates: readonly Estimate[]): Estimate {
  const n = estimates.reduce((sum, each) => sum + each.n, 0);
  const value = estimates.reduce((sum, each) => sum + each.n * each.value, 0) / n;
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

function logSoftmaxAt(values: readonly number[], index: number): number {
  if (index < 0 || index >= values.length) return -Infinity;
  const top = values.reduce((a, b) => Math.max(a, b));
  if (top === -Infinity) return -Infinity;
  const sum = values.reduce((total, value) => total + Math.exp(value - top), 0);
  return Math.min(0, values[index]! - top - Math.log(sum));
}
