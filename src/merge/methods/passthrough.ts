// passthrough: one model's tensor as it is, or scaled. What layer stacking is made of.

import { input, mul, scalar } from "../../kernel/expression.ts";
import type { MergeMethod, TensorMerge } from "../method.ts";

const scaleOf = (merge: TensorMerge) => merge.perModel[0]?.scale ?? 1;

/** y = x, or x·scale. */
export const passthrough: MergeMethod = {
  name: "passthrough",
  summary: "one model's tensors unchanged or scaled; stacks layers",
  reference: "mergekit's passthrough",
  base: "none",
  minModels: 1,
  maxModels: 1,
  parameters: [
    {
      name: "scale",
      scope: "model",
      kind: "number",
      default: 1,
      search: { lower: 0.5, upper: 1.5, start: 1 },
      summary: "factor on the tensor",
    },
  ],
  variant: (merge) => (scaleOf(merge) === 1 ? "plain" : "scaled"),
  expression: (merge) => (scaleOf(merge) === 1 ? input(0) : mul(input(0), scalar(0))),
  streams: () => [],
  coefficients: async (merge) => ({ scalars: [scaleOf(merge)], integers: [] }),
};
