// multislerp as mergekit computes it, operation by operation in the data type: each norm and each dot product is
// a pass over the tensor, whose numbers the next one needs. For compat; multislerp.ts does it in one.

import { add, div, type Expression, mul, scalar, sub, sum } from "../../kernel/expression.ts";
import type { TensorMerge, TensorStatistics } from "../method.ts";
import { totals, vectorDots, wholeTensor } from "../statistics/vectors.ts";
import { delta, modelsOf } from "./deltas.ts";
import { asCompat, globalParameter } from "./weights.ts";

interface Steps {
  /** u_i·m̂, whose sums are the cosines d_i. */
  readonly cosines: readonly Expression[];
  /** m = Σ w_i·u_i, and the mean g = Σ w_i·(u_i − d_i·m̂) of the tangents at its direction m̂. */
  readonly mean: Expression;
  readonly tangent: Expression;
  readonly result: Expression;
}

/**
 * The steps for n models. Scalars: w_i at i, ‖x_i‖ + ε at n + i, ‖m‖ at 2n, d_i at 2n + 1 + i, then cosτ, sinτ/τ
 * with τ = ‖g‖ + ε, and the mean length.
 */
export function stepwise(merge: TensorMerge): Steps {
  const models = modelsOf(merge);
  const n = models.length;
  const units = models.map((i, p) => div(delta(merge, i), scalar(n + p)));
  const weighed = (parts: readonly Expression[]) => sum(parts.map((x, p) => mul(x, scalar(p))));
  const mean = weighed(units);
  const direction = div(mean, scalar(2 * n));
  const tangent = weighed(units.map((unit, p) => sub(unit, mul(scalar(2 * n + 1 + p), direction))));
  const [cosine, ratio, length] = [0, 1, 2].map((k) => scalar(3 * n + 1 + k));
  const turned = add(mul(direction, cosine!), mul(tangent, ratio!));
  return {
    cosines: units.map((unit) => mul(unit, direction)),
    mean,
    tangent,
    result: mul(turned, length!),
  };
}

/** The scalars of `stepwise`. ε is 0 in float16: mergekit then divides 0 by 0, where the limit is taken here. */
export async function stepNumbers(
  merge: TensorMerge,
  weights: readonly number[],
  lengths: readonly number[],
  { inputs }: TensorStatistics,
): Promise<number[]> {
  const round = (x: number) => asCompat(merge, x);
  const eps = globalParameter(merge, "eps");
  const { cosines, mean, tangent } = stepwise(merge);
  const norm = async (x: Expression) => {
    const [square] = await vectorDots(inputs, x, x, wholeTensor, scalars);
    return round(Math.sqrt(square!));
  };
  const rounded = lengths.map(round);
  const scalars = [...weights, ...rounded.map((length) => round(length + eps) || 1)];
  scalars.push(await norm(mean));
  scalars.push(...(await totals(inputs, cosines, scalars)).map(round));
  const angle = round((await norm(tangent)) + eps);
  const ratio = angle === 0 ? 1 : round(round(Math.sin(angle)) / angle);
  scalars.push(round(Math.cos(angle)), ratio);
  scalars.push(round(weights.reduce((total, w, p) => total + round(w * rounded[p]!), 0)));
  return scalars;
}

/** Scalars that make the steps a plain weighted sum: where directions cancel, there is no mean one. */
export function plainSteps(weights: readonly number[]): number[] {
  const ones = weights.map(() => 1);
  return [...weights, ...ones, 1, ...weights.map(() => 0), 1, 0, 1];
}
