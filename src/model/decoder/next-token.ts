// The next token of a text under a shape: transformers' logits processors, in the order in which its generate
// applies them, and then the most probable token. Without a shape the graph's own choice counts.

import { isNeutral, type TextShape } from "../generation-config.ts";

/** A text so far: tokens, of which the first `promptLength` are the prompt. */
export interface TextSoFar {
  readonly tokens: readonly number[];
  readonly promptLength: number;
}

/** @param logits float32 [vocabulary], changed in place */
export type NextToken = (logits: Float32Array, text: TextSoFar) => number;

/**
 * What chooses tokens under a shape; undefined where the shape changes nothing.
 * @param endTokens what a text may not choose before its least length
 */
export function nextTokenUnder(
  shape: TextShape,
  endTokens: readonly number[],
): NextToken | undefined {
  if (isNeutral(shape)) return undefined;
  const { repetitionPenalty = 1, noRepeatNgramSize = 0, suppressTokens = [] } = shape;
  const { minLength = 0, minNewTokens = 0, beginSuppressTokens = [] } = shape;
  return (logits, { tokens, promptLength }) => {
    const forbid = (some: readonly number[]): void => {
      for (const token of some) if (token < logits.length) logits[token] = -Infinity;
    };
    if (repetitionPenalty !== 1) penalise(logits, new Set(tokens), repetitionPenalty);
    if (noRepeatNgramSize > 0) forbid(repeating(tokens, noRepeatNgramSize));
    const fresh = tokens.length - promptLength;
    if (tokens.length < minLength || fresh < minNewTokens) forbid(endTokens);
    forbid(suppressTokens);
    if (fresh === 0) forbid(beginSuppressTokens);
    return mostProbable(logits);
  };
}

/** Keskar et al. 2019, arXiv 1909.05858, equation 1, in float32 and without a temperature. */
function penalise(logits: Float32Array, seen: ReadonlySet<number>, penalty: number): void {
  const factor = Math.fround(penalty);
  for (const token of seen) {
    const logit = logits[token]!;
    logits[token] = logit < 0 ? logit * factor : logit / factor;
  }
}

/** The tokens that would end a run of `size` tokens which stands in the text already. */
function repeating(tokens: readonly number[], size: number): number[] {
  const newest = tokens.length - size + 1; // where the unfinished run begins
  const found: number[] = [];
  for (let start = 0; start < newest; start++) {
    let same = 0;
    while (same < size - 1 && tokens[start + same] === tokens[newest + same]) same++;
    if (same === size - 1) found.push(tokens[start + same]!);
  }
  return found;
}

/** The first of the largest. */
function mostProbable(logits: Float32Array): number {
  let best = 0;
  for (let token = 1; token < logits.length; token++) {
    if (logits[token]! > logits[best]!) best = token;
  }
  return best;
}
