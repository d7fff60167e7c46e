// A tensor seen as vectors: whole, along its last axis, or along its first. Sums over each vector are what
// norms and angles are made of. They are accumulated in f64: in element order, and over whole tensors as
// ElementReader.sums does, so that tiles do not show.

import type { Expression } from "../../kernel/expression.ts";
import type { ElementReader } from "../elements.ts";
import type { PlaneFill } from "../method.ts";

/** Element e belongs to vector floor(e / inner) mod count. */
export interface Vectors {
  readonly count: number;
  readonly inner: number;
}

/** One vector: all of a tensor. */
export const wholeTensor: Vectors = { count: 1, inner: Number.POSITIVE_INFINITY };

/** Vectors along the last axis: the rows of a matrix; the whole of a tensor with one axis or none. */
export function alongLastAxis(shape: readonly number[]): Vectors {
  if (shape.length < 2) return wholeTensor;
  const inner = shape.at(-1)!;
  return { count: shape.slice(0, -1).reduce((a, b) => a * b, 1), inner };
}

/** Vectors along axis 0: the columns of a matrix; the whole of a tensor with one axis or none. */
export function alongFirstAxis(shape: readonly number[]): Vectors {
  if (shape.length < 2) return wholeTensor;
  return { count: shape.slice(1).reduce((a, b) => a * b, 1), inner: 1 };
}

/** Σ over each vector of each of some series: one array of `vectors.count` sums a series. */
export async function vectorSums(
  inputs: ElementReader,
  series: readonly Expression[],
  { count, inner }: Vectors,
  scalars: readonly number[] = [],
): Promise<Float64Array[]> {
  if (count === 1) {
    const totals = await inputs.sums(
      series.map((x) => [x] as const),
      { scalars },
    );
    return totals.map((sum) => Float64Array.of(sum));
  }
  const sums = series.map(() => new Float64Array(count));
  await inputs.each(
    series,
    (tiles, firstElement) => {
      for (const [s, tile] of tiles.entries()) addTile(sums[s]!, tile, firstElement, count, inner);
    },
    scalars,
  );
  return sums;
}

/** Σ over the whole tensor of each of some series. */
export async function totals(
  inputs: ElementReader,
  series: readonly Expression[],
  scalars: readonly number[] = [],
): Promise<number[]> {
  const sums = await vectorSums(inputs, series, wholeTensor, scalars);
  return sums.map((sum) => sum[0]!);
}

/** Σ x·y over each vector, each product exact in f64 (float32 factors). */
export async function vectorDots(
  inputs: ElementReader,
  x: Expression,
  y: Expression,
  { count, inner }: Vectors,
  scalars: readonly number[] = [],
): Promise<Float64Array> {
  if (count === 1) return Float64Array.from(await inputs.sums([[x, y]], { scalars }));
  const sums = new Float64Array(count);
  let products = new Float64Array(0);
  const visit = (tiles: readonly Float32Array[], firstElement: number) => {
    const a = tiles[0]!;
    const b = tiles.at(-1)!;
    if (products.length !== a.length) products = new Float64Array(a.length);
    for (let e = 0; e < a.length; e++) products[e] = a[e]! * b[e]!;
    addTile(sums, products, firstElement, count, inner);
  };
  await inputs.each(x === y ? [x] : [x, y], visit, scalars);
  return sums;
}

/** Adds a tile to its vectors' sums, run by run: one division a run, not one an element. */
function addTile(
  sums: Float64Array,
  tile: Float32Array | Float64Array,
  firstElement: number,
  count: number,
  inner: number,
): void {
  for (let e = 0; e < tile.length; ) {
    const element = firstElement + e;
    const vector = Math.floor(element / inner) % count;
    const end = Math.min(tile.length, e + inner - (element % inner));
    let sum = sums[vector]!; // a local: captured variables are slow in inner loops
    for (; e < end; e++) sum += tile[e]!;
    sums[vector] = sum;
  }
}

/** Fills planes with the number of each element's vector. */
export function spread(values: ArrayLike<number>, { count, inner }: Vectors): PlaneFill {
  return (plane, firstElement) => {
    for (let e = 0; e < plane.length; ) {
      const element = firstElement + e;
      const value = values[Math.floor(element / inner) % count]!; // one division a run, not one an element
      const end = Math.min(plane.length, e + inner - (element % inner));
      for (; e < end; e++) plane[e] = value;
    }
  };
}
