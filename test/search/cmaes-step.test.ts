// One golden update of CMA-ES, computed with the Python package cmaes 0.13.1.

import assert from "node:assert/strict";
import { test } from "node:test";
import { cmaes } from "../../src/search/strategies/cmaes.ts";

// n = 3, population 6, m = (1, 2, 3), s = 0.5, f = Σx² minimised. The box is so wide that no bound acts.
const WIDTH = 1000;
const problem = {
  lower: [-500, -500, -500],
  upper: [500, 500, 500],
  start: [1, 2, 3],
  sigma: 0.5 / WIDTH,
  population: 6,
  seed: 0,
};
const points = [
  [1.1, 2.2, 2.9],
  [0.8, 1.9, 3.3],
  [1.4, 2.5, 3.1],
  [0.6, 1.7, 2.6],
  [1.2, 1.8, 3.2],
  [0.9, 2.1, 2.7],
];

test("a single step agrees with cmaes 0.13.1 to 1e-9", () => {
  const told = points.map((genome) => ({
    genome,
    fitness: -genome.reduce((sum, x) => sum + x * x, 0),
  }));
  const state = cmaes.tell(cmaes.initial(problem), told);
  const near = (actual: readonly number[], golden: readonly number[], what: string) => {
    assert.equal(actual.length, golden.length, what);
    actual.forEach((value, i) => {
      assert.ok(Math.abs(value - golden[i]!) <= 1e-9, `${what}[${i}]: ${value}, not ${golden[i]}`);
    });
  };
  near(cmaes.recommend(state), [0.7245646629, 1.8530216886, 2.6519731771], "mean");
  near([state.sigma * WIDTH], [0.4546560829677308], "sigma");
  near(state.sigmaPath, [-0.6286862009, -0.3354806872, -0.7943775964], "sigma path");
  near(state.covariancePath, [-0.7045176432, -0.375946001, -0.8901945537], "covariance path");
  near(
    state.covariance,
    [0.9264535453, -0.0279123374, 0.0922202326, 0.8756277107, 0.0569595131, 0.974998403],
    "covariance",
  );
  assert.equal(cmaes.generation(state), 1);
});
