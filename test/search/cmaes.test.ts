// What CMA-ES must keep to on real scores: bounds, failures, plateaus, order, and when it ends.

import assert from "node:assert/strict";
import { test } from "node:test";
import { type CmaesState, cmaes } from "../../src/search/strategies/cmaes.ts";
import type { Problem } from "../../src/search/strategy.ts";
import { rosenbrock, sphere } from "./functions.ts";
import { evaluationsTo, median, step, unbounded } from "./run.ts";

function box(n: number, seed: number, start = 0.5, sigma = 1 / 6): Problem {
  return {
    lower: Array(n).fill(0),
    upper: Array(n).fill(1),
    start: Array(n).fill(start),
    sigma,
    seed,
  };
}

function generations(count: number, problem: Problem, fitness: (x: readonly number[]) => number) {
  const states = [cmaes.initial(problem)];
  for (let i = 0; i < count; i++) states.push(step(cmaes, states.at(-1)!, fitness));
  return states;
}

function assertLegal(problem: Problem, genome: readonly number[]): void {
  genome.forEach((gene, i) => {
    assert.ok(gene >= problem.lower[i]! && gene <= problem.upper[i]!, `gene ${i}: ${gene}`);
  });
}

test("only the order of scores matters: f, f cubed, exp f and ranks give the same bits", () => {
  const problem = { ...unbounded(rosenbrock, 5, 3), population: 12 };
  const plain = generations(60, problem, (x) => -rosenbrock.value(x));
  const cubed = generations(60, problem, (x) => -(rosenbrock.value(x) ** 3));
  const exponential = generations(60, problem, (x) => Math.exp(-rosenbrock.value(x)));
  assert.deepEqual(cubed, plain);
  let state: CmaesState = cmaes.initial(problem);
  for (const known of plain.slice(1)) {
    const genomes = Array.from({ length: 12 }, (_, k) => cmaes.ask(state, k).genome);
    const values = genomes.map(rosenbrock.value);
    const rank = (value: number) => values.filter((other) => other > value).length;
    const told = genomes.map((genome, k) => ({ genome, fitness: rank(values[k]!) }));
    state = cmaes.tell(state, told);
    assert.deepEqual(state, known);
  }
  assert.deepEqual(exponential.slice(0, 20), plain.slice(0, 20)); // later exp(-f) is 1 for several candidates
});

test("an optimum in the corner is found, and every sample stays in the box", () => {
  const problem = box(10, 1);
  let best = Number.POSITIVE_INFINITY;
  generations(400, problem, (x) => {
    assertLegal(problem, x);
    best = Math.min(best, sphere.value(x));
    return -sphere.value(x);
  });
  assert.ok(best <= 1e-8, `${best}`);
});

test("a slope leads to the bound, in boxes of any size", () => {
  const problem: Problem = {
    lower: [-2, 100, 0],
    upper: [3, 101, 1e-3],
    start: [0, 100.5, 5e-4],
    sigma: 0.2,
    seed: 5,
  };
  const state = generations(80, problem, ([a, b, c]) => {
    assertLegal(problem, [a!, b!, c!]);
    return a! / 5 - b! + 1000 * c!;
  }).at(-1)!;
  const [a, b, c] = cmaes.recommend(state);
  assert.ok(a! > 3 - 0.05 && b! < 100 + 0.01 && c! > 1e-3 - 1e-5, `${[a, b, c]}`);
});

test("a start on a bound is moved inside, by half a step", () => {
  const state = cmaes.initial(box(2, 1, 1, 0.2));
  assert.deepEqual(state.mean, [0.9, 0.9]);
});

test("no standard deviation outgrows a third of its gene's range", () => {
  const states = generations(60, box(4, 2), (x) => Math.max(...x.map((v) => Math.abs(v - 0.5))));
  for (const { sigma, covariance } of states) {
    const variances = [0, 4, 7, 9].map((diagonal) => covariance[diagonal]!); // packed, n = 4
    for (const variance of variances) assert.ok(sigma * Math.sqrt(variance) <= 1 / 3 + 1e-12);
  }
});

test("a fifth of the candidates failing costs less than twice the evaluations", () => {
  const evaluations = (failing: boolean) =>
    median(
      [1, 2, 3, 4, 5, 6, 7].map((seed) => {
        let asked = 0;
        const value = (x: readonly number[]) => {
          asked += 1;
          return failing && asked % 5 === 0 ? Number.NaN : sphere.value(x);
        };
        return evaluationsTo(cmaes, unbounded(sphere, 5, seed), value, 1e-8, 20_000);
      }),
    );
  const [clean, failing] = [evaluations(false), evaluations(true)];
  assert.ok(failing < 2 * clean, `${failing} against ${clean}`);
});

