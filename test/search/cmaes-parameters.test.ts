// Golden parameters of CMA-ES: the values the Python package cmaes 0.13.1 computes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { cmaesParameters, defaultPopulation } from "../../src/search/gaussian/cmaes-parameters.ts";

const GOLDEN = `
  n  lambda mu muEff c1 cMu cC cSigma dSigma chi negativeSum
  1 4 2 1.459790 .296306 .0276908 .689404 .463792 1.46379 .797619 -1.96789
  2 6 3 2.028611 .154815 .0578591 .624555 .446205 1.44620 1.25427 -2.20732
  5 8 4 2.600179 .0472923 .0381692 .450200 .365088 1.36509 2.12852 -2.23902
  10 10 5 3.167299 .0152838 .0201543 .294990 .284429 1.28443 3.08473 -1.75834
  20 12 6 3.729459 .00437235 .0081914 .171767 .199428 1.19943 4.41677 -1.53377
  40 15 7 4.540915 .00116943 .0031225 .0930092 .132031 1.13203 6.28522 -1.37452
  100 17 8 5.096189 .000194803 .000632603 .0389134 .0644544 1.06445 9.97505 -1.30794
  200 19 9 5.647567 4.93494e-5 1.87438e-4 .0197408 .036305 1.03631 14.1245 -1.26328`;

/** Half a unit in the last digit written down. */
function written(figure: string): number {
  const [mantissa, exponent = "0"] = figure.split("e") as [string, string?]; // split yields at least one
  const digits = mantissa.split(".")[1]?.length ?? 0;
  return 0.5000001 * 10 ** (Number(exponent) - digits);
}

test("the constants agree with cmaes 0.13.1 in every digit written down", () => {
  for (const line of GOLDEN.trim().split("\n").slice(1)) {
    const figures = line.trim().split(" ");
    const n = Number(figures[0]);
    const lambda = defaultPopulation(n);
    const p = cmaesParameters(n, lambda);
    const negativeSum = p.weights.filter((w) => w < 0).reduce((sum, w) => sum + w, 0);
    const actual = [p.lambda, p.mu, p.muEff, p.c1, p.cMu, p.cC, p.cSigma, p.dSigma, p.chi];
    [n, ...actual, negativeSum].forEach((value, column) => {
      const figure = figures[column]!;
      const distance = Math.abs(value - Number(figure));
      assert.ok(distance <= written(figure), `n=${n}, column ${column}: ${value}, not ${figure}`);
    });
  }
});

test("the weights for ten genes agree, and the positive ones sum to 1", () => {
  const { weights } = cmaesParameters(10, 10);
  const golden = [
    0.456273, 0.270753, 0.162231, 0.085234, 0.02551, -0.085321, -0.236477, -0.367414, -0.482908,
    -0.586222,
  ];
  weights.forEach((w, i) => {
    assert.ok(Math.abs(w - golden[i]!) <= 0.5e-6, `weight ${i}: ${w}`);
  });
  const positive = weights.filter((w) => w > 0).reduce((sum, w) => sum + w, 0);
  assert.ok(Math.abs(positive - 1) < 1e-15);
});

test("populations of two and three, and very large ones, give usable constants", () => {
  for (const [n, lambda] of [
    [1, 2],
    [5, 3],
    [2, 5000],
  ] as const) {
    const p = cmaesParameters(n, lambda);
    const figures = [...p.weights, p.c1, p.cMu, p.cC, p.cSigma, p.dSigma];
    assert.ok(figures.every(Number.isFinite), `n=${n}, population ${lambda}`);
    assert.ok(1 - p.c1 - p.cMu >= 0);
  }
});
