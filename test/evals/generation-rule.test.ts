// Where generated texts stop, and how long prompts are cut for them, by lm-evaluation-harness's rules; what is
// not greedy is refused by name.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Item } from "../../src/evals/item.ts";
import { stopRuleOf } from "../../src/evals/tasks/generation-rule.ts";
import { encodePrompt } from "../../src/evals/trie/pairs.ts";
import type { PieceEncoder } from "../../src/evals/trie/piece-encoder.ts";

const rule = (options: Readonly<Record<string, unknown>>) => stopRuleOf(options, "t.yaml");

test("256 new tokens unless a task says otherwise, under any of four names", () => {
  assert.deepEqual(rule({ until: ["a", "b"] }), { until: ["a", "b"], maxTokens: 256 });
  assert.deepEqual(rule({ until: "a", max_gen_toks: 9 }), { until: ["a"], maxTokens: 9 });
  for (const key of ["max_new_tokens", "max_tokens", "max_completion_tokens"]) {
    assert.equal(rule({ [key]: 7 }).maxTokens, 7);
  }
  assert.equal(rule({ max_tokens: 7, max_gen_toks: 5 }).maxTokens, 5);
});

test("greedy in other words is greedy; sampling is refused", () => {
  const greedy = { do_sample: false, temperature: 0, top_p: 0.95, num_beams: 1 };
  assert.deepEqual(rule(greedy), { until: [], maxTokens: 256 });
  assert.deepEqual(rule({ do_sample: false, temperature: 0.7 }), { until: [], maxTokens: 256 });
  for (const options of [{ do_sample: true }, { temperature: 0.7 }, { num_beams: 4 }]) {
    const [key] = Object.keys(options);
    assert.throws(() => rule(options), new RegExp(`${key} is .*generated greedily`));
  }
  assert.throws(() => rule({ max_gen_tok: 3 }), /max_gen_tok is not known.*max_gen_toks/);
  assert.throws(() => rule({ max_gen_toks: 0 }), /max_gen_toks is 0/);
  assert.throws(() => rule({ until: [1] }), /until is \[1\]/);
});

test("what shapes texts is transformers', by its names", () => {
  const shaped = rule({ repetition_penalty: 1.2, no_repeat_ngram_size: 3, min_length: null });
  assert.deepEqual(shaped.shape, { repetitionPenalty: 1.2, noRepeatNgramSize: 3 });
  assert.throws(() => rule({ repetition_penalty: 0 }), /repetition_penalty is 0/);
  assert.throws(() => rule({ suppress_tokens: "3" }), /suppress_tokens is "3"/);
});

/** A token a character; no special tokens. */
const characters: PieceEncoder = {
  cutsLines: false,
  split: (text) => ({ head: new Int32Array(0), tail: text, isStart: true }),
  encodeTail: (text) => Int32Array.from(text, (letter) => letter.codePointAt(0)!),
};

test("a prompt longer than the window loses its left end", () => {
  const prompt = (context: string, maxLength: number, maxTokens: number) => {
    const counts = { seams: 0, separate: 0, truncated: 0 };
    // encodePrompt reads nothing else of an item
    const item = { task: "t", docId: 0, context } as Item;
    const limits = { prefixId: 7, maxLength };
    const stop = { until: [], maxTokens };
    const { tokens } = encodePrompt(item, stop, characters, limits, counts);
    return { text: String.fromCodePoint(...tokens), truncated: counts.truncated };
  };
  assert.deepEqual(prompt("abcdefgh", 12, 4), { text: "abcdefgh", truncated: 0 });
  assert.deepEqual(prompt("abcdefghi", 12, 4), { text: "bcdefghi", truncated: 1 });
  assert.deepEqual(prompt("", 12, 4), { text: "\x07", truncated: 0 });
  assert.throws(() => prompt("abc", 12, 12), /t generates up to 12 tokens, and the model has 12/);
});
