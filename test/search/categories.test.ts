// Genes that name one of several choices without an order: their distribution, and every strategy with them.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { streamKey } from "../../src/base/counter-rng.ts";
import {
  drawn,
  evenCategories,
  knownCategories,
  learned,
  likeliest,
} from "../../src/search/categories.ts";
import { STRATEGIES, strategyNamed } from "../../src/search/strategies/registry.ts";
import type { Problem, Strategy } from "../../src/search/strategy.ts";
import { step } from "./run.ts";

/** Two real genes, a choice of three and a choice of five. */
function mixed(seed: number): Problem {
  return {
    lower: [0, 0, 0, 0],
    upper: [1, 2, 1, 4],
    start: [0.5, 1, 0.5, 3],
    categorical: [false, true, false, true],
    sigma: 1 / 6,
    seed,
  };
}

/** Best at (0.3, choice 2, 0.8, choice 0); neighbours of a choice are no better than any other. */
const value = ([x, a, y, b]: readonly number[]) =>
  -((x! - 0.3) ** 2) - (y! - 0.8) ** 2 - (a === 2 ? 0 : 0.3) - (b === 0 ? 0 : 0.3);

const searches = STRATEGIES.filter(({ name }) => !/ipop|soup/.test(name));

for (const strategy of searches) {
  test(`${strategy.name}: choices are whole, in their range, and the same after a kill`, () => {
    let state = strategy.initial(mixed(3));
    for (let g = 0; g < 8; g++) {
      const restored: unknown = JSON.parse(JSON.stringify(state));
      for (let k = 0; k < strategy.populationSize(state); k++) {
        const { genome } = strategy.ask(state, k);
        assert.deepEqual(strategy.ask(restored, k).genome, genome);
        for (const x of [genome, strategy.recommend(state)]) {
          assert.ok([0, 1, 2].includes(x[1]!) && [0, 1, 2, 3, 4].includes(x[3]!), `${x}`);
        }
      }
      state = step(strategy, state, value);
      assert.equal(strategy.generation(state), g + 1);
    }
  });
}

/** The seeds out of ten after which the recommendation has both choices right. */
function solved(strategy: Strategy, evaluations: number): number {
  return Array.from({ length: 10 }, (_, seed) => seed).filter((seed) => {
    let state = strategy.initial(mixed(seed));
    for (let spent = 0; spent < evaluations; spent += strategy.populationSize(state)) {
      state = step(strategy, state, value);
    }
    const [, a, , b] = strategy.recommend(state);
    return a === 2 && b === 0;
  }).length;
}

test("the CMA family and the ga find the right ones of 15 combinations in 200 evaluations", () => {
  for (const name of ["cmaes", "sep-cmaes", "lra-cmaes", "auto", "ga"]) {
    const right = solved(strategyNamed(name), 200);
    assert.ok(right >= 9, `${name}: ${right} of 10`);
  }
});

test("a problem of choices alone is searched too", () => {
  const cmaes = strategyNamed("cmaes");
  let state = cmaes.initial({
    ...{ lower: [0, 0], upper: [3, 3], start: [0, 0] },
    ...{ categorical: [true, true], sigma: 1 / 6, seed: 1 },
  });
  for (let g = 0; g < 30; g++) {
    state = step(cmaes, state, ([a, b]) => (a === 1 ? 1 : 0) + (b === 2 ? 1 : 0));
  }
  assert.deepEqual(cmaes.recommend(state), [1, 2]);
  assert.equal(cmaes.finished(state), undefined);
});

test("a warm start takes over what the best of an earlier run chose", () => {
  const cmaes = strategyNamed("cmaes");
  const good = { genome: [0.3, 2, 0.8, 0], fitness: 1 };
  const poor = { genome: [0.9, 0, 0.1, 4], fitness: 0 };
  const earlier = [...Array(3).fill(good), ...Array(27).fill(poor)];
  const state = cmaes.initial({ ...mixed(1), earlier });
  const [x, a, y, b] = cmaes.recommend(state);
  assert.deepEqual([a, b], [2, 0]);
  assert.ok(Math.abs(x! - 0.3) < 1e-12 && Math.abs(y! - 0.8) < 1e-12);
  assert.ok(!JSON.stringify(state).includes("earlier"));
});

test("chances stay chances: above the least one and adding up to 1, whatever wins", () => {
  const counts = [2, 3, 6];
  const choice = fc.tuple(...counts.map((count) => fc.nat(count - 1)));
  const generations = fc.array(fc.array(choice, { minLength: 4, maxLength: 4 }), { maxLength: 40 });
  fc.assert(
    fc.property(generations, (told) => {
      let categories = evenCategories(counts);
      for (const choices of told) categories = learned(categories, choices, [0.6, 0.4, 0, 0]);
      for (const [i, gene] of categories.chances.entries()) {
        const least = (1 - 0.73 ** (1 / 3)) / (counts[i]! - 1);
        assert.ok(Math.abs(gene.reduce((sum, p) => sum + p, 0) - 1) < 1e-12);
        assert.ok(gene.every((p) => p >= least - 1e-12));
      }
    }),
    { numRuns: 50 },
  );
});

test("draws follow the chances, and the likeliest is preferred to its equals", () => {
  const categories = knownCategories([3], [[1], [1], [1], [1]]);
  const draws = Array.from({ length: 4000 }, (_, i) => drawn(categories, streamKey(i))[0]!);
  const [, middle] = categories.chances[0]!;
  assert.ok(Math.abs(draws.filter((c) => c === 1).length / 4000 - middle!) < 0.03);
  assert.deepEqual(likeliest(categories, [0]), [1]);
  assert.deepEqual(likeliest(evenCategories([4, 2]), [2, 1]), [2, 1]);
});

test("restarts refuse choices, with what to do instead", () => {
  assert.throws(
    () => strategyNamed("cmaes-ipop").initial(mixed(1)),
    /cmaes-ipop cannot search choices without an order, such as merge_method/,
  );
});
