// The benchmark's own functions against the published implementation (values minus f_opt at one point each).

import assert from "node:assert/strict";
import { test } from "node:test";
import { BBOB } from "./bbob.ts";

/** [function, n, instance, f − f_opt] at x_i = ±0.3 (i + 1), the first positive. */
const VALUES = [
  [1, 2, 1, 0.31225408000000243],
  [1, 5, 7, 7.789913599999977],
  [2, 2, 7, 2020507.6138523319],
  [2, 5, 1, 493616.4212053764],
  [3, 2, 1, 99.3732981058875],
  [3, 5, 7, 64.85404405782477],
  [8, 2, 7, 129.63865062506247],
  [8, 5, 1, 3518.2306890303216],
  [10, 2, 1, 1950612.8095930677],
  [10, 5, 7, 5731654.739673311],
  [15, 2, 7, 123.93298497478912],
  [15, 5, 1, 543.8199687917495],
  [20, 2, 1, 13692.436940374637],
  [20, 5, 1, 4.517678553016481],
] as const;

test("the functions equal the published ones", () => {
  for (const [id, n, instance, expected] of VALUES) {
    const x = Array.from({ length: n }, (_, i) => 0.3 * (i + 1) * (-1) ** i);
    const value = BBOB.find((f) => f.id === id)!.instance(n, instance)(x);
    const where = `f${id}, n = ${n}, instance ${instance}`;
    assert.ok(Math.abs(value - expected) <= 1e-11 * expected, `${where}: ${value}`);
  }
});
