// model_stock: moves from the base towards the mean of the models, as far as the angle between their task vectors
// says that they agree; over whole tensors, or row by row, where the distances reach the expression as a plane.

import { TsmergeError } from "../../base/errors.ts";
import {
  add,
  constant,
  div,
  type Expression,
  input,
  mul,
  scalar,
  sub,
} from "../../kernel/expression.ts";
import { type MergeMethod, plane, type TensorMerge, type TensorStatistics } from "../method.ts";
import { alongLastAxis, spread, type Vectors, wholeTensor } from "../statistics/vectors.ts";
import { inputsVariant, modelsOf } from "./deltas.ts";
import { dots, norms } from "./gram.ts";
import { asCompat, globalParameter } from "./weights.ts";

/** Products of norms below it count as this large (mergekit's guard of the division). */
const SMALLEST_PRODUCT = 1e-6;

const vectorsOf = (merge: TensorMerge): Vectors =>
  globalParameter(merge, "filter_wise") !== 0 ? alongLastAxis(merge.shape) : wholeTensor;
const hasPlane = (merge: TensorMerge) =>
  modelsOf(merge).length > 0 && vectorsOf(merge) !== wholeTensor;

function expression(merge: TensorMerge): Expression {
  const base = input(merge.base!);
  const models = modelsOf(merge);
  if (models.length === 0) return base;
  const t = hasPlane(merge) ? plane(merge, 0) : scalar(0);
  const mean = div(models.map(input).reduce(add), constant(models.length));
  return add(mul(t, mean), mul(sub(constant(1), t), base));
}

/** The mean cosine between the task vectors of all pairs of models, for each vector of the tensor. */
async function meanCosines(
  merge: TensorMerge,
  statistics: TensorStatistics,
): Promise<Float64Array> {
  const round = (x: number) => asCompat(merge, x);
  const models = modelsOf(merge);
  const vectors = vectorsOf(merge);
  const lengths: Float64Array[] = [];
  for (const i of models) {
    lengths.push((await norms(merge, statistics, i, vectors)).map(round));
  }
  const total = new Float64Array(vectors.count);
  for (const [p, i] of models.entries()) {
    for (const [q, j] of models.entries()) {
      if (q <= p) continue;
      const products = await dots(merge, statistics, [i, j], vectors);
      for (let v = 0; v < vectors.count; v++) {
        const norm = Math.max(round(lengths[p]![v]! * lengths[q]![v]!), SMALLEST_PRODUCT);
        total[v]! += Math.max(-1, Math.min(1, round(round(products[v]!) / norm)));
      }
    }
  }
  const pairs = (models.length * (models.length - 1)) / 2;
  return total.map((sum) => round(sum / pairs));
}

/**
 * t = N·c / (1 + (N − 1)·c) of each vector (Jang et al. 2024, Model Stock, eq. 5 and its extension to N models).
 * Models that point apart (c < 0) have nothing in common: t = 0. mergekit extrapolates there, which compat keeps.
 */
async function distances(merge: TensorMerge, statistics: TensorStatistics): Promise<Float64Array> {
  const models = modelsOf(merge).length;
  if (models === 1) {
    throw new TsmergeError(
      "incompatible",
      "model_stock needs at least two models besides the base for every tensor, and one has it here",
      { hint: "leave out models that lack tensors, or merge with task_arithmetic" },
    );
  }
  const round = (x: number) => asCompat(merge, x);
  return (await meanCosines(merge, statistics)).map((cosine) => {
    const c = merge.compat ? cosine : Math.max(0, cosine);
    return round(round(models * c) / round(1 + round((models - 1) * c)));
  });
}

/** y = t·mean(x_i) + (1 − t)·base. */
export const modelStock: MergeMethod = {
  name: "model_stock",
  summary: "from the base towards the models' mean, as far as they agree",
  reference: "Jang et al. 2024, Model Stock, arXiv 2403.19522",
  base: "required",
  minModels: 2,
  maxModels: Number.POSITIVE_INFINITY,
  parameters: [
    {
      name: "filter_wise",
      scope: "global",
      kind: "boolean",
      default: 0,
      summary: "one distance a row, not one a tensor",
    },
  ],
  published: { parameters: {}, source: "it has no parameters to tune" },
  variant: (merge) => `${inputsVariant(merge)}${hasPlane(merge) ? " plane" : ""}`,
  expression,
  streams: () => [],
  async coefficients(merge, statistics) {
    if (hasPlane(merge) || modelsOf(merge).length === 0) return { scalars: [], integers: [] };
    return { scalars: [...(await distances(merge, statistics))], integers: [] };
  },
  async fixes(merge, statistics) {
    if (modelsOf(merge).length === 0) return [];
    return (await meanCosines(merge, statistics)).some((cosine) => cosine < 0) ? ["apart"] : [];
  },
  async planes(merge, statistics) {
    if (!hasPlane(merge)) return [];
    return [spread(await distances(merge, statistics), vectorsOf(merge))];
  },
};
