// Sobol points against SciPy's, and what makes them even.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { streamKey } from "../../src/base/counter-rng.ts";
import { sobolPoint } from "../../src/search/sobol-points.ts";
import { sobol } from "../../src/search/strategies/sobol.ts";

interface Golden {
  readonly genes: readonly number[];
  readonly points: Readonly<Record<string, readonly number[]>>;
}

test("without a shift they are scipy.stats.qmc.Sobol's, to the last bit", () => {
  const file = join(import.meta.dirname, "sobol-golden.json");
  // our own file, written in this shape
  const { genes, points } = JSON.parse(readFileSync(file, "utf8")) as Golden;
  for (const [k, expected] of Object.entries(points)) {
    const point = sobolPoint(undefined, Number(k), 256);
    assert.deepEqual(
      genes.map((i) => point[i]),
      expected,
      `point ${k}`,
    );
  }
});

test("of 64 shifted points every gene has one in each 64th, every two of the first genes one in each cell", () => {
  const points = Array.from({ length: 64 }, (_, k) => sobolPoint(streamKey("shift"), k, 256));
  const everyCell = Array.from({ length: 64 }, (_, cell) => cell);
  const ascending = (a: number, b: number) => a - b;
  for (let i = 0; i < 256; i++) {
    assert.deepEqual(points.map((x) => Math.floor(64 * x[i]!)).sort(ascending), everyCell);
  }
  const squares = points.map((x) => 8 * Math.floor(8 * x[0]!) + Math.floor(8 * x[1]!));
  assert.deepEqual(squares.sort(ascending), everyCell);
});

test("genes beyond the table are drawn uniformly, each point anew", () => {
  const [first, second] = [0, 1].map((k) => sobolPoint(streamKey("wide"), k, 300));
  const mean = (x: readonly number[]) => x.slice(256).reduce((sum, v) => sum + v, 0) / 44;
  assert.ok(Math.abs(mean(first!) - 0.5) < 0.15 && Math.abs(mean(second!) - 0.5) < 0.15);
  assert.ok(first!.every((value, i) => value !== second![i]));
});

test("the search goes on with the sequence, whatever the size of a generation", () => {
  const problem = { lower: [0, 0], upper: [1, 1], start: [0.5, 0.5], sigma: 0.2, seed: 4 };
  const asked = (population: number) => {
    let state = sobol.initial({ ...problem, population });
    const genomes: number[][] = [];
    while (genomes.length < 24) {
      const results = Array.from({ length: population }, (_, k) => ({
        genome: sobol.ask(state, k).genome,
        fitness: k,
      }));
      genomes.push(...results.map(({ genome }) => genome));
      state = sobol.tell(state, results);
    }
    return genomes;
  };
  assert.deepEqual(asked(4), asked(12));
  assert.deepEqual(asked(4)[0], problem.start);
});
