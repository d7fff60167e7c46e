// Several objectives: the order of NSGA-II, known fronts, and what else was bred without a gradient.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  clearlyDominates,
  crowding,
  dominates,
  fronts,
  hypervolume,
  survivors,
} from "../../src/search/pareto.ts";
import { de } from "../../src/search/strategies/de.ts";
import { nsga2, paretoFront } from "../../src/search/strategies/nsga2.ts";
import type { Told } from "../../src/search/strategy.ts";
import { sphere } from "./functions.ts";
import { step } from "./run.ts";
import { evolved, frontArea, unit, zdt1 } from "./zdt.ts";

test("fronts and survivors of points that can be checked by eye", () => {
  const points = [
    [1, 5],
    [3, 3],
    [2, 2],
    [5, 1],
    [1, 1],
    [3, 3],
  ];
  assert.ok(dominates([3, 3], [2, 2]) && !dominates([3, 3], [3, 3]) && !dominates([1, 5], [5, 1]));
  const byPoints = (i: number, j: number) => dominates(points[i]!, points[j]!);
  assert.deepEqual(fronts(points.length, byPoints), [[0, 1, 3, 5], [2], [4]]);
  assert.deepEqual(survivors(points, 3).slice(0, 2), [0, 3]);
  assert.deepEqual(survivors(points, 5).at(-1), 2);
  assert.deepEqual(fronts(0, byPoints), []);
  // three in a circle, each before the next, and one behind all
  const circle = (i: number, j: number) => j === 3 || (i < 3 && (i + 1) % 3 === j);
  assert.deepEqual(
    fronts(4, (i, j) => i !== j && circle(i, j)),
    [[0, 1, 2], [3]],
  );
});

test("among noisy scores only what exceeds the margin counts, for and against", () => {
  const margins = [0.02, 0.05];
  assert.ok(clearlyDominates([0.03, -0.04], margins));
  assert.ok(!clearlyDominates([0.03, -0.06], margins));
  assert.ok(!clearlyDominates([0.01, 0.04], margins), "a near tie in every task keeps both");
  for (const [a, b] of [
    [0.1, 0],
    [0.1, -0.1],
    [0, 0],
  ] as const) {
    assert.equal(clearlyDominates([a, b], [0, 0]), dominates([a, b], [0, 0]));
  }
});

test("a survivor that leads by less than the noise and trails by more stands behind", () => {
  const objectives = [
    [0.61, 0.3],
    [0.6, 0.6],
    [0.59, 0.61],
    [0.2, 0.2],
  ];
  const order = (stderr: number) => {
    const state = nsga2.initial(unit(3, 4));
    const told = objectives.map((values, k): Told => {
      const { genome } = nsga2.ask(state, k);
      return { genome, fitness: values[0]!, objectives: values, stderrs: [stderr, stderr] };
    });
    return nsga2.tell(state, told).survivors.map(({ ordinal }) => ordinal);
  };
  assert.deepEqual(order(0).slice(0, 2), [0, 2]);
  assert.deepEqual(order(0.02), [1, 2, 0, 3]);
});

test("crowding agrees with the golden case", () => {
  const [a, b, c] = crowding([
    [0, 0],
    [0.5, 50],
    [1, 100],
  ]);
  assert.deepEqual([a, b, c], [Infinity, 1, Infinity]);
});

test("the area above a reference", () => {
  const points = [
    [1, 3],
    [2, 2],
    [3, 1],
    [1, 1],
    [-1, 9],
  ];
  assert.equal(hypervolume(points, [0, 0]), 6);
});

test("ZDT1 with 30 genes: the front of 100 dominates .85 of the area, of at most .8767", () => {
  const { area, size } = frontArea(zdt1);
  assert.ok(area > 0.85 && area < zdt1.area, `${area}`);
  assert.ok(size > 90, `${size} on the front`);
});

test("DTLZ2 with three objectives: the front lies near the unit sphere and reaches its corners", () => {
  const dtlz2 = ([a, b, ...rest]: readonly number[]) => {
    const g = rest.reduce((sum, value) => sum + (value - 0.5) ** 2, 0);
    const [u, v] = [(a! * Math.PI) / 2, (b! * Math.PI) / 2];
    return [
      (1 + g) * Math.cos(u) * Math.cos(v),
      (1 + g) * Math.cos(u) * Math.sin(v),
      (1 + g) * Math.sin(u),
    ];
  };
  const front = paretoFront(evolved(7, 60, 60, dtlz2));
  const radii = front.map(({ objectives }) => Math.hypot(...objectives));
  const mean = radii.reduce((sum, radius) => sum + radius, 0) / radii.length;
  assert.ok(mean < 1.1, `${mean}`);
  for (const m of [0, 1, 2]) {
    assert.ok(Math.max(...front.map(({ objectives }) => -objectives[m]!)) > 0.95);
  }
});

test("with one objective nsga2 is a genetic algorithm, and its best is recommended", () => {
  let state = nsga2.initial(unit(4, 20));
  const fitness = (x: readonly number[]) => -sphere.value(x.map((v) => v - 0.35));
  for (let g = 0; g < 40; g++) state = step(nsga2, state, fitness);
  assert.ok(fitness(nsga2.recommend(state)) > -1e-3);
  assert.equal(paretoFront(state).length >= 1, true);
});

test("differential evolution solves a sphere, and keeps no failure over a score", () => {
  const fitness = (x: readonly number[], k: number) =>
    k % 5 === 4 ? Number.NaN : -sphere.value(x.map((v) => v - 0.35));
  let state = de.initial({ ...unit(5, 25), resolution: 1e-9 });
  for (let g = 0; g < 150; g++) state = step(de, state, fitness);
  assert.ok(-fitness(de.recommend(state), 0) < 1e-5, `${fitness(de.recommend(state), 0)}`);
  assert.ok(state.members.every((member, k) => (member.fitness === undefined) === (k % 5 === 4)));
});
