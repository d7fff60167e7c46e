// Inner products of a tensor's models, relative to the base where there is one: all that norms, angles and means
// on a sphere need. Computed once a run, whatever the weights.

import { mul } from "../../kernel/expression.ts";
import type { TensorMerge, TensorStatistics } from "../method.ts";
import { type Vectors, vectorDots, vectorSums, wholeTensor } from "../statistics/vectors.ts";
import { delta } from "./deltas.ts";

/**
 * Σ δ_i·δ_j over each vector of the tensor. Under compat, products of two models are rounded to the data type
 * before they are summed, as mergekit's are; squares are not, as in torch's norm.
 */
export function dots(
  merge: TensorMerge,
  statistics: TensorStatistics,
  [i, j]: readonly [number, number],
  vectors: Vectors = wholeTensor,
): Promise<Float64Array> {
  const [x, y] = [delta(merge, i), delta(merge, j)];
  const isRounded = merge.compat && i !== j;
  const name = `dots ${Math.min(i, j)} ${Math.max(i, j)} ${vectors.count} ${vectors.inner} ${isRounded}`;
  return statistics.fact(name, async () => {
    if (!isRounded) return vectorDots(statistics.inputs, x, i === j ? x : y, vectors);
    const [sums] = await vectorSums(statistics.inputs, [mul(x, y)], vectors);
    return sums!;
  });
}

/** Norms of a model over each vector, exact before any rounding. */
export async function norms(
  merge: TensorMerge,
  statistics: TensorStatistics,
  i: number,
  vectors: Vectors = wholeTensor,
): Promise<Float64Array> {
  return (await dots(merge, statistics, [i, i], vectors)).map(Math.sqrt);
}

/** [models, models] inner products over the whole tensor, exact in f64. */
export async function gramOf(
  merge: TensorMerge,
  statistics: TensorStatistics,
  models: readonly number[],
): Promise<number[][]> {
  const exact = { ...merge, compat: false };
  const rows: number[][] = [];
  for (const i of models) {
    const row: number[] = [];
    for (const j of models) row.push((await dots(exact, statistics, [i, j]))[0]!);
    rows.push(row);
  }
  return rows;
}

/** Σ a_i·b_j·G_ij: the inner product of two combinations of the models. */
export function product(
  gram: readonly (readonly number[])[],
  a: readonly number[],
  b: readonly number[],
): number {
  let total = 0;
  for (const [i, row] of gram.entries()) {
    for (const [j, x] of row.entries()) total += a[i]! * b[j]! * x;
  }
  return total;
}
