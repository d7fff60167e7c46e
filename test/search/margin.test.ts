// The margin of integer genes against the reference's, and the tails of the normal distribution under it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { withMargin } from "../../src/search/gaussian/margin.ts";
import { upperQuantile, upperTail } from "../../src/search/gaussian/normal-tail.ts";
import type { Problem } from "../../src/search/strategy.ts";

interface Golden {
  readonly cases: readonly {
    readonly name: string;
    readonly last: readonly number[];
    readonly mean: readonly number[];
    readonly deviation: readonly number[];
    readonly stretch: readonly number[];
    readonly expected: { readonly mean: readonly number[]; readonly stretch: readonly number[] };
  }[];
}

const POPULATION = 8;

// our own file, written in this shape
const golden = JSON.parse(
  readFileSync(join(import.meta.dirname, "margin-golden.json"), "utf8"),
) as Golden;

function integers(last: readonly number[]): Problem {
  const fill = <T>(value: T): T[] => last.map(() => value);
  return {
    lower: fill(0),
    upper: last,
    start: fill(0),
    integer: fill(true),
    sigma: 0.2,
    seed: 1,
  };
}

for (const { name, last, mean, deviation, stretch, expected } of golden.cases) {
  test(`golden: ${name}`, () => {
    const perRange = (values: readonly number[]) => values.map((value, i) => value / last[i]!);
    const known = { mean: perRange(mean), stretch };
    const moved = withMargin(integers(last), POPULATION, known, () => perRange(deviation));
    expected.mean.forEach((value, i) => {
      assert.ok(Math.abs(moved.mean[i]! * last[i]! - value) < 1e-12, `mean ${i}`);
      assert.ok(Math.abs(moved.stretch![i]! / expected.stretch[i]! - 1) < 1e-12, `stretch ${i}`);
    });
  });
}

test("a second correction changes nothing, and genes that are no integers are left alone", () => {
  const problem = { ...integers([1, 8, 1]), integer: [true, true, false] };
  const deviations = () => [0.01, 0.01, 0.01];
  const once = withMargin(problem, POPULATION, { mean: [0.1, 0.4, 0.1] }, deviations);
  const twice = withMargin(problem, POPULATION, once, deviations);
  assert.equal(once.mean[2], 0.1);
  assert.equal(once.stretch![2], 1);
  assert.ok(once.stretch![1]! > 1);
  for (const i of [0, 1]) {
    assert.ok(Math.abs(twice.mean[i]! - once.mean[i]!) < 1e-12);
    assert.ok(Math.abs(twice.stretch![i]! / once.stretch![i]! - 1) < 1e-9);
  }
  const real = { ...problem, integer: [false, false, false] };
  assert.deepEqual(withMargin(real, POPULATION, { mean: [0, 0, 0] }, deviations), {
    mean: [0, 0, 0],
  });
});

test("a mean on the threshold between two values leaves the gene its spread", () => {
  const { mean, stretch } = withMargin(integers([1]), POPULATION, { mean: [0.5] }, () => [0.1]);
  assert.deepEqual([mean, stretch], [[0.5], [1]]);
});

test("tails and quantiles of the normal distribution are SciPy's", () => {
  // scipy.stats.norm.sf and .isf, 1.17.1
  for (const [z, tail] of [
    [-3, 0.9986501019683699],
    [0, 0.5],
    [0.1, 0.460172162722971],
    [2.5, 0.006209665325776132],
    [3, 0.0013498980316300933],
    [5, 2.866515718791933e-7],
    [30, 4.906713927147908e-198],
  ] as const) {
    assert.ok(Math.abs(upperTail(z) / tail - 1) < 1e-12, `${z}: ${upperTail(z)}`);
  }
  for (const [p, z] of [
    [0.49, 0.02506890825871106],
    [0.3, 0.5244005127080409],
    [0.01, 2.3263478740408408],
    [1e-5, 4.264890793922825],
    [1e-10, 6.361340902404056],
  ] as const) {
    assert.ok(Math.abs(upperQuantile(p) / z - 1) < 1e-12, `${p}: ${upperQuantile(p)}`);
  }
  assert.equal(upperQuantile(0.5), 0);
});
