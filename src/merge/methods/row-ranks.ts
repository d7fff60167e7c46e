// DELLA's masks: each element is kept with a probability that grows with the rank of its magnitude in its row.
// Ranks need whole rows, so masks are planes: the rows under a tile are read and sorted when the tile is
// computed, and nothing of the tensor's size is held. Rows lie along the last axis; a vector is one row.

import { DRAWS } from "../../base/counter-rng.ts";
import { TsmergeError } from "../../base/errors.ts";
import type { PlaneFill, TensorMerge, TensorStatistics } from "../method.ts";
import { descendingSorter, MAGNITUDE_BITS } from "../statistics/magnitudes.ts";
import { torchSort } from "../statistics/torch-order.ts";
import { alongLastAxis } from "../statistics/vectors.ts";
import { delta } from "./deltas.ts";
import { asCompat, modelParameter } from "./weights.ts";

/**
 * Density and the epsilon that is used: natively no larger than keeps all probabilities in [0, 1].
 * Throws TsmergeError `config` under compat, where mergekit refuses probabilities that reach 0 or 1.
 */
function shareOf(merge: TensorMerge, input: number): { density: number; epsilon: number } {
  const density = modelParameter(merge, input, "density");
  const epsilon = modelParameter(merge, input, "epsilon");
  if (!merge.compat || density <= 0) {
    return { density, epsilon: Math.min(epsilon, density, 1 - density) };
  }
  if (!isNarrowed(merge, input)) return { density, epsilon };
  throw new TsmergeError(
    "config",
    `density ${density} with epsilon ${epsilon} gives probabilities from ${density - epsilon} to ${density + epsilon}`,
    { hint: "choose epsilon below density and below 1 − density, or merge without --compat" },
  );
}

/** Whether mergekit refuses the parameters of task vector `input`, which are narrowed natively. */
export function isNarrowed(merge: TensorMerge, input: number): boolean {
  const density = modelParameter(merge, input, "density");
  const epsilon = modelParameter(merge, input, "epsilon");
  return density > 0 && (density - epsilon <= 0 || density + epsilon >= 1);
}

/**
 * Fills planes with 1 where an element of task vector `input` is kept and 0 elsewhere: kept is what is drawn with
 * probability density − ε + 2ε·q, q = (rank − 1)/(n − 1) of n elements (Deep et al. 2024, DELLA-Merging, eq. 1).
 * A row of one element has q = 1/2.
 */
export function keepByRank(
  merge: TensorMerge,
  input: number,
  stream: number,
  statistics: TensorStatistics,
): PlaneFill {
  const round = (x: number) => asCompat(merge, x);
  const { density, epsilon } = shareOf(merge, input);
  const { elements } = merge;
  const rowLength = Math.min(alongLastAxis(merge.shape).inner, elements);
  // mergekit counts from 1 in the data type, in which ranks above 256 are rounded
  const above = (rank: number) => round(round(round(rank) + 1) - 1);
  const probabilities = Float64Array.from({ length: rowLength }, (_, rank) => {
    const q = rowLength === 1 ? 0.5 : round(above(rank) / above(rowLength - 1));
    return round(round(round(q * 2) * round32(merge, epsilon)) + round(density - epsilon));
  });
  // kept is what is drawn below it
  const bounds = probabilities.map((probability) => probability * DRAWS);
  const draw = statistics.draws(stream);
  const series = [delta(merge, input)];
  const sort = ascending(rowLength, merge.compat);
  return async (plane, firstElement) => {
    const start = firstElement - (firstElement % rowLength);
    const end = Math.ceil((firstElement + plane.length) / rowLength) * rowLength;
    const [change] = await statistics.inputs.read(series, start, end - start);
    const draws = new Uint32Array(plane.length);
    draw(draws);
    const bits = new Uint32Array(change!.buffer);
    for (let row = start; row < end; row += rowLength) {
      const order = sort(bits.subarray(row - start, row - start + rowLength));
      markKept(order, bounds, draws, row - firstElement, plane);
    }
  };
}

/** Marks a row's elements, of which the plane holds those that are in it; `first` is the row's place there. */
function markKept(
  order: Uint32Array,
  bounds: Float64Array,
  draws: Uint32Array,
  first: number,
  plane: Float32Array,
): void {
  for (let rank = 0; rank < order.length; rank++) {
    const e = first + order[rank]!;
    if (e >= 0 && e < plane.length) plane[e] = draws[e]! < bounds[rank]! ? 1 : 0;
  }
}

/**
 * Places of a row's elements by magnitude; among equal ones as torch has them under compat, else the lowest first.
 */
function ascending(rowLength: number, compat: boolean): (bits: Uint32Array) => Uint32Array {
  if (compat) return (bits) => torchSort(bits.map((x) => x & MAGNITUDE_BITS));
  const sort = descendingSorter(rowLength);
  const keys = new Uint32Array(rowLength);
  return (bits) => {
    complement(bits, keys);
    return sort(keys).order;
  };
}

/** Keys that descend where magnitudes ascend. A function of its own: captured variables are slow in inner loops. */
function complement(bits: Uint32Array, keys: Uint32Array): void {
  for (let i = 0; i < keys.length; i++) keys[i] = ~bits[i]! & MAGNITUDE_BITS;
}

/** torch multiplies by float32 scalars whatever the data type (and adds scalars of the data type). */
const round32 = (merge: TensorMerge, x: number) => (merge.compat ? Math.fround(x) : x);
