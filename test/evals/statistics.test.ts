// Constants: SciPy 1.17 (binomtest, its proportion_ci by Wilson's method) and exact rational arithmetic.

import assert from "node:assert/strict";
import { test } from "node:test";
import { streamKey, uniform } from "../../src/base/counter-rng.ts";
import { holm, mcnemar, pairedBootstrap, wilson } from "../../src/evals/statistics/statistics.ts";

function assertClose(actual: number, expected: number, relative = 1e-11): void {
  const scale = Math.max(Math.abs(expected), Number.MIN_VALUE);
  assert.ok(Math.abs(actual - expected) <= relative * scale, `${actual} is not ${expected}`);
}

test("mcnemar equals the exact two-sided binomial test", () => {
  for (const [gained, lost, p] of [
    [0, 0, 1],
    [0, 1, 1],
    [4, 4, 1],
    [1, 5, 0.21875],
    [3, 12, 0.03515625],
    [25, 10, 0.01667384780012071],
    [101, 138, 0.019686795571720456],
    [400, 330, 0.010605994778707738],
    [1200, 1000, 2.1817026407914712e-5],
    [5, 900, 3.720084740512925e-260],
    [7000, 7042, 0.7293481006283201],
  ] as const) {
    assertClose(mcnemar(gained, lost), p);
    assert.equal(mcnemar(gained, lost), mcnemar(lost, gained));
  }
});

test("wilson equals SciPy's interval and stays inside [0, 1]", () => {
  for (const [right, n, low, high] of [
    [0, 10, 0, 0.27753279986288926],
    [1, 10, 0.017876213095072903, 0.4041500267952385],
    [5, 10, 0.23659309051256397, 0.7634069094874361],
    [10, 10, 0.7224672001371107, 1],
    [728, 1000, 0.6995862451694239, 0.754668752961163],
    [9, 14042, 0.00033724327616275655, 0.0012177692081179795],
  ] as const) {
    const bounds = wilson(right, n);
    assertClose(bounds.low, low, 1e-12);
    assertClose(bounds.high, high, 1e-12);
  }
});

/** P(X = k) of a binomial, for k = 0..n. */
function binomial(n: number, p: number): number[] {
  const terms = [(1 - p) ** n];
  for (let k = 1; k <= n; k++) terms.push((terms[k - 1]! * (n - k + 1) * p) / (k * (1 - p)));
  return terms;
}

test("wilson's interval covers each true proportion with 95 % ± 1.5, summed exactly", () => {
  const n = 200;
  for (const p of [0.25, 0.5, 0.73, 0.9]) {
    const covered = binomial(n, p).reduce((sum, term, right) => {
      const { low, high } = wilson(right, n);
      return low <= p && p <= high ? sum + term : sum;
    }, 0);
    assert.ok(Math.abs(covered - 0.95) <= 0.015, `p = ${p}: ${covered}`);
  }
});

test("wilson's interval covers a drawn proportion in 95 % ± 1.5 of simulated samples", () => {
  const key = streamKey("coverage", 1);
  const [n, samples] = [200, 8000];
  let covered = 0;
  let draw = 0;
  for (let sample = 0; sample < samples; sample++) {
    const p = 0.1 + 0.8 * uniform(key, draw++);
    let right = 0;
    for (let i = 0; i < n; i++) if (uniform(key, draw++) < p) right++;
    const { low, high } = wilson(right, n);
    if (low <= p && p <= high) covered++;
  }
  assert.ok(Math.abs(covered / samples - 0.95) <= 0.015, String(covered / samples));
});

test("mcnemar rejects a true null in at most 5 % of samples", () => {
  const key = streamKey("null", 2);
  let rejected = 0;
  for (let sample = 0; sample < 2000; sample++) {
    let gained = 0;
    for (let i = 0; i < 60; i++) if (uniform(key, sample * 60 + i) < 0.5) gained++;
    if (mcnemar(gained, 60 - gained) < 0.05) rejected++;
  }
  assert.ok(rejected / 2000 <= 0.05, String(rejected / 2000));
});

test("holm steps down and never falls below an earlier value", () => {
  const adjusted = holm([0.01, 0.04, 0.03, 0.005]);
  [0.03, 0.06, 0.06, 0.02].forEach((expected, index) => {
    assertClose(adjusted[index]!, expected, 1e-14);
  });
  assert.deepEqual(holm([0.9, 0.8]), [1, 1]);
  assert.deepEqual(holm([]), []);
});

test("the bootstrap's interval covers the true mean in 95 % ± 1.5 of samples", () => {
  const key = streamKey("items", 3);
  const [n, samples, truth] = [200, 1000, 0.6];
  let covered = 0;
  for (let sample = 0; sample < samples; sample++) {
    const item = (i: number): number => uniform(key, sample * n + i);
    const values = Array.from({ length: n }, (_, i) => (item(i) < truth ? 1 : 0));
    const { low, high } = pairedBootstrap([values], { seed: sample, draws: 400 }).intervals[0]!;
    if (low <= truth && truth <= high) covered++;
  }
  assert.ok(Math.abs(covered / samples - 0.95) <= 0.015, String(covered / samples));
});

test("items that come in groups need groups to be resampled", () => {
  const key = streamKey("groups", 4);
  const [groups, size, samples, truth] = [40, 8, 400, 0.5];
  let [alone, together] = [0, 0];
  for (let sample = 0; sample < samples; sample++) {
    // a group's questions are easy or hard together
    const values = Array.from({ length: groups * size }, (_, i) => {
      const ease = 0.2 + 0.6 * uniform(streamKey(...key, sample), Math.floor(i / size));
      return uniform(streamKey(...key, sample, "items"), i) < ease ? 1 : 0;
    });
    const names = values.map((_, i) => `group ${Math.floor(i / size)}`);
    const covers = (by: readonly string[] | undefined): boolean => {
      const options = { seed: sample, draws: 400, groups: by };
      const { low, high } = pairedBootstrap([values], options).intervals[0]!;
      return low <= truth && truth <= high;
    };
    if (covers(undefined)) alone++;
    if (covers(names)) together++;
  }
  assert.ok(Math.abs(together / samples - 0.95) <= 0.025, String(together / samples));
  assert.ok(alone / samples < 0.93, String(alone / samples));
});

test("the paired bootstrap shares its draws between candidates and is seeded", () => {
  const weak = Array.from({ length: 50 }, (_, i) => (i % 2 === 0 ? 1 : 0));
  const strong = weak.map((value, i) => (i % 10 === 1 ? 1 : value)); // right wherever weak is, and more
  const result = pairedBootstrap([strong, weak, weak], { seed: 7 });
  assert.deepEqual(result.intervals[1], result.intervals[2]);
  assert.deepEqual(result.deltas[0], { low: 0, high: 0 });
  assert.ok(result.deltas[1]!.low >= 0, "no resample can favour the weak candidate");
  assertClose(
    result.best.reduce((sum, each) => sum + each, 0),
    1,
  );
  assert.ok(result.best[0]! > 0.99);
  assert.deepEqual(pairedBootstrap([strong, weak, weak], { seed: 7 }), result);
  assert.notDeepEqual(pairedBootstrap([strong, weak, weak], { seed: 8 }), result);
});
