// CMA-ES needs as many evaluations as a reference implementation does. The box is so wide that bounds
// never act, and the run's own stopping rules are left out: only f ≤ 1e-8 ends a search here.

import assert from "node:assert/strict";
import { test } from "node:test";
import { cmaes } from "../../src/search/strategies/cmaes.ts";
import {
  ackley,
  cigar,
  diffPowers,
  ellipsoid,
  rosenbrock,
  rotated,
  sphere,
  type TestFunction,
  tablet,
} from "./functions.ts";
import { evaluationsTo, median, step, unbounded } from "./run.ts";

const TARGET = 1e-8;
const SEEDS = Array.from({ length: 11 }, (_, i) => i + 1);
/** The reference's own 10 % and 90 % quantiles lie 4 to 15 % from its medians. */
const BAND = 0.12;

/** Medians of cmaes 0.13.1 over 25 seeds, by dimension. */
const REFERENCE: readonly (readonly [TestFunction, Readonly<Record<number, number>>])[] = [
  [sphere, { 2: 260, 5: 708, 10: 1517 }],
  [ellipsoid, { 2: 546, 5: 1569, 10: 4232 }],
  [cigar, { 5: 1841, 10: 4073 }],
  [tablet, { 5: 1370, 10: 3236 }],
  [diffPowers, { 5: 682, 10: 1785 }],
  [rosenbrock, { 2: 471, 5: 1634, 10: 5042 }],
];

for (const [f, medians] of REFERENCE) {
  for (const [dimension, expected] of Object.entries(medians)) {
    const n = Number(dimension);
    test(`${f.name} with ${n} genes takes about ${expected} evaluations`, () => {
      const counts = SEEDS.map((seed) =>
        evaluationsTo(cmaes, unbounded(f, n, seed), f.value, TARGET, 10 * expected),
      );
      assert.ok(counts.every(Number.isFinite), `not solved by every seed: ${counts}`);
      const ratio = median(counts) / expected;
      assert.ok(Math.abs(ratio - 1) <= BAND, `median ${median(counts)}, ${ratio} × the reference`);
    });
  }
}

test("ackley from far away is solved by 25 of 25 seeds, and none stops before", () => {
  for (let seed = 1; seed <= 25; seed++) {
    // the tutorial's tolx, 1e-12 of the first step (B.3 of arXiv:1604.00772)
    const far = unbounded(ackley, 2, seed);
    const problem = { ...far, resolution: 1e-12 * far.sigma };
    let state = cmaes.initial(problem);
    let best = Number.POSITIVE_INFINITY;
    while (best > TARGET) {
      assert.equal(cmaes.finished(state), undefined, `seed ${seed} at ${best}`);
      assert.ok(state.generation < 1000, `seed ${seed} at ${best}`);
      state = step(cmaes, state, (x) => {
        best = Math.min(best, ackley.value(x));
        return -ackley.value(x);
      });
    }
  }
});

test("a rotation of the coordinates costs nothing", () => {
  const counts = (f: TestFunction) =>
    median(
      SEEDS.map((seed) => evaluationsTo(cmaes, unbounded(f, 10, seed), f.value, TARGET, 50_000)),
    );
  const ratio = counts(rotated(ellipsoid, 10)) / counts(ellipsoid);
  assert.ok(ratio >= 0.9 && ratio <= 1.1, `${ratio}`);
});