test("NaN, -Infinity and +Infinity are the same failure", () => {
  const state = cmaes.initial(box(5, 4));
  const told = (bad: number) => step(cmaes, state, (x, k) => (k % 2 ? bad : -sphere.value(x)));
  assert.deepEqual(told(Number.NaN), told(Number.NEGATIVE_INFINITY));
  assert.deepEqual(told(Number.POSITIVE_INFINITY), told(Number.NEGATIVE_INFINITY));
});

test("when all but one fail, the mean moves onto the one", () => {
  const state = cmaes.initial(box(5, 4));
  const next = step(cmaes, state, (_, k) => (k === 3 ? 0.1 : Number.NaN));
  const { genome } = cmaes.ask(state, 3);
  cmaes.recommend(next).forEach((gene, i) => {
    assert.ok(Math.abs(gene - genome[i]!) < 1e-15);
  });
  assert.ok([...next.covariance, next.sigma].every(Number.isFinite));
});

test("generations that fail altogether change nothing, and the third in a row ends the search", () => {
  const states = generations(3, box(3, 1), () => Number.NaN);
  const last = states[3]!;
  assert.deepEqual({ ...last, generation: 0, failedGenerations: 0 }, states[0]);
  assert.equal(cmaes.finished(states[2]!), undefined);
  assert.match(cmaes.finished(last)!, /every candidate of 3 generations in a row failed/);
  assert.notDeepEqual(cmaes.ask(states[1]!, 0), cmaes.ask(states[0]!, 0)); // other samples are tried
  assert.equal(step(cmaes, states[2]!, (x) => x[0]!).failedGenerations, 0);
});

test("flat scores neither end nor shrink the search", () => {
  const states = generations(100, box(5, 7), () => 0.25);
  for (const state of states) assert.equal(cmaes.finished(state), undefined);
  assert.equal(states.at(-1)!.sigma, states[0]!.sigma);
});

test("scores of a few levels do not end the search before it has found the best one", () => {
  const problem = box(4, 3, 0.2);
  let state: CmaesState = cmaes.initial(problem);
  const rounded = (x: readonly number[]) =>
    Math.round(20 * (1 - sphere.value(x.map((v) => v - 0.7)))) / 20;
  while (state.generation < 60 && cmaes.finished(state) === undefined) {
    state = step(cmaes, state, rounded);
  }
  assert.equal(rounded(cmaes.recommend(state)), 1);
});

test("the search ends when every gene varies by less than a thousandth of its range", () => {
  const problem = box(3, 2);
  const states = generations(60, problem, (x) => -sphere.value(x.map((v) => v - 0.4)));
  const end = states.findIndex((state) => cmaes.finished(state) !== undefined);
  assert.ok(end > 5 && end < 60, `generation ${end}`);
  assert.match(cmaes.finished(states[end]!)!, /^converged/);
  cmaes.recommend(states[end]!).forEach((gene) => {
    assert.ok(Math.abs(gene - 0.4) < 1e-2);
  });
});

test("one gene is searched as well as many", () => {
  const states = generations(40, box(1, 2), ([x]) => -((x! - 0.3) ** 2));
  assert.ok(Math.abs(cmaes.recommend(states.at(-1)!)[0]! - 0.3) < 1e-3);
  const many = step(cmaes, cmaes.initial(box(120, 1)), (x) => -sphere.value(x));
  assert.ok(many.covariance.every(Number.isFinite));
});

test("the first generation's samples have the step size that was asked for", () => {
  const problem = { ...box(4, 11, 0.5, 0.05), population: 2000 };
  const state = cmaes.initial(problem);
  const samples = Array.from({ length: 2000 }, (_, k) => cmaes.ask(state, k).genome).flat();
  const mean = samples.reduce((sum, x) => sum + x, 0) / samples.length;
  const variance = samples.reduce((sum, x) => sum + (x - mean) ** 2, 0) / samples.length;
  const standardError = 0.05 / Math.sqrt(samples.length);
  assert.ok(Math.abs(mean - 0.5) < 4 * standardError, `mean ${mean}`);
  assert.ok(
    Math.abs(Math.sqrt(variance) - 0.05) < 4 * standardError,
    `deviation ${variance ** 0.5}`,
  );
});
