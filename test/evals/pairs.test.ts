// lm-evaluation-harness's rules for (context, continuation) pairs, on tokenizers small enough to check by hand.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TsmergeError } from "../../src/base/errors.ts";
import type { Item } from "../../src/evals/item.ts";
import { encodeItem, type PairCounts, type TokenPair } from "../../src/evals/trie/pairs.ts";
import { pieceEncoder, type TextTokenizer } from "../../src/evals/trie/piece-encoder.ts";
import { demoTokenizer } from "./tokenizers.ts";

const BOS = 1;

/** One token a character, with BOS; the pairs `ab` and `\nx` are one token each. */
function characters(merges: Readonly<Record<string, number>> = {}): TextTokenizer {
  return {
    encode: (text, { specials }) => {
      const tokens = specials ? [BOS] : [];
      for (let at = 0; at < text.length; at++) {
        const merged = merges[text.slice(at, at + 2)];
        tokens.push(merged ?? text.charCodeAt(at));
        if (merged !== undefined) at++;
      }
      return tokens;
    },
  };
}

function item(context: string, ...continuations: string[]): Item {
  return {
    task: "t",
    docId: 0,
    hash: "",
    context,
    continuations,
    choices: continuations,
    gold: 0,
    document: {},
    target: 0,
  };
}

function encode(
  one: Item,
  tokenizer = characters(),
  maxLength = 100,
): { pairs: number[][][]; counts: PairCounts; raw: TokenPair[] } {
  const counts = { seams: 0, separate: 0, truncated: 0 };
  const encoder = pieceEncoder(tokenizer, [one.context]);
  const raw = encodeItem(one, encoder, { prefixId: BOS, maxLength }, counts);
  return { pairs: raw.map((pair) => [[...pair.tokens], [...pair.targets]]), counts, raw };
}

const codes = (text: string): number[] => [...text].map((character) => character.charCodeAt(0));

test("a pair is fed without its last token and scored on the continuation", () => {
  const { pairs, counts } = encode(item("Q:", " xy"));
  assert.deepEqual(pairs, [[[BOS, ...codes("Q: x")], codes(" xy")]]);
  assert.deepEqual(counts, { seams: 0, separate: 0, truncated: 0 });
});

test("white space at the context's end moves to the continuation", () => {
  assert.deepEqual(encode(item("Q: \n", "x")).pairs, [[[BOS, ...codes("Q: \n")], codes(" \nx")]]);
});

test("an empty context is the prefix token, which is not doubled", () => {
  assert.deepEqual(encode(item("", "xy")).pairs, [[[BOS, ...codes("x")], codes("xy")]]);
  const doubling: TextTokenizer = { encode: (text) => [BOS, ...codes(text)] };
  assert.deepEqual(encode(item("", "xy"), doubling).pairs, [[[BOS, ...codes("x")], codes("xy")]]);
});

test("a token across the seam: the context's own encoding is fed, the rest by position", () => {
  const { pairs, counts } = encode(item("Qa", "bc"), characters({ ab: 300 }));
  // whole = BOS Q ab c, context = BOS Q a: the continuation is what stands from the third place on
  assert.deepEqual(pairs, [[[BOS, ...codes("Qa")], codes("c")]]);
  assert.equal(counts.seams, 1);
});

test("nothing left for the continuation: it is encoded by itself, and counted", () => {
  const { pairs, counts } = encode(item("Qa", "b"), characters({ ab: 300 }));
  assert.deepEqual(pairs, [[[BOS, ...codes("Qa")], codes("b")]]);
  assert.deepEqual(counts, { seams: 1, separate: 1, truncated: 0 });
});

test("truncation keeps the right end: maxLength positions are fed", () => {
  const { pairs, counts } = encode(item("abcdef", "xyz"), characters(), 4);
  assert.deepEqual(pairs, [[codes("efxy"), codes("xyz")]]);
  assert.equal(counts.truncated, 1);
});

test("a continuation longer than the model or without tokens is an error that names the question", () => {
  assert.throws(() => encode(item("a", "vwxyz"), characters(), 4), /"vwxyz" has 5 tokens/);
  assert.throws(() => encode(item("a", "")), /has 0 tokens/);
});

test("choices of one token share one sequence", () => {
  const { raw } = encode(item("Q:", "A", "B"));
  assert.equal(raw[0]?.tokens, raw[1]?.tokens);
});

test("lines are cut only for a tokenizer that allows it", async () => {
  assert.equal(pieceEncoder(characters(), []).cutsLines, true);
  assert.equal(pieceEncoder(await demoTokenizer(), []).cutsLines, true);
  assert.equal(pieceEncoder(characters({ "\na": 300 }), []).cutsLines, false);
  const spacePrefix: TextTokenizer = { encode: (text) => codes(` ${text}`) };
  assert.equal(pieceEncoder(spacePrefix, []).cutsLines, false);
  const appendsEos: TextTokenizer = {
    encode: (text, { specials }) => [...codes(text), ...(specials ? [2] : [])],
  };
  assert.equal(pieceEncoder(appendsEos, []).cutsLines, false);
});

test("a tokenizer that cannot express the probes encodes whole texts", () => {
  const ascii: TextTokenizer = {
    encode: (text) => {
      if ([...text].every((character) => character < "\u0080")) return codes(text);
      throw new TsmergeError("data", "no token for that");
    },
  };
  const encoder = pieceEncoder(ascii, ["a\nb"]);
  assert.equal(encoder.cutsLines, false);
  assert.deepEqual([...encoder.encodeTail("a\nb", true)], codes("a\nb"));
});

test("a text that the probes do not cover switches cuts off", () => {
  const rare = characters({ "\nJ": 300 });
  assert.equal(pieceEncoder(rare, ["harmless\ntext"]).cutsLines, true);
  assert.equal(pieceEncoder(rare, ["harmless\nJam"]).cutsLines, false);
});

test("cut and whole encodings of the demo's tokenizer agree on any text", async () => {
  const tokenizer = await demoTokenizer();
  const encoder = pieceEncoder(tokenizer, []);
  const text = fc.string({ unit: "grapheme", maxLength: 12 });
  const lines = fc.array(fc.oneof(text, fc.constantFrom("", " ", "Answer: B", "\tx", "A. 1,000")), {
    minLength: 1,
    maxLength: 6,
  });
  fc.assert(
    fc.property(lines, text, (parts, continuation) => {
      const context = parts.join("\n");
      const { head, tail, isStart } = encoder.split(context);
      const cut = [...head, ...encoder.encodeTail(tail + continuation, isStart)];
      const whole = tokenizer.encode(context + continuation, { specials: true });
      assert.deepEqual(cut, Array.from(whole));
    }),
    { numRuns: 300 },
  );
});
