// Restarts find what one run misses, and hand back the best run's mean.

import assert from "node:assert/strict";
import { test } from "node:test";
import { cmaes } from "../../src/search/strategies/cmaes.ts";
import { cmaesBipop, cmaesIpop } from "../../src/search/strategies/restarts.ts";
import type { Problem, Strategy } from "../../src/search/strategy.ts";
import { rastrigin } from "./functions.ts";
import { evaluationsTo, step } from "./run.ts";

/** Rastrigin's usual box: restarts begin anywhere in it. */
function boxed(n: number, seed: number): Problem {
  return {
    lower: Array(n).fill(-5),
    upper: Array(n).fill(5),
    start: Array(n).fill(rastrigin.start),
    sigma: rastrigin.sigma / 10,
    resolution: 1e-9,
    seed,
  };
}

const SEEDS = [1, 2, 3, 4, 5];

function solved(strategy: Strategy, limit: number): number {
  return SEEDS.filter((seed) =>
    Number.isFinite(evaluationsTo(strategy, boxed(2, seed), rastrigin.value, 1e-8, limit)),
  ).length;
}

test("rastrigin: one run stays in a wrong valley, restarts leave it", () => {
  assert.ok(solved(cmaes, 20_000) < SEEDS.length);
  assert.equal(solved(cmaesIpop, 40_000), SEEDS.length);
  assert.equal(solved(cmaesBipop, 40_000), SEEDS.length);
});

test("ipop doubles the population, bipop has smaller runs between", () => {
  const populations = (strategy: Strategy) => {
    let state = strategy.initial({ ...boxed(2, 2), resolution: 1e-6 });
    const sizes = [strategy.populationSize(state)];
    for (let g = 0; g < 400; g++) {
      state = step(strategy, state, (x) => -rastrigin.value(x));
      const size = strategy.populationSize(state);
      if (size !== sizes.at(-1)) sizes.push(size);
    }
    return { sizes, recommended: rastrigin.value(strategy.recommend(state)) };
  };
  const ipop = populations(cmaesIpop);
  assert.ok(ipop.sizes.length >= 3);
  ipop.sizes.forEach((size, i) => {
    assert.equal(size, 6 * 2 ** i);
  });
  assert.ok(ipop.recommended < 1e-6, `${ipop.recommended}`);
  const { sizes, recommended } = populations(cmaesBipop);
  assert.ok(
    sizes.some((size, i) => i > 0 && size < sizes[i - 1]!),
    `${sizes}`,
  );
  assert.ok(recommended < 1e-6, `${recommended}`);
});

test("nothing but failures ends the search; it is no reason to restart", () => {
  let state = cmaesIpop.initial(boxed(2, 1));
  for (let g = 0; g < 3; g++) state = step(cmaesIpop, state, () => Number.NaN);
  assert.equal(state.runs, 1);
  assert.match(cmaesIpop.finished(state)!, /every candidate of 3 generations/);
});
