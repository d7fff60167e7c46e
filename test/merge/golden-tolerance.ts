// How far a merge may be from mergekit's, method by method. Equal bits are the rule; the exceptions are
// stated here, each bounded by what causes it.

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
  const allowed = ruleOf(tensor)(comparison);
  const wrong = differing.filter((e) => !allowed(e));
  const [first] = wrong;
  assert.equal(
    wrong.length,
    0,
    `${tensor.name}: ${wrong.length} of ${wanted.length} differ, such as ${first}: ${found[first!]}, not ${wanted[first!]}`,
  );
  return differing.length;
}

type Rule = (comparison: Comparison) => (e: number) => boolean;

function ruleOf({ method, sources }: TensorPlan): Rule {
  if (sources.length < 2) return () => () => false;
  switch (method) {
    case "slerp":
    case "nuslerp":
    case "multislerp":
    case "karcher":
    case "model_stock":
    case "sce": // mergekit adds the models of these two in the order of a set
    case "ram":
      return withinCoefficientError;
    case "arcee_fusion":
      return onTheOtherSide;
    default:
      return () => () => false;
  }
}

/**
 * mergekit's coefficients go through float32 norms, sums, acos and sin of other libraries and
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

/** arcee_fusion: float32 sums decide on which side of the cut the element lies that is nearest to it. */
function onTheOtherSide({ sources, found, wanted }: Comparison): (e: number) => boolean {
  const differing = wanted.flatMap((x, e) => (Object.is(x, found[e]) ? [] : [e]));
  return (e) => differing.length === 1 && sources.some((values) => values[e] === wanted[e]);
}
