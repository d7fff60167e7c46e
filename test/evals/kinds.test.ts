// Items of every kind through tokens, schedule and scores: what each continuation is scored after, against
// the same done by hand.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Item, Judgement } from "../../src/evals/item.ts";
import { estimate, keyOf, scoreItem } from "../../src/evals/metrics.ts";
import { buildWorkload, scoreItems } from "../../src/evals/workload.ts";
import type { BatchResult } from "../../src/model/batch.ts";
import { simulate } from "./simulate.ts";

const BOS = 1;
/** One token a character; BOS with the specials. */
const characters = {
  encode: (text: string, { specials }: { readonly specials: boolean }) => [
    ...(specials ? [BOS] : []),
    ...Array.from(text, (char) => char.charCodeAt(0)),
  ],
};

function item(judgement: Judgement | undefined, parts: Partial<Item>): Item {
  const base = {
    task: "t",
    docId: 0,
    hash: "",
    context: "",
    continuations: [],
    choices: [],
    gold: 0,
    document: {},
    target: "",
  };
  return { ...base, ...parts, ...(judgement && { judgement }) };
}

/** A made-up log-probability of a token after the tokens before it. */
function logProb(before: string, token: number): number {
  return (
    -[...`${before}|${token}`].reduce((hash, char) => (hash * 31 + char.charCodeAt(0)) % 97, 7) / 10
  );
}

function scoresOf(items: readonly Item[], maxLength = 64): ReturnType<typeof scoreItems> {
  const workload = buildWorkload("t", items, characters, { prefixId: BOS, maxLength });
  const { seen } = simulate(workload.schedule);
  const results = workload.schedule.batches.map((batch, index): [number, BatchResult] => {
    const logProbs = Float32Array.from(batch.targetToken, (token, target) =>
      logProb(seen[index]![batch.scoreSlots[batch.targetRow[target]!]!]!, token),
    );
    const greedy = Uint8Array.from(logProbs, (value) => (value > -5 ? 1 : 0));
    return [index, { logProbs, greedy }];
  });
  return scoreItems(workload, new Map(results));
}

/** Σ log p and the greedy flag of a continuation after a context, one token at a time. */
function byHand(
  context: readonly number[],
  continuation: string,
): { sum: number; greedy: boolean } {
  const tokens = [...context];
  let [sum, greedy] = [0, true];
  for (const char of continuation) {
    const value = Math.fround(logProb(tokens.join(" "), char.charCodeAt(0)));
    sum += value;
    greedy &&= value > -5;
    tokens.push(char.charCodeAt(0));
  }
  return { sum, greedy };
}

const tokensOf = (text: string): number[] => characters.encode(text, { specials: true });

test("contexts of one item are scored apart, with one continuation", () => {
  const contexts = ["so Ann", "so Bob"];
  const [score] = scoresOf([
    item(undefined, { contexts, continuations: [" won", " won"], choices: contexts }),
  ]);
  const expected = contexts.map((context) => byHand(tokensOf(context), " won").sum);
  assert.deepEqual(score?.logLikelihoods, expected);
  assert.equal(score?.acc, expected[0]! >= expected[1]! ? 1 : 0);
});

test("a single continuation is right when greedy decoding gives it", () => {
  for (const text of [" a", " b", " c", " d"]) {
    const [score] = scoresOf([
      item({ kind: "likelihood" }, { context: "x", continuations: [text] }),
    ]);
    const { sum, greedy } = byHand(tokensOf("x"), text);
    assert.deepEqual([score?.logprob, score?.acc], [sum, greedy ? 1 : 0]);
  }
});

test("a rolling text is scored in windows, every token once", () => {
  const text = "0123456789";
  const [score] = scoresOf(
    [item({ kind: "rolling", words: 2, bytes: 10 }, { continuations: [text] })],
    4,
  );
  const codes = Array.from(text, (char) => char.charCodeAt(0));
  const after = (from: number, to: number, part: string): number =>
    byHand([BOS, ...codes].slice(from, to), part).sum;
  const expected = after(0, 1, "0123") + after(4, 5, "4567") + after(6, 9, "89");
  assert.ok(Math.abs(score!.logprob - expected) < 1e-9);
  const { value } = estimate([score!], "word_perplexity");
  assert.ok(Math.abs(value - Math.exp(-expected / 2)) < 1e-9 * value);
});

test("windows cover any text, whatever its length and the model's", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 40 }),
      fc.integer({ min: 1, max: 12 }),
      (n, maxLength) => {
        const text = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH".slice(0, n);
        const one = item({ kind: "rolling", words: 1, bytes: n }, { continuations: [text] });
        const other = item(undefined, { context: "x", continuations: ["y"], choices: ["y"] });
        const { targetStarts, choiceStarts } = buildWorkload("t", [one, other], characters, {
          prefixId: BOS,
          maxLength,
        });
        assert.equal(targetStarts[choiceStarts[1]!], n);
      },
    ),
  );
});

test("mc2 is the true choices' share, and any right choice counts", () => {
  const key = keyOf(item({ kind: "mass", truths: [0, 2] }, { choices: ["a", "b", "c"] }));
  const logs = [0.2, 0.5, 0.3].map(Math.log);
  assert.ok(Math.abs(scoreItem(key, logs).acc - 0.5) < 1e-12);
  const any = keyOf(item({ kind: "any", golds: [1, 2] }, { choices: ["a", "bcd😀", "c"] }));
  const score = scoreItem(any, logs, [false, true, false]);
  assert.deepEqual([score.acc, score.others], [1, { acc_bytes: 1, exact_match: 1 }]);
});
