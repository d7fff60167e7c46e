// Inputs as methods see them: which are merged, and what each is relative to the base, where there is one.

import { add, type Expression, input, sub } from "../../kernel/expression.ts";
import type { TensorMerge } from "../method.ts";

/** Input indices of the models: all but the base. */
export const modelsOf = (merge: TensorMerge): number[] =>
  Array.from({ length: merge.inputs }, (_, i) => i).filter((i) => i !== merge.base);

/** Input i minus the base; the input itself where there is no base. */
export const delta = (merge: TensorMerge, i: number): Expression =>
  merge.base === undefined ? input(i) : sub(input(i), input(merge.base));

/** A merged change put back on the base; the change itself where there is no base. */
export const ontoBase = (merge: TensorMerge, change: Expression): Expression =>
  merge.base === undefined ? change : add(input(merge.base), change);

/** What tells the inputs of two merges apart: their number and the base's place. */
export const inputsVariant = (merge: TensorMerge): string => `${merge.inputs} ${merge.base}`;
