// Test functions to be minimised, with the isotropic starts the reference counts were taken with.

import { Matrix, QrDecomposition } from "ml-matrix";
import { streamKey } from "../../src/base/counter-rng.ts";
import { normal } from "../../src/search/deviate.ts";

export interface TestFunction {
  readonly name: string;
  readonly start: number;
  readonly sigma: number;
  readonly value: (x: readonly number[]) => number;
}

const total = (x: readonly number[], term: (value: number, i: number) => number): number =>
  x.reduce((sum, value, i) => sum + term(value, i), 0);

export const sphere: TestFunction = {
  name: "sphere",
  start: 3,
  sigma: 2,
  value: (x) => total(x, (v) => v * v),
};

export const ellipsoid: TestFunction = {
  name: "ellipsoid",
  start: 3,
  sigma: 2,
  value: (x) => total(x, (v, i) => 10 ** ((6 * i) / (x.length - 1)) * v * v),
};

export const cigar: TestFunction = {
  name: "cigar",
  start: 3,
  sigma: 2,
  value: (x) => total(x, (v, i) => (i === 0 ? 1 : 1e6) * v * v),
};

export const tablet: TestFunction = {
  name: "tablet",
  start: 3,
  sigma: 2,
  value: (x) => total(x, (v, i) => (i === 0 ? 1e6 : 1) * v * v),
};

export const diffPowers: TestFunction = {
  name: "diff-powers",
  start: 3,
  sigma: 2,
  value: (x) => total(x, (v, i) => Math.abs(v) ** (2 + (4 * i) / (x.length - 1))),
};

export const rosenbrock: TestFunction = {
  name: "rosenbrock",
  start: 0,
  sigma: 0.1,
  value: (x) => total(x.slice(1), (next, i) => 100 * (next - x[i]! ** 2) ** 2 + (1 - x[i]!) ** 2),
};

export const ackley: TestFunction = {
  name: "ackley",
  start: 15.5,
  sigma: 14.5,
  value: (x) => {
    const n = x.length;
    const radius = Math.sqrt(total(x, (v) => v * v) / n);
    const ripple = total(x, (v) => Math.cos(2 * Math.PI * v)) / n;
    return -20 * Math.exp(-0.2 * radius) - Math.exp(ripple) + 20 + Math.E;
  },
};

/** The function in coordinates that were turned at random: no method may profit from the axes. */
export function rotated(f: TestFunction, n: number): TestFunction {
  const key = streamKey("rotation", n);
  const entries = Array.from({ length: n * n }, (_, i) => normal(key, i));
  const basis = new QrDecomposition(Matrix.from1DArray(n, n, entries)).orthogonalMatrix;
  const turned = (x: readonly number[]) => basis.mmul(Matrix.columnVector([...x])).to1DArray();
  return { ...f, name: `rotated ${f.name}`, value: (x) => f.value(turned(x)) };
}

export const rastrigin: TestFunction = {
  name: "rastrigin",
  start: 3,
  sigma: 2,
  value: (x) => total(x, (v) => v * v + 10 * (1 - Math.cos(2 * Math.PI * v))),
};
