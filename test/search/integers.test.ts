// Integer genes and warm starts of the CMA family.

import assert from "node:assert/strict";
import { test } from "node:test";
import { warmStart } from "../../src/search/gaussian/warm-start.ts";
import { cmaes } from "../../src/search/strategies/cmaes.ts";
import { lraCmaes } from "../../src/search/strategies/lra-cmaes.ts";
import { STRATEGIES } from "../../src/search/strategies/registry.ts";
import { sepCmaes } from "../../src/search/strategies/sep-cmaes.ts";
import type { Problem, Strategy, Told } from "../../src/search/strategy.ts";
import { ellipsoid, sphere } from "./functions.ts";
import { evaluationsTo, median, step } from "./run.ts";

/** Half real genes, half bits. */
function mixed(n: number, seed: number): Problem {
  const half = n / 2;
  const both = <T>(real: T, bit: T): T[] => [...Array(half).fill(real), ...Array(half).fill(bit)];
  return {
    lower: both(-5, 0),
    upper: both(5, 1),
    start: both(3, 0),
    integer: both(false, true),
    sigma: 0.2,
    seed,
  };
}

const ellipsoidAndOnes = (n: number) => (x: readonly number[]) =>
  ellipsoid.value(x.slice(0, n / 2)) + x.slice(n / 2).reduce((sum, bit) => sum + 1 - bit, 0);

test("an ellipsoid of five genes with five bits is solved", () => {
  const seeds = [1, 2, 3];
  const solved = seeds.filter((seed) =>
    Number.isFinite(
      evaluationsTo(
        cmaes,
        { ...mixed(10, seed), resolution: 1e-12 },
        ellipsoidAndOnes(10),
        1e-8,
        40_000,
      ),
    ),
  );
  assert.deepEqual(solved, seeds);
});

test("integer genes are whole in every candidate and recommendation, of every strategy", () => {
  for (const strategy of STRATEGIES) {
    let state = strategy.initial(mixed(4, 7));
    for (let g = 0; g < 10; g++) {
      const genomes = [strategy.recommend(state)];
      state = step(strategy, state, (x) => {
        genomes.push([...x]);
        return -ellipsoidAndOnes(4)(x);
      });
      for (const genome of genomes) {
        assert.ok(genome.slice(2).every(Number.isInteger), `${strategy.name}: ${genome}`);
      }
    }
  }
});

test("an integer gene never freezes: some candidates leave the mean's cell until the end", () => {
  for (const strategy of [cmaes, sepCmaes, lraCmaes] as readonly Strategy[]) {
    let state = strategy.initial(mixed(6, 3));
    let changed = 0;
    for (let g = 0; g < 150; g++) {
      const mean = strategy.recommend(state);
      state = step(strategy, state, (x) => {
        if (g >= 100 && x.slice(3).some((bit, i) => bit !== mean[3 + i])) changed += 1;
        return -ellipsoidAndOnes(6)(x);
      });
    }
    // 50 generations, three bits, at least 1/6 of a change each
    assert.ok(changed >= (50 * 3) / 6 / 2, `${strategy.name}: ${changed} changes`);
  }
});

test("an integer gene needs integer bounds and an entry for every gene", () => {
  assert.throws(
    () => cmaes.initial({ ...mixed(2, 1), upper: [5, 1.5] }),
    /gene 1 is an integer with the range \[0, 1.5\]/,
  );
  assert.throws(() => cmaes.initial({ ...mixed(2, 1), integer: [true] }), /1 entries say which/);
});

function box(n: number, seed: number): Problem {
  const fill = (value: number): number[] => Array(n).fill(value);
  return { lower: fill(-2), upper: fill(2), start: fill(-1), sigma: 0.15, seed };
}

/** All candidates of a search of the sphere. */
function log(n: number, evaluations: number): Told[] {
  const told: Told[] = [];
  let state = cmaes.initial(box(n, 100));
  while (told.length < evaluations) {
    state = step(cmaes, state, (genome) => {
      told.push({ genome, fitness: -sphere.value(genome) });
      return -sphere.value(genome);
    });
  }
  return told;
}

test("a start from an earlier run saves a third of the evaluations", () => {
  const earlier = log(10, 300);
  const evaluations = (more: Partial<Problem>) =>
    median(
      [1, 2, 3, 4, 5].map((seed) =>
        evaluationsTo(cmaes, { ...box(10, seed), ...more }, sphere.value, 0.1, 20_000),
      ),
    );
  const [cold, warm] = [evaluations({}), evaluations({ earlier })];
  assert.ok(warm < (2 * cold) / 3, `${warm} against ${cold}`);
});

test("a warm start is the best tenth's mean and their covariance plus .1², for three strategies", () => {
  const problem = { ...box(2, 1), lower: [0, 0], upper: [1, 1], start: [0.5, 0.5] };
  const points = [
    [0.2, 0.4],
    [0.6, 0.4],
  ];
  const bad = Array.from({ length: 18 }, () => ({ genome: [1, 1], fitness: -1 }));
  const failed = { genome: [0, 0], fitness: Number.NaN };
  const earlier = [...bad, failed, ...points.map((genome) => ({ genome, fitness: 0 }))];
  const { mean, sigma, covariance } = warmStart(problem, earlier);
  const near = (actual: readonly number[], expected: readonly number[]) =>
    actual.forEach((value, i) => {
      assert.ok(Math.abs(value - expected[i]!) < 1e-12, `${actual}, not ${expected}`);
    });
  near(mean, [0.4, 0.4]);
  near(
    covariance.map((c) => c * sigma * sigma),
    [0.05, 0, 0.01],
  );
  near([sigma], [(0.05 * 0.01) ** 0.25]);
  for (const strategy of [cmaes, sepCmaes, lraCmaes] as readonly Strategy[]) {
    const state = strategy.initial({ ...problem, earlier });
    near(strategy.recommend(state), [0.4, 0.4]);
    assert.ok(!JSON.stringify(state).includes("earlier"), "the earlier run is not kept");
  }
});

test("an earlier run that does not fit, or a strategy that cannot use one, is refused", () => {
  const earlier = [{ genome: [0, 0, 0], fitness: 1 }];
  assert.throws(
    () => cmaes.initial({ ...box(2, 1), earlier }),
    /an earlier candidate has 3 genes and this search has 2/,
  );
  assert.throws(
    () => cmaes.initial({ ...box(3, 1), earlier: [{ genome: [0, 0, 0], fitness: Number.NaN }] }),
    /none of the 1 earlier candidates has a score/,
  );
  const ga = STRATEGIES.find(({ name }) => name === "ga")!;
  assert.throws(() => ga.initial({ ...box(3, 1), earlier }), /ga cannot start from an earlier run/);
});

test("the sphere with integer genes alone ends at its optimum", () => {
  const problem: Problem = {
    lower: [-10, -10, -10],
    upper: [10, 10, 10],
    start: [7, -6, 5],
    integer: [true, true, true],
    sigma: 0.2,
    seed: 2,
  };
  let state = cmaes.initial(problem);
  for (let g = 0; g < 80; g++) state = step(cmaes, state, (x) => -sphere.value(x));
  assert.deepEqual(cmaes.recommend(state).map(Math.abs), [0, 0, 0]);
});
