// slerp: spherical interpolation between two models, over whole tensors. Always computed in float32,
// from norms and a dot product in f64; lengths are interpolated with the directions.

import { add, input, mul, scalar } from "../../kernel/expression.ts";
import type { MergeMethod, TensorMerge, TensorStatistics } from "../method.ts";
import { ends, inputsVariant } from "./deltas.ts";
import { globalParameter } from "./weights.ts";

/** Shorter vectors have no direction and are not divided by their norm. */
const SMALLEST_NORM = 1e-8;
/** Beyond this |cosine| the arc is so flat that a straight line is used. */
const COLINEAR = 0.9995;

/**
 * y = sin((1−t)θ)/sinθ·a + sin(tθ)/sinθ·b with cosθ = a·b / ‖a‖‖b‖, a the base (Shoemake 1985,
 * "Animating rotation with quaternion curves"). A tensor that only one model has is passed through.
 */
export const slerp: MergeMethod = {
  name: "slerp",
  summary: "spherical interpolation between two models",
  reference: "Shoemake 1985, Animating rotation with quaternion curves",
  base: "firstSource",
  minModels: 2,
  maxModels: 2,
  arithmetic: "float32",
  parameters: [
    {
      name: "t",
      scope: "global",
      kind: "number",
      default: undefined,
      search: { lower: 0, upper: 1, start: 0.5, always: true },
      summary: "position between base model (0) and other model (1)",
    },
  ],
  published: { parameters: { t: 0.5 }, source: "halfway" },
  variant: inputsVariant,
  expression(merge) {
    if (merge.inputs === 1) return input(0);
    const [a, b] = ends(merge);
    return add(mul(scalar(0), input(a)), mul(scalar(1), input(b)));
  },
  streams: () => [],
  async coefficients(merge, statistics) {
    if (merge.inputs === 1) return { scalars: [], integers: [] };
    const t = globalParameter(merge, "t");
    const cosine = await cosineOf(merge, statistics);
    if (Math.abs(cosine) > COLINEAR) return { scalars: [1 - t, t], integers: [] };
    const angle = Math.acos(cosine);
    const scalars = [(1 - t) * angle, t * angle].map((part) => Math.sin(part) / Math.sin(angle));
    return { scalars, integers: [] };
  },
};

async function cosineOf(merge: TensorMerge, statistics: TensorStatistics): Promise<number> {
  const [a, b] = ends(merge);
  const product = await statistics.dot(a, b); // first, for it leaves both squares behind
  const norms = [Math.sqrt(await statistics.dot(a, a)), Math.sqrt(await statistics.dot(b, b))].map(
    (norm) => (norm > SMALLEST_NORM ? norm : 1),
  );
  return product / norms[0]! / norms[1]!;
}
