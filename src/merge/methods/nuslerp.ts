// nuslerp: spherical interpolation between two models by their weights, over whole tensors or over each row or
// column; with a base, between their task vectors. Angles of rows and columns reach the expression as planes.

import { add, div, type Expression, input, mul, scalar } from "../../kernel/expression.ts";
import { type MergeMethod, plane, type TensorMerge, type TensorStatistics } from "../method.ts";
import {
  alongFirstAxis,
  alongLastAxis,
  spread,
  type Vectors,
  wholeTensor,
} from "../statistics/vectors.ts";
import { delta, inputsVariant, modelsOf, ontoBase } from "./deltas.ts";
import { dots, norms } from "./gram.ts";
import { asCompat, globalParameter, modelParameter, WEIGHT_RANGE } from "./weights.ts";

/** Shorter vectors are not stretched to length 1. */
const SMALLEST_NORM = 1e-7;
/** Weights with a smaller sum have no proportion. */
const SMALLEST_SUM = 1e-6;
/** Below this sine the arc is a straight line. */
const COLINEAR = 1e-8;

/** Vectors lie along the last axis, or, which mergekit calls row-wise, along axis 0. */
function vectorsOf(merge: TensorMerge): Vectors {
  if (globalParameter(merge, "nuslerp_flatten") !== 0) return wholeTensor;
  const isRowWise = globalParameter(merge, "nuslerp_row_wise") !== 0;
  return isRowWise ? alongFirstAxis(merge.shape) : alongLastAxis(merge.shape);
}

const hasPlanes = (merge: TensorMerge) =>
  modelsOf(merge).length === 2 && vectorsOf(merge) !== wholeTensor;

function expression(merge: TensorMerge): Expression {
  const models = modelsOf(merge);
  if (models.length < 2) return input(models[0] ?? 0);
  const change = models
    .map((i, p) => mul(numberAt(merge, p), delta(merge, i)))
    .reduce((a, b) => add(a, b));
  return ontoBase(merge, merge.compat ? div(change, numberAt(merge, 2)) : change);
}

const numberAt = (merge: TensorMerge, p: number) =>
  hasPlanes(merge) ? plane(merge, p) : scalar(p);

/** cosθ of each vector; under compat from unit vectors in the data type, as mergekit has them. */
function cosines(
  merge: TensorMerge,
  [i, j]: readonly [number, number],
  vectors: Vectors,
  lengths: readonly Float64Array[],
  statistics: TensorStatistics,
): Promise<Float64Array> {
  const round = (x: number) => asCompat(merge, x);
  if (!merge.compat) {
    return dots(merge, statistics, [i, j], vectors).then((products) =>
      products.map((x, v) => x / lengths[0]![v]! / lengths[1]![v]!),
    );
  }
  const { count, inner } = vectors;
  return statistics.fact(`unit dots ${count} ${inner}`, async () => {
    const sums = new Float64Array(count);
    await statistics.inputs.each([delta(merge, i), delta(merge, j)], ([x, y], firstElement) => {
      for (let e = 0; e < x!.length; e++) {
        const v = Math.floor((firstElement + e) / inner) % count;
        sums[v]! += round(round(x![e]! / lengths[0]![v]!) * round(y![e]! / lengths[1]![v]!));
      }
    });
    return sums.map(round);
  });
}

/**
 * For each vector, the two models' factors, and under compat what divides their sum: sin((1−t)θ), sin(tθ) and
 * sinθ, or 1 − t, t and 1 on a straight line.
 */
async function arcs(merge: TensorMerge, statistics: TensorStatistics): Promise<Float64Array[]> {
  const [i, j] = modelsOf(merge) as [number, number]; // callers know that there are two
  const round = (x: number) => asCompat(merge, x);
  const vectors = vectorsOf(merge);
  const lengths: Float64Array[] = [];
  for (const model of [i, j]) {
    const exact = await norms(merge, statistics, model, vectors);
    lengths.push(exact.map((norm) => Math.max(round(norm), SMALLEST_NORM)));
  }
  const cosine = await cosines(merge, [i, j], vectors, lengths, statistics);
  const [first, second] = [i, j].map((model) => modelParameter(merge, model, "weight"));
  const total = first! + second!;
  const t = Math.abs(total) < SMALLEST_SUM ? 0.5 : second! / total;
  const angles = cosine.map((x) => round(Math.acos(Math.max(-1, Math.min(1, x)))));
  const sines = angles.map((angle) => round(Math.sin(angle)));
  const isFlat = sines.map((sine) => (Math.abs(sine) < COLINEAR ? 1 : 0));
  const part = (share: number) =>
    angles.map((angle, v) => (isFlat[v] ? share : round(Math.sin(round(share * angle)))));
  const divisors = sines.map((sine, v) => (isFlat[v] ? 1 : sine));
  const parts = [part(1 - t), part(t)];
  if (merge.compat) return [...parts, divisors];
  return parts.map((values) => values.map((value, v) => value / divisors[v]!));
}

/** y = [sin((1−t)θ)·v₁ + sin(tθ)·v₂] / sinθ (+ base), t = w₂ / (w₁ + w₂) (Shoemake 1985). */
export const nuslerp: MergeMethod = {
  name: "nuslerp",
  summary: "spherical interpolation by weights, also of rows and of task vectors",
  reference: "Shoemake 1985, Animating rotation with quaternion curves",
  base: "optional",
  minModels: 2,
  maxModels: 2,
  parameters: [
    {
      name: "weight",
      scope: "model",
      kind: "number",
      default: undefined,
      search: WEIGHT_RANGE,
      relative: true,
      summary: "share of the model",
    },
    {
      name: "nuslerp_flatten",
      scope: "global",
      kind: "boolean",
      default: 1,
      summary: "one angle a tensor, not one a row or column",
    },
    {
      name: "nuslerp_row_wise",
      scope: "global",
      kind: "boolean",
      default: 0,
      summary: "without flatten: vectors along the first axis, not the last",
    },
  ],
  published: { parameters: { weight: 1 }, source: "halfway" },
  variant: (merge) => `${inputsVariant(merge)}${hasPlanes(merge) ? " planes" : ""}`,
  expression,
  streams: () => [],
  async coefficients(merge, statistics) {
    if (hasPlanes(merge) || modelsOf(merge).length < 2) return { scalars: [], integers: [] };
    const numbers = await arcs(merge, statistics);
    return { scalars: numbers.map((values) => values[0]!), integers: [] };
  },
  async planes(merge, statistics) {
    if (!hasPlanes(merge)) return [];
    const vectors = vectorsOf(merge);
    const numbers = await arcs(merge, statistics);
    return numbers.map((values) => spread(values, vectors));
  },
};
