// The greedy soup: what it asks for, whom it keeps, and that more candidates at once change nothing.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { greedySoup } from "../../src/search/strategies/greedy-soup.ts";
import type { Problem } from "../../src/search/strategy.ts";
import { step } from "./run.ts";

/** A fixed gene and one switch a parent. */
function problem(parents: number, population?: number): Problem {
  const fill = (value: number): number[] => Array(parents).fill(value);
  return {
    lower: [0, ...fill(0)],
    upper: [2, ...fill(1)],
    start: [0.5, ...fill(1)],
    integer: [false, ...Array(parents).fill(true)],
    ...(population === undefined ? {} : { population }),
    ...{ sigma: 1 / 6, seed: 1 },
  };
}

/** The score of a soup is its members' mean worth. */
const meanOf = (worth: readonly number[]) => (genome: readonly number[]) => {
  const members = worth.filter((_, i) => genome[i + 1] === 1);
  return members.reduce((sum, one) => sum + one, 0) / members.length;
};

/** Every genome asked, until the strategy is finished. */
function played(start: Problem, score: (genome: readonly number[]) => number) {
  let state = greedySoup.initial(start);
  const asked: string[] = [];
  while (greedySoup.finished(state) === undefined) {
    state = step(greedySoup, JSON.parse(JSON.stringify(state)) as typeof state, (genome) => {
      assert.equal(genome[0], 0.5);
      asked.push(genome.slice(1).join(""));
      return score(genome);
    });
  }
  return { asked, soup: greedySoup.recommend(state).slice(1).join(""), state };
}

test("first the uniform soup and each parent, then parents by score, kept if it does not fall", () => {
  const scores: Record<string, number> = {
    ...{ "1111": 0.5, "1000": 0.4, "0100": 0.6, "0010": 0.7, "0001": 0.5 },
    ...{ "0110": 0.65, "0011": 0.7, "1011": 0.75 },
  };
  const { asked, soup } = played(problem(4), (genome) => scores[genome.slice(1).join("")]!);
  const singles = ["1111", "1000", "0100", "0010", "0001"];
  assert.deepEqual(asked, [...singles, "0110", "0011", "1011"]);
  assert.equal(soup, "1011");
});

test("the uniform soup is recommended where it is better", () => {
  const score = (genome: readonly number[]) =>
    genome.every((bit) => bit > 0) ? 2 : 1 / genome[1]!;
  assert.equal(played(problem(3), (g) => (Number.isFinite(score(g)) ? score(g) : 0)).soup, "111");
});

test("a population tries several parents at once and ends with the same soup", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.nat(63).map(String), fc.nat(9)),
      fc.integer({ min: 2, max: 6 }),
      (table, population) => {
        const score = (genome: readonly number[]) =>
          table[String(Number.parseInt(genome.slice(1).join(""), 2))] ?? 5;
        assert.equal(played(problem(6, population), score).soup, played(problem(6), score).soup);
      },
    ),
  );
});

test("a soup is at least as good as its best parent", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 2, maxLength: 7 }),
      (worth) => {
        const score = meanOf(worth);
        const { state } = played(problem(worth.length), score);
        assert.ok(score(greedySoup.recommend(state)) >= Math.max(...worth) - 1e-12);
      },
    ),
  );
});

test("failed parents stay out, and if all fail alone the search ends", () => {
  const broken = (genome: readonly number[]) =>
    genome[2] === 1 ? Number.NaN : meanOf([0.5, 0, 0.5])(genome);
  assert.equal(played(problem(3), broken).soup, "101");
  const { state } = played(problem(3), () => Number.NaN);
  assert.equal(greedySoup.finished(state), "every parent alone failed");
  assert.deepEqual(greedySoup.recommend(state), [0.5, 1, 1, 1]);
});

test("without genes for models it says how to get them", () => {
  const { integer: _, ...real } = problem(3);
  assert.throws(() => greedySoup.initial(real), {
    message: "greedy-soup decides which models take part, and no gene says that",
  });
});
