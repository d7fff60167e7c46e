// What the variants of CMA-ES promise beyond what every strategy does: cost, and their behaviour under noise.

import assert from "node:assert/strict";
import { test } from "node:test";
import { streamKey } from "../../src/base/counter-rng.ts";
import { normal } from "../../src/search/deviate.ts";
import { cmaes } from "../../src/search/strategies/cmaes.ts";
import { lraCmaes } from "../../src/search/strategies/lra-cmaes.ts";
import { sepCmaes } from "../../src/search/strategies/sep-cmaes.ts";
import type { Strategy } from "../../src/search/strategy.ts";
import { ellipsoid, sphere, type TestFunction } from "./functions.ts";
import { evaluationsTo, median, step, unbounded } from "./run.ts";

function cost(strategy: Strategy, f: TestFunction, n: number, seeds: number, limit: number) {
  const counts = Array.from({ length: seeds }, (_, i) =>
    evaluationsTo(strategy, unbounded(f, n, i + 1), f.value, 1e-8, limit),
  );
  assert.ok(counts.every(Number.isFinite), `not solved by every seed: ${counts}`);
  return median(counts);
}

test("learning-rate adaptation costs what cmaes 0.13.1's does, within 15 %", () => {
  for (const [f, n, expected] of [
    [sphere, 5, 1992],
    [sphere, 10, 6042],
  ] as const) {
    const ratio = cost(lraCmaes, f, n, 5, 10 * expected) / expected;
    assert.ok(Math.abs(ratio - 1) <= 0.15, `${f.name} ${n}: ${ratio} × the reference`);
  }
});

test("under constant noise, adapted learning rates bring the mean nearer to the optimum", () => {
  const distance = <State>(strategy: Strategy<State>, seed: number): number => {
    let state = strategy.initial(unbounded(sphere, 10, seed));
    const population = strategy.populationSize(state);
    for (let g = 0; g * population < 5000; g++) {
      const noise = streamKey(seed, "noise", g);
      state = step(strategy, state, (x, k) => -sphere.value(x) + normal(noise, k));
    }
    return sphere.value(strategy.recommend(state));
  };
  const seeds = [1, 2, 3];
  const plain = median(seeds.map((seed) => distance(cmaes, seed)));
  const adapted = median(seeds.map((seed) => distance(lraCmaes, seed)));
  assert.ok(adapted < plain / 2, `${adapted} against ${plain}`);
});

test("a variance per gene costs what cmaes 0.13.1's does, or less", () => {
  for (const [f, n, expected] of [
    [sphere, 10, 1288],
    [ellipsoid, 10, 2711],
  ] as const) {
    const ratio = cost(sepCmaes, f, n, 11, 10 * expected) / expected;
    assert.ok(ratio <= 1.06, `${f.name} ${n}: ${ratio} × the reference`);
  }
});

test("a variance per gene handles two hundred genes", () => {
  const evaluations = evaluationsTo(
    sepCmaes,
    unbounded(sphere, 200, 1),
    sphere.value,
    1e-8,
    30_000,
  );
  assert.ok(evaluations <= 22_470 * 1.06, `${evaluations}`);
});

test("where the box lies and in what unit it is measured changes nothing", () => {
  const trajectory = (strategy: Strategy, offset: number, unit: number): number[] => {
    const shifted = (value: number) => offset + unit * value;
    const n = 4;
    let state = strategy.initial({
      lower: Array(n).fill(shifted(-3)),
      upper: Array(n).fill(shifted(5)),
      start: Array(n).fill(shifted(2)),
      sigma: 0.2,
      seed: 8,
    });
    for (let g = 0; g < 30; g++) {
      state = step(strategy, state, (x) => -sphere.value(x.map((v) => (v - offset) / unit)));
    }
    return strategy.recommend(state).map((x) => (x - offset) / unit);
  };
  for (const strategy of [cmaes, lraCmaes, sepCmaes] as readonly Strategy[]) {
    const plain = trajectory(strategy, 0, 1);
    const moved = trajectory(strategy, 7, 0.25);
    moved.forEach((value, i) => {
      assert.ok(Math.abs(value - plain[i]!) < 1e-10, `${strategy.name}: ${value} and ${plain[i]}`);
    });
  }
});
