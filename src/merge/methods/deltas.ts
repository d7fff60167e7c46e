// Inputs as methods see them: which are merged, and what each is relative to the base, where there is one.

import { add, type Expression, input, sub } from "../../kernel/expression.ts";
import type { TensorMerge } from "../method.ts";

/** Every input's index, the base among them. */
export const inputsOf = (merge: TensorMerge): number[] =>
  Array.from({ length: merge.inputs }, (_, i) => i);

/** Input indices of the models: all but the base. */
export const modelsOf = (merge: TensorMerge): number[] =>
  inputsOf(merge).filter((i) => i !== merge.base);

/** Input indices of the two ends of a way from the base to the other model; without a base the first is the start. */
export function ends(merge: TensorMerge): [number, number] {
  const start = merge.base ?? 0;
  return [start, 1 - start];
}

/** Input i minus the base; the input itself where there is no base. */
export const delta = (merge: TensorMerge, i: number): Expression =>
  merge.base === undefined ? input(i) : sub(input(i), input(merge.base));

/** A merged change put back on the base; the change itself where there is no base. */
export const ontoBase = (merge: TensorMerge, change: Expression): Expression =>
  merge.base === undefined ? change : add(input(merge.base), change);

/** What tells the inputs of two merges apart: their number and the base's place. */
export const inputsVariant = (merge: TensorMerge): string => `${merge.inputs} ${merge.base}`;
