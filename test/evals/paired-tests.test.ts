// One-sided paired tests against SciPy 1.17, and their properties.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { midPMcnemar, wilcoxonSignedRank } from "../../src/evals/statistics/paired-tests.ts";

test("mid-p McNemar equals SciPy's binomial sums", () => {
  const expected: [gained: number, lost: number, p: number][] = [
    [3, 10, 0.02868652343749999],
    [0, 5, 0.015624999999999988],
    [5, 5, 0.5],
    [12, 30, 0.0027007863272956465],
    [100, 150, 0.0007740943000597844],
    [0, 0, 0.5],
  ];
  for (const [gained, lost, p] of expected) {
    assert.ok(Math.abs(midPMcnemar(gained, lost) - p) <= 1e-12, `${gained}, ${lost}`);
  }
});

test("the signed-rank test equals SciPy's with zsplit", () => {
  const few = [0.3, -0.1, 0, 0.2, -0.2, 0.5, 0, -0.7, 0.1, 0.9, -0.4, 0.2];
  // errorFunction is good to 1.2e-7
  assert.ok(Math.abs(wilcoxonSignedRank(few) - 0.7353336249190421) <= 2e-7);
  const negated = few.map((d) => -d);
  assert.ok(Math.abs(wilcoxonSignedRank(negated) - 0.2646663750809579) <= 2e-7);
});

test("swapping the models swaps the sides", () => {
  fc.assert(
    fc.property(fc.nat(300), fc.nat(300), (gained, lost) => {
      assert.ok(Math.abs(midPMcnemar(gained, lost) + midPMcnemar(lost, gained) - 1) < 1e-9);
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -9, max: 9 })), (differences) => {
      const swapped = differences.map((d) => -d);
      const sum = wilcoxonSignedRank(differences) + wilcoxonSignedRank(swapped);
      assert.ok(Math.abs(sum - 1) < 1e-6);
    }),
  );
});
