// linear: the weighted mean (or sum) of the models. There is no base: a base model that stands in the
// list is a model like any other.

import { TsmergeError } from "../../base/errors.ts";
import { div, input, mul, scalar, sum } from "../../kernel/expression.ts";
import type { MergeMethod, TensorMerge } from "../method.ts";
import { inputsOf } from "./deltas.ts";
import { asCompat, globalParameter, modelParameter, WEIGHT_RANGE, weightTotal } from "./weights.ts";

const normalizes = (merge: TensorMerge) => globalParameter(merge, "normalize") !== 0;
/** Native mode divides the weights on the host; mergekit divides every element. */
const dividesElements = (merge: TensorMerge) => merge.compat && normalizes(merge);

/** y = Σ w_i·x_i, divided by Σ w_i when normalize (Wortsman et al. 2022, "Model soups", arXiv 2203.05482). */
export const linear: MergeMethod = {
  name: "linear",
  summary: "weighted mean of the models",
  reference: "Wortsman et al. 2022, Model soups, arXiv 2203.05482",
  base: "none",
  minModels: 1,
  maxModels: Number.POSITIVE_INFINITY,
  parameters: [
    {
      name: "weight",
      scope: "model",
      kind: "number",
      default: undefined,
      search: WEIGHT_RANGE,
      relative: "normalize",
      summary: "share of the model",
    },
    {
      name: "normalize",
      scope: "global",
      kind: "boolean",
      default: 1,
      summary: "divide by the sum of the weights",
    },
  ],
  variant: (merge) => `${merge.inputs}${dividesElements(merge) ? " divided" : ""}`,
  expression(merge) {
    const total = sum(inputsOf(merge).map((i) => mul(scalar(i), input(i))));
    return dividesElements(merge) ? div(total, scalar(merge.inputs)) : total;
  },
  streams: () => [],
  async coefficients(merge) {
    const weights = inputsOf(merge).map((i) => asCompat(merge, modelParameter(merge, i, "weight")));
    if (!normalizes(merge)) return { scalars: weights, integers: [] };
    const total = weightTotal(merge, weights);
    if (total === 0) {
      throw new TsmergeError(
        "numeric",
        `the weights ${weights.join(", ")} of a linear merge sum to 0 and cannot be normalized`,
        { hint: "set normalize: false, or give weights with another sum" },
      );
    }
    const scalars = merge.compat ? [...weights, total] : weights.map((weight) => weight / total);
    return { scalars, integers: [] };
  },
};
