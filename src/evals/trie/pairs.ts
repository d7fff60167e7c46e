// A (context, continuation) pair as tokens, by lm-evaluation-harness's rules: the cut between the two is made
// on token counts of two encodings, so that what is fed is the context's own encoding and then the rest.

import { TsmergeError } from "../../base/errors.ts";
import type { StopRule } from "../../model/batch.ts";
import type { Item } from "../item.ts";
import { rstrip } from "../python/text.ts";
import type { PieceEncoder } from "./piece-encoder.ts";
import type { PromptTokens } from "./prompt-groups.ts";

/** What a decoder is fed and what is scored: targets[i] follows tokens[tokens.length - targets.length + i]. */
export interface TokenPair {
  readonly tokens: Int32Array;
  readonly targets: Int32Array;
}

/** Counts of what did not go the plain way; printed when not zero. */
export interface PairCounts {
  /** The context's encoding is not a prefix of the whole's: a token spans the seam. */
  seams: number;
  /** Nothing was left for the continuation, so it was encoded by itself. */
  separate: number;
  /** The left end was cut off to fit the model. */
  truncated: number;
}

export interface PairLimits {
  /** Stands for an empty context: BOS, or EOS where there is none. */
  readonly prefixId: number | undefined;
  /** Positions of the model. */
  readonly maxLength: number;
}

/**
 * The pairs of an item's continuations, or of the windows of a rolling text. White space at the context's end moves to the continuations. Equal
 * token sequences of one item are one array.
 * @throws TsmergeError `data` for a continuation without tokens or longer than the model; `incompatible` for
 * an empty context and a tokenizer without BOS and EOS; `data` for a context without tokens
 */
export function encodeItem(
  item: Item,
  encoder: PieceEncoder,
  limits: PairLimits,
  counts: PairCounts,
): TokenPair[] {
  if (item.judgement?.kind === "rolling") return encodeWindows(item, encoder, limits);
  const { contexts } = item;
  if (contexts !== undefined) {
    return item.continuations.flatMap((continuation, index) => {
      const { contexts: _, ...one } = item;
      const own = { ...one, context: contexts[index]!, continuations: [continuation] };
      return encodeItem(own, encoder, limits, counts);
    });
  }
  const where = `${item.task} question ${item.docId}`;
  const stripped = rstrip(item.context);
  const moved = item.context.slice(stripped.length);
  const encode =
    item.context === ""
      ? withoutContext(encoder, limits, where)
      : withContext(stripped, encoder, counts, where);
  const windows = new Map<number, Int32Array>(); // of single-token continuations, by their start
  return item.continuations.map((continuation) => {
    const { context, targets } = encode(moved + continuation);
    if (targets.length === 0 || targets.length > limits.maxLength) {
      throw new TsmergeError(
        "data",
        `the choice ${JSON.stringify(continuation)} has ${targets.length} tokens, expected 1 to ${limits.maxLength}`,
        { where, hint: "leave this question out or use a model with more positions" },
      );
    }
    const start = Math.max(0, context.length + targets.length - limits.maxLength - 1);
    if (start > 0) counts.truncated++;
    return { tokens: inputOf(context, targets, start, windows), targets };
  });
}

/**
 * A text from its start, in windows of the model's positions: the first begins with the prefix token, every
 * later one with as much of what was already scored as still fits, so that each token is scored once.
 * @throws TsmergeError `incompatible` for a tokenizer without BOS and EOS
 */
function encodeWindows(item: Item, encoder: PieceEncoder, limits: PairLimits): TokenPair[] {
  const { prefixId, maxLength } = limits;
  if (prefixId === undefined) throw noPrefix(`${item.task} question ${item.docId}`);
  const tokens = item.continuations.flatMap((text) => [...encoder.encodeTail(text, false)]);
  const fed = Int32Array.of(prefixId, ...tokens); // fed[i] comes before tokens[i]
  const pairs: TokenPair[] = [];
  for (let done = 0; done < tokens.length; ) {
    const end = Math.min(done + maxLength, tokens.length);
    const start = done === 0 ? 0 : end - maxLength;
    pairs.push({
      tokens: fed.slice(start, end),
      targets: Int32Array.from(tokens.slice(done, end)),
    });
    done = end;
  }
  return pairs;
}

