// Per-model weights as the arithmetic wants them: exact in native mode, rounded to the data type
// under compat, where mergekit holds them in a tensor of that type (0.3 becomes 0.30078125 in bfloat16).

import { TsmergeError } from "../../base/errors.ts";
import { roundTo } from "../../base/half.ts";
import type { TensorMerge } from "../method.ts";
import { cascadeSum } from "../statistics/sums.ts";

/** Where weights are searched: models seldom want more than 1.5 of themselves. */
export const WEIGHT_RANGE = { lower: 0, upper: 1.5, start: "share", always: true } as const;

/** `value` in the type that mergekit would compute with, or unchanged in native mode and f64 arithmetic. */
export function asCompat(merge: TensorMerge, value: number): number {
  return merge.compat && merge.arithmetic !== "f64" ? roundTo(merge.arithmetic, value) : value;
}

/** Σ w_i: exactly enough natively; under compat in torch's order, which is not left to right from five weights on. */
export function weightTotal(merge: TensorMerge, weights: readonly number[]): number {
  if (!merge.compat || merge.arithmetic === "f64") {
    return weights.reduce((total, weight) => total + weight, 0);
  }
  const sum = cascadeSum(weights.length);
  sum.add(Float32Array.from(weights));
  return asCompat(merge, sum.total());
}

/**
 * Parameter `name` of input `input`.
 * Throws TsmergeError `config` when the plan does not give it.
 */
export function modelParameter(merge: TensorMerge, input: number, name: string): number {
  const value = merge.perModel[input]?.[name];
  if (value !== undefined) return value;
  throw new TsmergeError("config", `model ${input + 1} of the merge has no ${name}`, {
    hint: `give it one: parameters: {${name}: …}`,
  });
}

/** Global parameter `name`. Throws TsmergeError `config` when the plan does not give it. */
export function globalParameter(merge: TensorMerge, name: string): number {
  const value = merge.global[name];
  if (value !== undefined) return value;
  throw new TsmergeError("config", `the merge has no ${name}`, {
    hint: `give it one: parameters: {${name}: …}`,
  });
}
