// What ram and ramplus_tl share: which elements of a task vector were changed at all, and by how many models.

import {
  abs,
  constant,
  type Expression,
  gt,
  type Mask,
  scalar,
  select,
  sum,
} from "../../kernel/expression.ts";
import type { ParameterSpec, TensorMerge } from "../method.ts";
import { asCompat, globalParameter } from "./weights.ts";

/** Scalar 0 of both methods' expressions. */
export const epsilonAt = 0;

export interface Activity {
  /** For each task vector, whether the element is changed by more than epsilon. */
  readonly active: readonly Mask[];
  /** By how many models it is. */
  readonly count: Expression;
}

/** @param bound what a changed element is above in magnitude */
export function activityOf(
  deltas: readonly Expression[],
  bound: Expression = scalar(epsilonAt),
): Activity {
  const active = deltas.map((delta) => gt(abs(delta), bound));
  const ones = active.map((mask) => select(mask, constant(1), constant(0)));
  return { active, count: sum(ones) };
}

/** epsilon as changes are compared with it: torch compares in the data type. */
export const epsilonOf = (merge: TensorMerge): number =>
  asCompat(merge, globalParameter(merge, "epsilon"));

export const epsilonParameter: ParameterSpec = {
  name: "epsilon",
  scope: "global",
  kind: "number",
  default: 1e-5,
  min: 0,
  search: { lower: 1e-7, upper: 1e-3, start: 1e-5, scale: "log", always: true },
  summary: "changes up to this size count as none",
};
