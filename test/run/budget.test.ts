// Limits: which holds, when it is met, and what is chosen without one.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  askedBudget,
  defaultEvaluations,
  exhausted,
  plannedEvaluations,
  requireOneCandidate,
  resolveBudget,
} from "../../src/run/evolve/budget.ts";

test("the command line's limits replace the file's as a whole", () => {
  const asked = askedBudget({ minutes: 5 }, { maxEvals: 100 });
  assert.deepEqual(resolveBudget(asked, 8, 10), { budget: { minutes: 5 }, note: undefined });
  assert.deepEqual(askedBudget({ minutes: undefined }, { maxEvals: 100 }), { maxEvals: 100 });
});

test("without a limit there is one by dimension, in whole generations, and it is said", () => {
  const { budget, note } = resolveBudget({}, 8, 10);
  assert.deepEqual(budget, { maxEvals: 180 });
  assert.match(note!, /180 evaluations for 8 genes/);
  assert.equal(defaultEvaluations(3, 7) % 7, 0);
});

test("whichever limit is met first ends it", () => {
  const budget = { maxEvals: 100, items: 5000, generations: 9, minutes: 3 };
  const spent = { evaluations: 99, items: 4900, itemsEach: 100, generations: 8, minutes: 2.9 };
  assert.equal(exhausted(budget, spent), undefined);
  assert.equal(exhausted(budget, { ...spent, evaluations: 100 }), "100 evaluations done");
  assert.equal(exhausted(budget, { ...spent, items: 4901 }), "5000 items used");
  assert.equal(exhausted(budget, { ...spent, generations: 9 }), "9 generations done");
  assert.equal(exhausted(budget, { ...spent, minutes: 3 }), "3 minutes used");
});

test("evaluations can be planned unless only minutes limit them", () => {
  assert.equal(plannedEvaluations({ maxEvals: 100, generations: 4 }, 10, 50), 40);
  assert.equal(plannedEvaluations({ maxEvals: 30, generations: 4 }, 10, 50), 30);
  assert.equal(plannedEvaluations({ items: 1049, generations: 4 }, 10, 50), 20);
  assert.equal(plannedEvaluations({ minutes: 4 }, 10, 50), undefined);
  assert.equal(plannedEvaluations({ items: 1049 }, 10, 0), undefined, "a program's own items");
});

test("a limit that means nothing is refused by its flag", () => {
  for (const [budget, flag] of [
    [{ maxEvals: 0 }, /--max-evals must be a whole number above zero, not 0/],
    [{ items: 0.5 }, /--budget-items must be a whole number/],
    [{ generations: 1.5 }, /--generations/],
    [{ minutes: -1 }, /--budget-minutes must be a number above zero, not -1/],
  ] as const) {
    assert.throws(() => resolveBudget(budget, 8, 10), flag);
  }
});

test("a budget that buys no candidate is refused", () => {
  assert.throws(
    () => requireOneCandidate({ items: 39 }, 40),
    /39 items is less than the 40 that one/,
  );
  requireOneCandidate({ items: 40 }, 40);
  requireOneCandidate({ maxEvals: 1 }, 40);
});
