// Which elements sce keeps: those in which the task vectors differ most. The variance over models is rounded once,
// not after each operation, so what is kept is no expression but marks, made in passes of their own.

import { roundTo } from "../../base/half.ts";
import type { MagnitudeCut, TensorMerge, TensorStatistics } from "../method.ts";
import { isKept, type Stream, selectCut, streamedMagnitudes } from "../statistics/magnitudes.ts";
import { torchSelect } from "../statistics/torch-order.ts";
import { delta, modelsOf } from "./deltas.ts";
import { followsTorch } from "./kept-planes.ts";
import { globalParameter } from "./weights.ts";

/** The share of elements that is kept, of those whose variance is not 0. */
export const topk = (merge: TensorMerge): number => globalParameter(merge, "select_topk");

/** Population variances over the models, in the data type: of each element of the tiles. */
function variancesIn(
  tiles: readonly Float32Array[],
  round: (x: number) => number,
): Float32Array<ArrayBuffer> {
  const { length } = tiles[0]!;
  const means = new Float64Array(length);
  const squares = new Float64Array(length);
  for (const tile of tiles) for (let e = 0; e < length; e++) means[e]! += tile[e]!;
  for (let e = 0; e < length; e++) means[e]! /= tiles.length;
  for (const tile of tiles) {
    for (let e = 0; e < length; e++) {
      const distance = tile[e]! - means[e]!;
      squares[e]! += distance * distance;
    }
  }
  const variances = new Float32Array(length);
  for (let e = 0; e < length; e++) variances[e] = round(squares[e]! / tiles.length);
  return variances;
}

const varianceRounding = (merge: TensorMerge) => {
  const { arithmetic } = merge;
  return merge.compat && arithmetic !== "f64"
    ? (x: number) => roundTo(arithmetic, Math.fround(x))
    : Math.fround;
};

/** Every element's variance over the models, in tiles. */
function variancesOf(merge: TensorMerge, { inputs }: TensorStatistics): Stream {
  const series = modelsOf(merge).map((i) => delta(merge, i));
  const round = varianceRounding(merge);
  return (visit) =>
    inputs.each(series, (tiles, firstElement) => visit(variancesIn(tiles, round), firstElement));
}

/** How many of the elements whose variance is not 0 are kept. */
const keptOf = (merge: TensorMerge, nonzero: number) =>
  Math.max(0, Math.trunc(nonzero * topk(merge)));

/** Where variances are cut to keep the largest, ties by lowest index. */
async function varianceCut(
  merge: TensorMerge,
  statistics: TensorStatistics,
): Promise<MagnitudeCut> {
  const variances = variancesOf(merge, statistics);
  const { magnitudes, nonzero } = await statistics.fact(`variances ${merge.compat}`, async () => {
    let count = 0;
    await variances((tile) => {
      for (const variance of tile) count += variance === 0 ? 0 : 1;
    });
    return { magnitudes: streamedMagnitudes(variances, merge.elements), nonzero: count };
  });
  const k = keptOf(merge, nonzero);
  if (k === 0) return { threshold: Number.POSITIVE_INFINITY, cut: 0 };
  return statistics.recentFact(`variance cut ${merge.compat} ${k}`, () => selectCut(magnitudes, k));
}

/** 1 for each element that torch selects by its variance. */
function selectedByTorch(merge: TensorMerge, statistics: TensorStatistics): Promise<Uint8Array> {
  return statistics.recentFact(`variances selected ${topk(merge)}`, async () => {
    const keys = new Uint32Array(merge.elements);
    let nonzero = 0;
    await variancesOf(
      merge,
      statistics,
    )((tile, firstElement) => {
      const bits = new Uint32Array(tile.buffer);
      for (let e = 0; e < bits.length; e++) {
        nonzero += bits[e] === 0 ? 0 : 1;
        keys[firstElement + e] = ~bits[e]!; // the largest first: variances are not negative
      }
    });
    const marks = new Uint8Array(merge.elements);
    const k = keptOf(merge, nonzero);
    if (k > 0) for (const element of torchSelect(keys, k)) marks[element] = 1;
    return marks;
  });
}

/** Fills `kept` with 1 for the elements that are kept, and 0 elsewhere. */
export type Selection = (
  tiles: readonly Float32Array[],
  firstElement: number,
  kept: Float32Array,
) => void;

export async function selection(
  merge: TensorMerge,
  statistics: TensorStatistics,
): Promise<Selection> {
  if (followsTorch(merge)) {
    const marks = await selectedByTorch(merge, statistics);
    return (_tiles, first, kept) => kept.set(marks.subarray(first, first + kept.length));
  }
  const cut = await varianceCut(merge, statistics);
  return (tiles, firstElement, kept) => markKept(merge, cut, tiles, firstElement, kept);
}

/** Fills `kept` with 1 where a tile's variance is within the cut, and 0 elsewhere. */
function markKept(
  merge: TensorMerge,
  cut: MagnitudeCut,
  tiles: readonly Float32Array[],
  firstElement: number,
  kept: Float32Array,
): void {
  const variances = variancesIn(tiles, varianceRounding(merge));
  for (let e = 0; e < kept.length; e++) {
    kept[e] = isKept(cut, variances[e]!, firstElement + e) ? 1 : 0;
  }
}
