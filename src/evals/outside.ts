// The part of a workload that is scored outside this process: by a program, or by an endpoint that answers items.
// A part has one result, which is text, so that it is recorded, reused and continued like any batch.

import { TsmergeError } from "../base/errors.ts";
import type { BatchResult } from "../model/batch.ts";
import type { Answer, Item, ItemScore } from "./item.ts";
import { measuredScores, parseMeasurement } from "./measurement.ts";
import { keyOf, scoreItem } from "./metrics.ts";

export type OutsidePart =
  /** All of a task: the program knows its questions. */
  | { readonly kind: "command"; readonly task: string }
  /** Some items of a task. */
  | { readonly kind: "http"; readonly task: string; readonly items: readonly Item[] };

/** Items that an endpoint is asked for one result: what an interruption can cost. */
const ITEMS_A_PART = 50;

/** A task's items in parts. */
export function endpointParts(task: string, items: readonly Item[]): OutsidePart[] {
  const starts = Array.from({ length: Math.ceil(items.length / ITEMS_A_PART) }, (_, i) => i);
  return starts.map((i) => {
    const own = items.slice(i * ITEMS_A_PART, (i + 1) * ITEMS_A_PART);
    return { kind: "http", task, items: own };
  });
}

/** A part's answer as a result. */
export function outsideResult(answer: string | readonly Answer[]): BatchResult {
  const text = typeof answer === "string" ? answer : JSON.stringify(answer);
  return { logProbs: new Float32Array(0), greedy: new Uint8Array(0), texts: [text] };
}

/**
 * Scores of a part's items.
 * @param split the workload's name
 * @throws TsmergeError `internal` without a result; as parseMeasurement and scoreItem do
 */
export function outsideScores(
  part: OutsidePart,
  split: string,
  result: BatchResult | undefined,
): ItemScore[] {
  const [text] = result?.texts ?? [];
  if (text === undefined) {
    throw new TsmergeError("internal", `${part.task} has no ${split} result from outside`);
  }
  if (part.kind === "command") return measuredScores(part.task, split, parseMeasurement(text));
  const answers = JSON.parse(text) as readonly Answer[]; // written by outsideResult
  return part.items.map((item, index) => {
    const { logLikelihoods, greedy, texts } = answers[index]!;
    return scoreItem(keyOf(item), logLikelihoods, greedy, texts);
  });
}
