// multislerp: the weighted mean of the models' directions (of their task vectors', with a base), with the
// weighted mean of their lengths. mergekit adds one step along the mean of the tangents at that direction, which
// is zero but for rounding, since the directions' tangential parts cancel there; it is left out, except under
// compat, where every step is repeated with its rounding, in passes of its own (multislerp-steps.ts).

import { TsmergeError } from "../../base/errors.ts";
import { mul, scalar, sum } from "../../kernel/expression.ts";
import type { MergeMethod } from "../method.ts";
import { delta, inputsVariant, modelsOf, ontoBase } from "./deltas.ts";
import { gramOf, product } from "./gram.ts";
import { plainSteps, stepNumbers, stepwise } from "./multislerp-steps.ts";
import { asCompat, globalParameter, modelParameter, WEIGHT_RANGE } from "./weights.ts";

/** A shorter mean of directions is what f64 sums leave of directions that cancel. */
const ROUNDING = 1e-7;

/** y = (Σ w_i·n_i)·m / ‖m‖ (+ base) with m = Σ w_i·x_i / (n_i + ε), n_i = ‖x_i‖. */
export const multislerp: MergeMethod = {
  name: "multislerp",
  summary: "spherical mean of any number of models",
  reference: "Goddard et al. 2024, Arcee's MergeKit, arXiv 2403.13257",
  base: "optional",
  minModels: 1,
  maxModels: Number.POSITIVE_INFINITY,
  parameters: [
    {
      name: "weight",
      scope: "model",
      kind: "number",
      default: undefined,
      search: WEIGHT_RANGE,
      relative: "normalize_weights",
      summary: "share of the model",
    },
    {
      name: "normalize_weights",
      scope: "global",
      kind: "boolean",
      default: 1,
      summary: "divide the weights by their sum",
    },
    {
      name: "eps",
      scope: "global",
      kind: "number",
      default: 1e-8,
      min: 0,
      search: { lower: 1e-10, upper: 1e-4, start: 1e-8, scale: "log" },
      summary: "added to lengths before they divide",
    },
  ],
  published: { parameters: { weight: 1 }, source: "Goddard et al. 2024: the unweighted mean" },
  variant: inputsVariant,
  expression(merge) {
    const models = modelsOf(merge);
    const parts = models.map((i) => delta(merge, i));
    if (parts.length === 1) return ontoBase(merge, parts[0]!);
    if (merge.compat) return ontoBase(merge, stepwise(merge).result);
    return ontoBase(merge, sum(parts.map((part, p) => mul(scalar(p), part))));
  },
  streams: () => [],
  async coefficients(merge, statistics) {
    const models = modelsOf(merge);
    const given = models.map((i) => asCompat(merge, modelParameter(merge, i, "weight")));
    if (models.length < 2) return { scalars: given, integers: [] };
    const total = given.reduce((sum, weight) => sum + weight, 0);
    const normalizes = globalParameter(merge, "normalize_weights") !== 0;
    if (normalizes && total === 0) {
      throw new TsmergeError(
        "numeric",
        `the weights ${given.join(", ")} of a multislerp merge sum to 0 and cannot be normalized`,
        { hint: "set normalize_weights: false, or give weights with another sum" },
      );
    }
    const weights = given.map((weight) =>
      normalizes ? asCompat(merge, weight / asCompat(merge, total)) : weight,
    );
    const eps = globalParameter(merge, "eps");
    const gram = await gramOf(merge, statistics, models);
    const lengths = models.map((_, p) => Math.sqrt(gram[p]![p]!));
    const mean = weights.map((weight, p) => (weight === 0 ? 0 : weight / (lengths[p]! + eps)));
    const meanNorm = Math.sqrt(Math.max(0, product(gram, mean, mean)));
    if (meanNorm <= Math.max(eps, ROUNDING)) {
      if (models.length === 2 || lengths.every((length) => length === 0)) {
        return { scalars: merge.compat ? plainSteps(weights) : weights, integers: [] };
      }
      throw new TsmergeError(
        "numeric",
        "the models' directions cancel: they have no spherical mean",
        { hint: "give other weights, or merge with linear" },
      );
    }
    if (merge.compat) {
      return { scalars: await stepNumbers(merge, weights, lengths, statistics), integers: [] };
    }
    const meanLength = weights.reduce((sum, weight, p) => sum + weight * lengths[p]!, 0);
    return { scalars: mean.map((c) => (c / meanNorm) * meanLength), integers: [] };
  },
};
