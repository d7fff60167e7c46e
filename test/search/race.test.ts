// Racing inside a generation: who stops, what the strategy is told, and that it pays on the noisy landscape.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  RACE_DEFAULTS,
  type RaceRules,
  racedFitness,
  rungEnds,
  stopped,
} from "../../src/search/race.ts";
import { lraCmaes } from "../../src/search/strategies/lra-cmaes.ts";
import { landscape, searched } from "./landscape.ts";

const test4: RaceRules = { rule: "test", ...RACE_DEFAULTS };
const halving: RaceRules = { rule: "halving", rungs: 3, error: 0.3 };

test("portions are equal, or double, and never too few to decide", () => {
  assert.deepEqual(rungEnds(100, test4), [25, 50, 75, 100]);
  assert.deepEqual(rungEnds(100, halving), [25, 50, 100]);
  assert.deepEqual(rungEnds(30, test4), [23, 30]);
  assert.deepEqual(rungEnds(10, halving), [10]);
});

test("only the significantly worse than the last parent stop", () => {
  const answers = (right: number): number[] => Array.from({ length: 40 }, (_, i) => +(i < right));
  // 30 against 20 of the nested same items: ten lost, none gained, p = 2⁻¹¹
  assert.deepEqual(stopped([30, 29, 28, 20].map(answers), 2, test4), [3]);
  assert.deepEqual(stopped([30, 29, 28, 27].map(answers), 2, test4), []);
  // log-probabilities of the same order: signed ranks
  const logs = (mean: number): number[] => Array.from({ length: 40 }, (_, i) => mean - (i % 7) / 9);
  assert.deepEqual(stopped([-1, -1.1, -1.1, -3].map(logs), 1, test4), [1, 2, 3]);
  assert.deepEqual(stopped([-1, -1.1, -1.1, -3].map(logs), 2, test4), [3]);
});

test("halving keeps the better half, at least two", () => {
  const flat = [5, 1, 4, 2, 3].map((value) => [value, value]);
  assert.deepEqual(stopped(flat, 2, halving), [1, 3]);
  assert.deepEqual(stopped(flat.slice(0, 2), 2, halving), []);
});

const raced = fc.array(
  fc.record({
    fitness: fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constant(Number.NEGATIVE_INFINITY)),
    stoppedAfter: fc.option(fc.nat(2), { nil: undefined }),
  }),
);

test("whoever stopped ranks below everyone who went on", () => {
  fc.assert(
    fc.property(raced, (candidates) => {
      const told = racedFitness(candidates);
      for (const [i, a] of candidates.entries()) {
        const failed = !Number.isFinite(a.fitness);
        if (failed || a.stoppedAfter === undefined) assert.equal(told[i], a.fitness);
        for (const [j, b] of candidates.entries()) {
          if (failed || !Number.isFinite(b.fitness)) continue;
          const [rungA, rungB] = [a.stoppedAfter ?? 9, b.stoppedAfter ?? 9];
          if (rungA > rungB) assert.ok(told[i]! > told[j]!);
          if (rungA === rungB && a.fitness > b.fitness) assert.ok(told[i]! > told[j]!);
          if (rungA === rungB && a.fitness === b.fitness) assert.equal(told[i], told[j]);
        }
      }
    }),
  );
});

test("at equal items, a raced search ends higher on the noisy landscape", () => {
  const ended = (race: RaceRules | undefined): number => {
    const size = { evaluations: 1e6, itemBudget: 40_000, items: 400, ...(race && { race }) };
    const lands = Array.from({ length: 10 }, (_, i) => landscape(12, i + 1));
    const ends = lands.map((land) => searched(lraCmaes, land, size).at(-1)!.recommended);
    return ends.reduce((sum, end) => sum + end, 0) / ends.length;
  };
  assert.ok(ended(test4) > ended(undefined) + 0.003);
});