/**
 * The prompt of an item whose text is generated, cut from the left so that all new tokens have a position.
 * @throws TsmergeError `usage` for a model with too few positions; `incompatible` for an empty prompt and a
 * tokenizer without BOS and EOS
 */
export function encodePrompt(
  { task, docId, context }: Item,
  stop: StopRule,
  encoder: PieceEncoder,
  { prefixId, maxLength }: PairLimits,
  counts: PairCounts,
): PromptTokens {
  const room = maxLength - stop.maxTokens;
  if (room < 1) {
    throw new TsmergeError(
      "usage",
      `${task} generates up to ${stop.maxTokens} tokens, and the model has ${maxLength} positions`,
      { hint: "use a model with more positions, or a smaller max_gen_toks in the task file" },
    );
  }
  const { head, tail, isStart } = encoder.split(context);
  const tokens = Int32Array.of(...head, ...encoder.encodeTail(tail, isStart));
  if (tokens.length > room) counts.truncated++;
  if (tokens.length > 0) return { tokens: tokens.slice(-room), stop };
  if (prefixId === undefined) throw noPrefix(`${task} question ${docId}`);
  return { tokens: Int32Array.of(prefixId), stop };
}

type Encode = (continuation: string) => { context: Int32Array; targets: Int32Array };

function withContext(
  context: string,
  encoder: PieceEncoder,
  counts: PairCounts,
  where: string,
): Encode {
  const { head, tail, isStart } = encoder.split(context);
  const tailTokens = encoder.encodeTail(tail, isStart);
  const tokens = new Int32Array(head.length + tailTokens.length);
  tokens.set(head);
  tokens.set(tailTokens, head.length);
  if (tokens.length === 0) {
    throw new TsmergeError("data", `the prompt ${JSON.stringify(context)} has no tokens`, {
      where,
      hint: "leave this question out or use a tokenizer that adds BOS",
    });
  }
  return (continuation) => {
    const whole = encoder.encodeTail(tail + continuation, isStart);
    if (tailTokens.some((token, index) => whole[index] !== token)) counts.seams++;
    if (whole.length > tailTokens.length) {
      return { context: tokens, targets: whole.subarray(tailTokens.length) };
    }
    counts.separate++;
    return { context: tokens, targets: encoder.encodeTail(continuation, false) };
  };
}

function withoutContext(encoder: PieceEncoder, limits: PairLimits, where: string): Encode {
  const { prefixId } = limits;
  if (prefixId === undefined) throw noPrefix(where);
  const context = Int32Array.of(prefixId);
  return (continuation) => {
    const tokens = encoder.encodeTail(continuation, false);
    return { context, targets: tokens[0] === prefixId ? tokens.subarray(1) : tokens };
  };
}

function noPrefix(where: string): TsmergeError {
  return new TsmergeError(
    "incompatible",
    "an empty prompt needs a BOS or EOS token to start from",
    { where, hint: "set bos_token or eos_token in the tokenizer's configuration" },
  );
}

/** (context ++ targets) from `start`, without the last token. */
function inputOf(
  context: Int32Array,
  targets: Int32Array,
  start: number,
  windows: Map<number, Int32Array>,
): Int32Array {
  if (targets.length === 1) {
    const window = windows.get(start) ?? context.subarray(start);
    windows.set(start, window);
    return window;
  }
  const input = new Int32Array(context.length + targets.length - 1);
  input.set(context);
  input.set(targets.subarray(0, -1), context.length);
  return input.subarray(start);
}
