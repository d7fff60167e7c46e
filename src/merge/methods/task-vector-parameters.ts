// The methods over task vectors as data: what they have in common, and the parameters and defaults in which
// they differ.

import type { ParameterSpec, Published } from "../method.ts";
import { WEIGHT_RANGE } from "./weights.ts";

/** What tells the members of the family apart. */
export interface TaskVectorForm {
  readonly name: string;
  readonly summary: string;
  readonly reference: string;
  /**
   * How a task vector is thinned to `density` of its elements: not at all, to its largest, by chance, to its
   * largest without outliers, or by chance that favours the largest of each row.
   */
  readonly sparsify: "none" | "magnitude" | "random" | "band" | "rank";
  /** Only contributions of the majority's sign count (TIES). */
  readonly consensus: boolean;
  readonly normalizeByDefault: boolean;
  readonly rescaleByDefault: boolean;
  readonly published?: Published;
}

const GAMMA: ParameterSpec = {
  name: "gamma",
  scope: "model",
  kind: "number",
  default: 0.01,
  min: 0,
  max: 1,
  search: { lower: 0.001, upper: 0.1, start: 0.01, scale: "log" },
  summary: "share of the task vector's largest elements that is dropped",
};

const EPSILON: ParameterSpec = {
  name: "epsilon",
  scope: "model",
  kind: "number",
  default: 0.15,
  min: 0,
  max: 0.5,
  search: { lower: 0, upper: 0.4, start: 0.15 },
  summary:
    "how far probabilities of the smallest and largest elements are from density; less near 0 and 1",
};

/** Parameters of a form: mergekit's names, scopes and defaults. */
export function taskVectorParameters(form: TaskVectorForm): ParameterSpec[] {
  const isSparse = form.sparsify !== "none";
  return [
    {
      name: "weight",
      scope: "model",
      kind: "number",
      default: undefined,
      search: WEIGHT_RANGE,
      relative: "normalize",
      summary: "factor on the task vector",
    },
    {
      name: "density",
      scope: "model",
      kind: "number",
      default: 1,
      min: 0,
      max: 1,
      // an empty task vector is a weight of 0, so the range ends above 0
      ...(isSparse ? { search: { lower: 0.05, upper: 1, start: 0.7, always: true } } : {}),
      summary: isSparse ? "share of the task vector that is kept" : "accepted, without effect",
    },
    ...(form.sparsify === "band" ? [GAMMA] : []),
    ...(form.sparsify === "rank" ? [EPSILON] : []),
    {
      name: "normalize",
      scope: "global",
      kind: "boolean",
      default: form.normalizeByDefault ? 1 : 0,
      summary: "divide by the sum of the weights that count",
    },
    {
      name: "rescale",
      scope: "global",
      kind: "boolean",
      default: form.rescaleByDefault ? 1 : 0,
      summary: isSparse
        ? "scale survivors so that the task vector keeps its l1 norm"
        : "accepted, without effect",
    },
    {
      name: "lambda",
      scope: "global",
      kind: "number",
      default: 1,
      search: { lower: 0, upper: 2, start: 1 },
      summary: "factor on the merged task vector",
    },
    {
      name: "int8_mask",
      scope: "global",
      kind: "boolean",
      default: 0,
      summary: "accepted, without effect",
    },
  ];
}
