// Under the noise of few items: what is handed back is better than the best observed, and `auto` picks well.

import assert from "node:assert/strict";
import { test } from "node:test";
import { auto, chosen } from "../../src/search/strategies/auto.ts";
import { cmaes } from "../../src/search/strategies/cmaes.ts";
import type { Problem, Strategy } from "../../src/search/strategy.ts";
import { type Landscape, landscape, searched } from "./landscape.ts";

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

test("the landscape starts at .500 and its true score is what many items show", () => {
  const land = landscape(12, 3);
  const { start } = land.problem;
  assert.ok(Math.abs(land.accuracy(start) - 0.5) < 1e-9);
  const [seen, exact] = [land.observed(start, 2000), land.accuracy(start)];
  assert.ok(Math.abs(seen - exact) < 4 * Math.sqrt(0.25 / 2000), `${seen} against ${exact}`);
});

test("12 genes, 200 candidates on 100 items: the recommendation is truly better than .610, its report honest", () => {
  const lands = Array.from({ length: 20 }, (_, i) => landscape(12, i + 1));
  const last = (strategy: Strategy, land: Landscape) =>
    searched(strategy, land, { evaluations: 200, items: 100 }).at(-1)!;
  const found = lands.map((land) => last(auto, land));
  const rivals = lands.map((land) => last(cmaes, land));
  const ours = average(found.map(({ recommended }) => recommended));
  const rival = average(rivals.map(({ best }) => best));
  assert.ok(ours >= 0.61, `${ours}`);
  assert.ok(ours > rival + 0.01, `${ours} against the best observed, truly ${rival}`);
  // reported on 500 items that the search did not see, within one standard error of one report
  const reported = lands.map((land, i) => average(land.answers(found[i]!.genome, 600).slice(100)));
  const optimism = average(reported) - ours;
  assert.ok(Math.abs(optimism) < Math.sqrt(0.25 / 500), `${optimism}`);
  const claimed = average(rivals.map((trace) => trace.claimed)) - rival;
  assert.ok(claimed > 0.05, `what the search observed is worth less by ${claimed}`);
});

test("auto picks by genes, noise and budget, and says why", () => {
  const problem = (n: number, more: Partial<Problem> = {}): Problem => ({
    lower: Array(n).fill(0),
    upper: Array(n).fill(1),
    start: Array(n).fill(0.5),
    sigma: 0.2,
    seed: 1,
    ...more,
  });
  const picked = (n: number, more: Partial<Problem>) => {
    const { strategy, population } = chosen(problem(n, more));
    return [strategy, population];
  };
  assert.deepEqual(picked(4, { items: 100 }), ["cmaes", 16]);
  assert.deepEqual(picked(12, { items: 100 }), ["lra-cmaes", 22]);
  assert.deepEqual(picked(12, { items: 1000 }), ["cmaes", 11]);
  assert.deepEqual(picked(12, { items: 100, evaluations: 40 }), ["lra-cmaes", 11]);
  assert.deepEqual(picked(12, { items: 100, population: 30 }), ["lra-cmaes", 30]);
  assert.deepEqual(picked(300, { items: 100 }), ["sep-cmaes", 42]);
  assert.equal(
    auto.explain!(auto.initial(problem(12, { items: 100 }))),
    "lra-cmaes for 12 genes and scores from 100 items; 22 candidates a generation, twice the usual, against the noise",
  );
});
