// Symmetric matrices as JSON: the upper triangle, row by row, [n(n+1)/2]; and their square roots. The
// decomposition is ml-matrix's (Householder and QL); only results free of its sign choices leave this file.

import { EigenvalueDecomposition, Matrix } from "ml-matrix";

export interface SquareRoots {
  /** C^½ and C^-½, both symmetric, [n, n]. */
  readonly root: Matrix;
  readonly inverseRoot: Matrix;
  /** Largest over smallest eigenvalue. */
  readonly condition: number;
}

/** Eigenvalues below this share of the largest are rounding noise, and may even be negative. */
const RELATIVE_FLOOR = 1e-16;

export function packedIdentity(n: number): number[] {
  return packed(Matrix.eye(n));
}

/** The upper triangle of a square matrix, row by row, [n(n+1)/2]. */
export function packed(matrix: Matrix): number[] {
  const triangle: number[] = [];
  for (let i = 0; i < matrix.rows; i++) {
    for (let j = i; j < matrix.columns; j++) triangle.push(matrix.get(i, j));
  }
  return triangle;
}

/** The symmetric matrix of a triangle, [n, n]. */
export function unpacked(triangle: readonly number[], n: number): Matrix {
  const matrix = new Matrix(n, n);
  let next = 0;
  for (let i = 0; i < n; i++) {
    for (let j = i; j < n; j++) {
      matrix.set(i, j, triangle[next]!);
      matrix.set(j, i, triangle[next]!);
      next += 1;
    }
  }
  return matrix;
}

/**
 * B d Bᵀ and B d⁻¹ Bᵀ of C = B d² Bᵀ. Unlike B and d, they do not depend on the order and the signs of the
 * eigenvectors, nor on which basis is taken of an eigenspace, so samples made with them repeat exactly.
 */
export function squareRoots(triangle: readonly number[], n: number): SquareRoots {
  const { eigenvectorMatrix: basis, realEigenvalues: values } = new EigenvalueDecomposition(
    unpacked(triangle, n),
    { assumeSymmetric: true },
  );
  const largest = Math.max(...values);
  const floored = values.map((value) => Math.max(value, largest * RELATIVE_FLOOR));
  const rows = basis.to2DArray();
  const scaled = (factor: (value: number) => number): Matrix => {
    const factors = floored.map(factor);
    const left = rows.map((row) => row.map((entry, k) => entry * factors[k]!));
    return new Matrix(left.map((row) => rows.map((other) => dot(row, other))));
  };
  return {
    root: scaled((value) => Math.sqrt(value)),
    inverseRoot: scaled((value) => 1 / Math.sqrt(value)),
    condition: largest / Math.min(...floored),
  };
}

/** Matrix times vector, [n]. */
export function times(matrix: Matrix, vector: readonly number[]): number[] {
  return matrix.mmul(Matrix.columnVector([...vector])).to1DArray();
}

/** One row of a matrix times a vector, summed in the order of `times`. */
export function rowTimes(matrix: Matrix, row: number, vector: readonly number[]): number {
  let sum = 0;
  for (let k = 0; k < vector.length; k++) sum += matrix.get(row, k) * vector[k]!;
  return sum;
}

/** The upper triangle of A S A for symmetric A and S, [n(n+1)/2]. */
export function sandwiched(outer: Matrix, inner: Matrix): number[] {
  const a = outer.to2DArray();
  const product = inner.to2DArray().map((row) => a.map((column) => dot(row, column))); // S A
  const columns = product[0]!.map((_, j) => product.map((row) => row[j]!));
  return a.flatMap((row, i) => columns.slice(i).map((column) => dot(row, column)));
}

function dot(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
  return sum;
}
