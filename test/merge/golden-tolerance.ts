// How far a merge may be from mergekit's, method by method. Equal bits are the rule; the two exceptions
// are stated here, each bounded by what causes it.

import assert from "node:assert/strict";
import { roundTo } from "../../src/base/half.ts";
import type { TensorPlan } from "../../src/merge/plan.ts";

export interface Comparison {
  readonly tensor: TensorPlan;
  readonly found: readonly number[];
  readonly wanted: readonly number[];
  /** What each source holds, cast as the plan says. */
  readonly sources: readonly (readonly number[])[];
  /** The merge before it was rounded to the output type. */
  readonly unrounded: readonly number[];
}

/** Throws unless `found` is what the method's rule allows; returns how many elements are not equal bit for bit. */
export function checkAgainst(comparison: Comparison): number {
  const { tensor, found, wanted } = comparison;
  const differing = wanted.flatMap((x, e) => (Object.is(x, found[e]) ? [] : [e]));
  const allowed =
    tensor.method === "slerp" && tensor.sources.length === 2
      ? withinCoefficientError(comparison)
      : tensor.method === "ties"
        ? tiedMagnitudes(comparison)
        : () => false;
  const wrong = differing.filter((e) => !allowed(e));
  const [first] = wrong;
  assert.equal(
    wrong.length,
    0,
    `${tensor.name}: ${wrong.length} of ${wanted.length} differ, such as ${first}: ${found[first!]}, not ${wanted[first!]}`,
  );
  return differing.length;
}

/**
 * slerp: mergekit's two coefficients go through float32 norms, sums, acos and sin of other libraries and
 * are off by up to 1.5 float32 ulp; ours are exact before rounding. So the value before rounding agrees to
 * 1e-6 of the larger source element (of the result itself, unless the two terms cancel).
 */
function withinCoefficientError(comparison: Comparison): (e: number) => boolean {
  const { tensor, wanted, sources, unrounded } = comparison;
  return (e) => {
    const slack = 1e-6 * Math.max(...sources.map((values) => Math.abs(values[e]!)));
    const low = roundTo(tensor.dtype, Math.fround(unrounded[e]! - slack));
    const high = roundTo(tensor.dtype, Math.fround(unrounded[e]! + slack));
    return low <= wanted[e]! && wanted[e]! <= high;
  };
}

/** ties: mergekit keeps arbitrary ones of the elements whose magnitude equals a model's threshold. */
function tiedMagnitudes({ tensor, sources }: Comparison): (e: number) => boolean {
  const { arithmetic, base } = tensor;
  assert.ok(arithmetic !== "f64" && base !== undefined);
  const tied = new Set<number>();
  for (const [i, values] of sources.entries()) {
    const density = tensor.perModel[i]?.density ?? 1;
    if (i === base || density >= 1) continue;
    const magnitudes = values.map((x, e) =>
      Math.abs(roundTo(arithmetic, Math.fround(x - sources[base]![e]!))),
    );
    const sorted = magnitudes.toSorted((a, b) => b - a);
    const k = Math.trunc(density * sorted.length);
    if (sorted[k - 1] !== sorted[k]) continue; // no tie is cut
    for (const [e, x] of magnitudes.entries()) if (x === sorted[k]) tied.add(e);
  }
  return (e) => tied.has(e);
}
