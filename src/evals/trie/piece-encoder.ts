// Encodes many texts that share lines. A text is cut after a newline between two visible characters, and
// each piece is encoded once. That is exact only if no token of the tokenizer crosses such a cut and no
// piece is encoded differently alone: both are tried out first, and a tokenizer that fails encodes whole texts.

import { TsmergeError } from "../../base/errors.ts";

/** What is needed of a tokenizer; src/model's satisfies it. */
export interface TextTokenizer {
  /** Token ids; with `specials`, what the tokenizer adds by itself, such as BOS. */
  encode(text: string, options: { readonly specials: boolean }): ArrayLike<number>;
}

export interface PieceEncoder {
  /** False if texts are encoded whole. */
  readonly cutsLines: boolean;
  /**
   * Encodes all of a text but its last piece. For any continuation, the tokens of `text + continuation`
   * (with specials) are `head` and then `encodeTail(tail + continuation, isStart)`.
   */
  split(text: string): SplitText;
  encodeTail(tail: string, isStart: boolean): Int32Array;
}

export interface SplitText {
  readonly head: Int32Array;
  readonly tail: string;
  /** True if the tail is the whole text: it gets the special tokens. */
  readonly isStart: boolean;
}

/** One of each kind of character that pre-tokenizers tell apart. */
const PROBES = [..."aZé中ß٣1.,?:;()[]\"'’$-_=+/\\#*|<>%^~`&@!{}€−…😀ก\u0301"];

/** Texts on which cut and whole encoding are compared before cuts are used. */
const SAMPLES = 32;

/** A cut is after this newline. White space beside it can belong to one token with it. */
const CUT = /(?<=\S\n)(?=\S)/;

const NONE = new Int32Array(0);

/**
 * @param texts what will be encoded: a few of them check the tokenizer
 */
export function pieceEncoder(tokenizer: TextTokenizer, texts: readonly string[]): PieceEncoder {
  const memos = [new Map<string, Int32Array>(), new Map<string, Int32Array>()] as const;
  function encodePiece(piece: string, specials: boolean): Int32Array {
    const memo = memos[specials ? 1 : 0];
    const known = memo.get(piece);
    if (known !== undefined) return known;
    const tokens = Int32Array.from(tokenizer.encode(piece, { specials }));
    memo.set(piece, tokens);
    return tokens;
  }
  const encodePieces = (pieces: readonly string[], isStart: boolean): Int32Array =>
    concat(pieces.map((piece, index) => encodePiece(piece, isStart && index === 0)));

  const isExact = (text: string): boolean =>
    equal(encodePieces(text.split(CUT), true), tokenizer.encode(text, { specials: true }));
  const passesProbes = (): boolean => {
    try {
      return PROBES.every((left) =>
        isExact(PROBES.map((right) => `ab${left}\n${right}cd`).join(" ")),
      );
    } catch (error) {
      // A vocabulary without a probe's character proves nothing, and no user asked for that character.
      if (error instanceof TsmergeError && error.code === "data") return false;
      throw error;
    }
  };
  const step = Math.max(1, Math.floor(texts.length / SAMPLES));
  const cutsLines =
    passesProbes() && texts.every((text, index) => index % step !== 0 || isExact(text));

  if (!cutsLines) {
    return {
      cutsLines,
      split: (text) => ({ head: NONE, tail: text, isStart: true }),
      encodeTail: (tail, isStart) => Int32Array.from(tokenizer.encode(tail, { specials: isStart })),
    };
  }
  return {
    cutsLines,
    split(text) {
      const pieces = text.split(CUT);
      const head = encodePieces(pieces.slice(0, -1), true);
      return { head, tail: pieces.at(-1)!, isStart: pieces.length === 1 };
    },
    encodeTail: (tail, isStart) => encodePieces(tail.split(CUT), isStart),
  };
}

function concat(parts: readonly Int32Array[]): Int32Array {
  const whole = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function equal(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
