// Which elements of a tensor mergekit keeps, where that is decided by torch's order of equal magnitudes: a sort
// of the whole tensor, for compat. The result is a plane of ones and zeros. Larger tensors than SORT_LIMIT are
// not held; there the rule of magnitudes.ts (the lowest index) decides among equals.

import type { Mass, PlaneFill, TensorMerge, TensorStatistics } from "../method.ts";
import { MAGNITUDE_BITS, SORT_LIMIT } from "../statistics/magnitudes.ts";
import { torchSort } from "../statistics/torch-order.ts";
import { delta } from "./deltas.ts";

/** Elements of a tile when a whole tensor is read. */
const TILE = 2 ** 16;

/** Whether equal magnitudes are kept as torch orders them. */
export const followsTorch = (merge: TensorMerge): boolean =>
  merge.compat && merge.elements <= SORT_LIMIT;

/** Places [first, end) of a sort. */
export interface Places {
  readonly descending: boolean;
  readonly first: number;
  readonly end: number;
}

/** A plane with 1 for the elements of task vector `input` that stand at some places of all magnitudes in order. */
export async function keepPlaces(
  merge: TensorMerge,
  input: number,
  { descending, first, end }: Places,
  statistics: TensorStatistics,
): Promise<PlaneFill> {
  const name = `places ${input} ${descending} ${first} ${end}`;
  const kept = await statistics.recentFact(name, async () => {
    const keys = new Uint32Array(merge.elements);
    await statistics.inputs.each([delta(merge, input)], ([tile], firstElement) => {
      keys.set(new Uint32Array(tile!.buffer, tile!.byteOffset, tile!.length), firstElement);
    });
    for (let e = 0; e < keys.length; e++) {
      keys[e] = (descending ? ~keys[e]! : keys[e]!) & MAGNITUDE_BITS;
    }
    const marks = new Uint8Array(merge.elements);
    for (const element of torchSort(keys).subarray(first, end)) marks[element] = 1;
    return marks;
  });
  return (plane, firstElement) =>
    plane.set(kept.subarray(firstElement, firstElement + plane.length));
}

/** Σ|δ| of the whole task vector and of what a plane of ones and zeros keeps of it. */
export async function planeMass(
  merge: TensorMerge,
  input: number,
  fill: PlaneFill,
  statistics: TensorStatistics,
): Promise<Mass> {
  const [total, kept] = [statistics.sum(), statistics.sum()];
  for (let first = 0; first < merge.elements; first += TILE) {
    const plane = new Float32Array(Math.min(TILE, merge.elements - first));
    await fill(plane, first);
    const [change] = await statistics.inputs.read([delta(merge, input)], first, plane.length);
    const magnitudes = change!;
    for (let e = 0; e < plane.length; e++) {
      magnitudes[e] = Math.abs(magnitudes[e]!);
      plane[e] = magnitudes[e]! * plane[e]!;
    }
    total.add(magnitudes);
    kept.add(plane);
  }
  return { total: total.total(), kept: kept.total() };
}
