// The genetic algorithm's own promises: its operators' distributions, its lineage, its age limit.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { streamKey } from "../../src/base/counter-rng.ts";
import { ga } from "../../src/search/strategies/ga.ts";
import { random } from "../../src/search/strategies/random.ts";
import type { Problem } from "../../src/search/strategy.ts";
import { crossed, mutated } from "../../src/search/variation.ts";
import { sphere } from "./functions.ts";
import { step } from "./run.ts";

const problem: Problem = {
  lower: [0, 0, 0, 0],
  upper: [1, 1, 1, 1],
  start: [0.8, 0.8, 0.8, 0.8],
  sigma: 1 / 6,
  seed: 1,
};
const fitness = (x: readonly number[]) => -sphere.value(x.map((v) => v - 0.35));

test("children of any parents lie in the unit box", () => {
  const gene = fc.double({ min: 0, max: 1, noNaN: true });
  const genome = fc.array(gene, { minLength: 5, maxLength: 5 });
  fc.assert(
    fc.property(genome, genome, fc.nat(), (a, b, seed) => {
      const [first, second] = crossed(streamKey(seed, "x"), {}, a, b);
      for (const child of [first, second, mutated(streamKey(seed, "m"), {}, first)]) {
        assert.ok(child.every((x) => x >= 0 && x <= 1));
      }
    }),
  );
});

test("crossover keeps the parents' centre where bounds are equally far", () => {
  for (let seed = 0; seed < 200; seed++) {
    const [a, b] = crossed(streamKey(seed), {}, [0.4, 0.3], [0.6, 0.7]);
    a.forEach((gene, i) => {
      assert.ok(Math.abs((gene + b[i]!) / 2 - 0.5) < 1e-12);
    });
  }
});

test("crossover of equal parents changes nothing", () => {
  assert.deepEqual(crossed(streamKey(1), {}, [0.2, 0.9], [0.2, 0.9]), [
    [0.2, 0.9],
    [0.2, 0.9],
  ]);
});

test("mutation changes one gene in n, without a drift", () => {
  const n = 10;
  const genomes = Array.from({ length: 4000 }, (_, i) =>
    mutated(streamKey(i), {}, Array(n).fill(0.5)),
  );
  const changes = genomes.flat().filter((gene) => gene !== 0.5);
  const share = changes.length / genomes.length;
  assert.ok(Math.abs(share - 1) < 4 / Math.sqrt(4000), `${share} genes a genome`);
  const drift = changes.reduce((sum, gene) => sum + gene - 0.5, 0) / changes.length;
  assert.ok(Math.abs(drift) < 4 * (0.05 / Math.sqrt(changes.length)), `${drift}`);
});

test("the first generation holds the start point; later ones name their parents", () => {
  let state = ga.initial(problem);
  assert.deepEqual(ga.ask(state, 0), { genome: problem.start, parents: [] });
  const first = Array.from({ length: 20 }, (_, k) => ga.ask(state, k).genome);
  state = step(ga, state, fitness);
  const worst = [...first].sort((a, b) => fitness(a) - fitness(b))[0]!;
  for (let k = 0; k < 20; k++) {
    const { genome, parents } = ga.ask(state, k);
    assert.equal(parents.length, 2);
    assert.ok(parents.every((ordinal) => ordinal >= 0 && ordinal < 20));
    assert.ok(
      !first.some((known) => known.every((gene, i) => gene === genome[i])),
      "a known genome",
    );
    assert.notDeepEqual(genome, worst);
  }
});

test("a lucky score does not breed for ever", () => {
  let state = step(ga, ga.initial(problem), (_, k) => (k === 5 ? 1000 : k / 100));
  assert.equal(state.survivors[0]!.ordinal, 5);
  for (let g = 0; g < 2; g++) {
    state = step(ga, state, fitness);
    assert.equal(state.survivors[0]!.ordinal, 5);
  }
  state = step(ga, state, fitness);
  assert.ok(state.survivors.every(({ ordinal }) => ordinal !== 5));
});

test("failures never survive", () => {
  const state = step(ga, ga.initial(problem), (x, k) => (k % 3 === 0 ? Number.NaN : fitness(x)));
  assert.equal(state.survivors.length, 13);
  assert.ok(state.survivors.every(({ ordinal }) => ordinal % 3 !== 0));
});

test("it gets nearer to the optimum than random search with the same evaluations", () => {
  const distances = (seed: number) => {
    let bred = ga.initial({ ...problem, seed });
    let drawn = random.initial({ ...problem, seed, population: 20 });
    for (let g = 0; g < 12; g++) {
      bred = step(ga, bred, fitness);
      drawn = step(random, drawn, fitness);
    }
    return [-fitness(ga.recommend(bred)), -fitness(random.recommend(drawn))] as const;
  };
  const nearer = [1, 2, 3, 4, 5, 6, 7, 8, 9].filter((seed) => {
    const [bred, drawn] = distances(seed);
    return bred < drawn;
  });
  assert.ok(nearer.length >= 8, `nearer for the seeds ${nearer}`);
});

test("random search starts at the start point and keeps the best it saw", () => {
  let state = random.initial(problem);
  assert.deepEqual(random.ask(state, 0).genome, problem.start);
  assert.deepEqual(random.recommend(state), problem.start);
  let best = Number.NEGATIVE_INFINITY;
  for (let g = 0; g < 5; g++) {
    state = step(random, state, (x) => {
      best = Math.max(best, fitness(x));
      return fitness(x);
    });
  }
  assert.equal(fitness(random.recommend(state)), best);
});
