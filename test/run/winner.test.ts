// Who is handed back: a little luck does not replace the mean, a clear difference does, a baseline's too.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ItemScore } from "../../src/evals/item.ts";
import type { WeightedTask } from "../../src/run/evolve/fitness.ts";
import type { Finalist } from "../../src/run/evolve/shortlist.ts";
import { winnerOf } from "../../src/run/evolve/winner.ts";
import { FAKE_TASK, fakeContest } from "./fake-contest.ts";

/** Right or wrong is all that these answers say. */
const TASK: WeightedTask = { ...FAKE_TASK, metric: "acc" };
const { composition } = fakeContest().baselines[0]!;

type Entrant = readonly [label: string, kind: Finalist["kind"], scores: readonly ItemScore[]];

/** So many right answers of 100, the same ones for everybody but for `swaps` more that it has right, and as many wrong. */
function answers(right: number, swaps = 0): ItemScore[] {
  return Array.from({ length: 100 }, (_, docId) => {
    const isRight = docId < right - swaps || (docId >= right && docId < right + swaps);
    const none = { logLikelihoods: [], accNorm: 0, logprob: 0 };
    return { ...none, task: "fake", docId, hash: `i${docId}`, acc: isRight ? 1 : 0 };
  });
}

function winner(entrants: readonly Entrant[], tasks: readonly WeightedTask[] = [TASK]): string {
  const finalists = entrants.map(([label, kind]) => ({ label, kind, composition }));
  const scores = new Map(entrants.map(([label, , scored]) => [label, scored]));
  return winnerOf(tasks, finalists, scores).label;
}

const parent: Entrant = ["parent", "baseline", answers(50)];
const mean: Entrant = ["mean", "mean", answers(60)];

test("the mean is handed back although others are a little above it", () => {
  // 8 gained and 5 lost: the standard error of the difference is 3.6
  const lucky: Entrant = ["1.02", "search", answers(63, 8)];
  assert.equal(winner([parent, mean, lucky]), "mean");
  // without a mean the highest is all that can be said
  assert.equal(winner([parent, lucky, ["1.03", "search", answers(61)]]), "1.02");
});

test("a candidate above the mean by more than a standard error replaces it, the best of several", () => {
  // 3 gained and none lost: the standard error is 1.7
  const better: Entrant = ["1.02", "search", answers(63)];
  const best: Entrant = ["1.03", "search", answers(66)];
  assert.equal(winner([parent, mean, better]), "1.02");
  assert.equal(winner([parent, mean, better, best]), "1.03");
  // one that is higher still but less surely, 12 gained and 8 lost, is passed over
  assert.equal(winner([parent, mean, better, ["1.04", "search", answers(64, 12)]]), "1.02");
});

test("a baseline wins like a candidate, and who failed is no finalist", () => {
  assert.equal(winner([["parent", "baseline", answers(60)], mean]), "mean");
  assert.equal(winner([["parent", "baseline", answers(63)], mean]), "parent");
  const equal: Entrant = ["1.02", "search", answers(60)];
  assert.equal(winner([["parent", "baseline", answers(60)], equal]), "parent");
  const finalists = [parent, mean, ["1.02", "search", []] as const].map(([label, kind]) => ({
    ...{ label, kind, composition },
  }));
  const scores = new Map([
    ["parent", answers(50)],
    ["1.02", answers(51)],
  ]);
  assert.equal(winnerOf([TASK], finalists, scores).label, "1.02");
});

test("a search by logprob compares probabilities: as much accuracy by luck is not as good", () => {
  const of = (right: number, probability: number) =>
    answers(right).map((score) => ({ ...score, logprob: Math.log(probability) }));
  const entrants: Entrant[] = [
    ["parent", "baseline", of(61, 0.5)],
    ["mean", "mean", of(60, 0.7)],
    ["1.02", "search", of(64, 0.69)],
  ];
  assert.equal(winner(entrants, [FAKE_TASK]), "mean");
  assert.equal(winner(entrants), "1.02");
});

test("scores without items or errors are taken for exact", () => {
  const of = (acc: number): ItemScore[] => [
    { ...answers(0)[0]!, acc, summary: { n: 50, stderr: null } },
  ];
  const tasks = [{ ...TASK, isCounted: false }];
  const entrants: Entrant[] = [
    ["parent", "baseline", of(0.1)],
    ["mean", "mean", of(0.5)],
    ["1.02", "search", of(0.51)],
  ];
  assert.equal(winner(entrants, tasks), "1.02");
});
