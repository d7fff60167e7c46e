// What every strategy owes the run: pure asks, JSON states that resume exactly, genomes in the box.

import assert from "node:assert/strict";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { TsmergeError } from "../../src/base/errors.ts";
import { STRATEGIES, strategyNamed } from "../../src/search/strategies/registry.ts";
import type { Problem, Strategy, Told } from "../../src/search/strategy.ts";

const problem: Problem = {
  lower: [0, -1, 0.1],
  upper: [1, 2, 1],
  start: [0.5, 0, 1],
  sigma: 0.2,
  seed: 42,
};
const GENERATIONS = 12;

/** What a strategy is given: greedy-soup needs genes that say which models take part, and enough to go on. */
function problemOf({ name }: Strategy): Problem {
  if (name !== "greedy-soup") return problem;
  const fill = (value: number): number[] => Array(14).fill(value);
  const integer = Array<boolean>(14).fill(true);
  return { lower: fill(0), upper: fill(1), start: fill(1), integer, sigma: 0.2, seed: 42 };
}

/** Deterministic, with a failure now and then. */
function fitness(genome: readonly number[], k: number): number {
  if (k === 2) return Number.NEGATIVE_INFINITY;
  return -genome.reduce((sum, gene, i) => sum + (gene - 0.3 * i) ** 2, 0);
}

function generation(strategy: Strategy, state: unknown): Told[] {
  return Array.from({ length: strategy.populationSize(state) }, (_, k) => {
    const { genome } = strategy.ask(state, k);
    return { genome, fitness: fitness(genome, k) };
  });
}

/** States before each generation, and what was told. */
function history(strategy: Strategy): { states: unknown[]; told: Told[][] } {
  const states = [strategy.initial(problemOf(strategy))];
  const told: Told[][] = [];
  for (let g = 0; g < GENERATIONS; g++) {
    told.push(generation(strategy, states[g]));
    states.push(strategy.tell(states[g], told[g]!));
  }
  return { states, told };
}

for (const strategy of STRATEGIES) {
  test(`${strategy.name}: killed at any boundary and read from JSON, it goes on as if nothing happened`, () => {
    const { states, told } = history(strategy);
    for (let g = 0; g < GENERATIONS; g++) {
      const restored: unknown = JSON.parse(JSON.stringify(states[g]));
      assert.deepEqual(restored, states[g]);
      assert.deepEqual(generation(strategy, restored), told[g]);
      assert.deepEqual(strategy.tell(restored, told[g]!), states[g + 1]);
    }
  });

  test(`${strategy.name}: candidates may be asked in any order, again, or by another process`, () => {
    const { states } = history(strategy);
    const state = states[5];
    const forward = generation(strategy, state);
    const copy: unknown = JSON.parse(JSON.stringify(state));
    for (let k = forward.length - 1; k >= 0; k--) {
      assert.deepEqual(strategy.ask(copy, k).genome, forward[k]!.genome);
    }
  });

  test(`${strategy.name}: neither asking nor telling changes the state it is given`, () => {
    const { states, told } = history(strategy);
    const before = structuredClone(states[4]);
    generation(strategy, states[4]);
    strategy.tell(states[4], told[4]!);
    strategy.recommend(states[4]);
    strategy.finished(states[4]);
    assert.ok(isDeepStrictEqual(states[4], before));
  });

  test(`${strategy.name}: genomes and the recommendation stay in the box, whatever is told`, () => {
    const { states } = history(strategy);
    for (const state of states) {
      const genomes = generation(strategy, state).map((one) => one.genome);
      for (const genome of [...genomes, strategy.recommend(state)]) {
        genome.forEach((gene, i) => {
          const { lower, upper } = problemOf(strategy);
          assert.ok(gene >= lower[i]! && gene <= upper[i]!, `${gene}`);
        });
      }
    }
  });

  // it draws nothing, and its sizes follow from the number of parents
  if (strategy.name === "greedy-soup") continue;

  test(`${strategy.name}: another seed asks for other genomes, another generation too`, () => {
    const state = strategy.initial(problem);
    const other = strategy.initial({ ...problem, seed: 43 });
    assert.notDeepEqual(strategy.ask(state, 1), strategy.ask(other, 1));
    assert.notDeepEqual(strategy.ask(state, 1), strategy.ask(state, 3));
    const next = strategy.tell(state, generation(strategy, state));
    assert.equal(strategy.generation(next), 1);
    assert.notDeepEqual(strategy.ask(state, 1), strategy.ask(next, 1));
  });

  test(`${strategy.name}: a population that was asked for is used, and another size is refused`, () => {
    const state = strategy.initial({ ...problem, population: 7 });
    assert.equal(strategy.populationSize(state), 7);
    assert.throws(() => strategy.tell(state, []), /0 results were told to a generation of 7/);
  });

  test(`${strategy.name}: a generation of failures alone is survived`, () => {
    let state = strategy.initial(problem);
    for (let g = 0; g < 2; g++) {
      const failed = generation(strategy, state).map(({ genome }) => ({
        genome,
        fitness: Number.NaN,
      }));
      state = strategy.tell(state, failed);
      assert.equal(strategy.finished(state), undefined);
    }
    assert.ok(generation(strategy, state).every(({ genome }) => genome.every(Number.isFinite)));
  });
}

test("a strategy is found by its name, and a slip is answered with the nearest one", () => {
  assert.equal(strategyNamed("ga").name, "ga");
  assert.throws(
    () => strategyNamed("cmae"),
    (error) =>
      error instanceof TsmergeError &&
      error.code === "usage" &&
      /no search strategy "cmae"; did you mean "cmaes"\?/.test(error.message),
  );
});

test("a problem that makes no sense is refused in a sentence", () => {
  const refused: readonly (readonly [Partial<Problem>, RegExp])[] = [
    [{ lower: [], upper: [], start: [] }, /at least one gene/],
    [{ lower: [0] }, /1, 3 and 3 entries/],
    [{ upper: [1, -1, 1] }, /gene 1 has the range \[-1, -1\]/],
    [{ upper: [1, Number.POSITIVE_INFINITY, 1] }, /gene 1 has the range/],
    [{ start: [0.5, 3, 1] }, /gene 1 starts at 3, outside \[-1, 2\]/],
    [{ start: [Number.NaN, 0, 1] }, /gene 0 starts at NaN/],
    [{ sigma: 0 }, /sigma is 0/],
    [{ population: 1 }, /population is 1/],
    [{ resolution: 0 }, /resolution is 0/],
    [{ seed: 0.5 }, /seed is 0.5/],
    [{ categorical: [true] }, /1 entries say which of 3 genes are categorical/],
    [{ categorical: [true, false, false] }, /gene 0 is categorical with the range \[0, 1\]/],
  ];
  for (const strategy of STRATEGIES) {
    for (const [change, message] of refused) {
      assert.throws(
        () => strategy.initial({ ...problem, ...change }),
        (error) =>
          error instanceof TsmergeError && error.code === "config" && message.test(error.message),
      );
    }
  }
});
