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
import type { ParameterSpec } from "../method.ts";

/** Scalar 0 of both methods' expressions. */
export const epsilonAt = 0;

export interface Activity {
  /** For each task vector, whether the element is changed by more than epsilon. */
  readonly active: readonly Mask[];
  /** By how many models it is. */
  readonly count: Expression;
}

export function activityOf(deltas: readonly Expression[]): Activity {
  const active = deltas.map((delta) => gt(abs(delta), scalar(epsilonAt)));
  const ones = active.map((mask) => select(mask, constant(1), constant(0)));
  return { active, count: sum(ones) };
}

export const epsilonParameter: ParameterSpec = {
  name: "epsilon",
  scope: "global",
  kind: "number",
  default: 1e-5,
  min: 0,
  search: { lower: 1e-7, upper: 1e-3, start: 1e-5, scale: "log", always: true },
  summary: "changes up to this size count as none",
};
