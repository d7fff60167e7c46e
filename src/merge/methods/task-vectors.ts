// The family of generalised task arithmetic: y = base + λ·Σ w_i·sparsify(x_i − base), with or without
// a sign consensus. Its members are the forms in ties.ts, dare_linear.ts and so on; the numbers of an
// expression stand at fixed places (slot functions below), so expression and coefficients cannot drift.

import {
  add,
  constant,
  div,
  type Expression,
  input,
  mul,
  scalar,
  select,
  sum,
} from "../../kernel/expression.ts";
import type { Mass, MergeMethod, PlaneFill, TensorMerge, TensorStatistics } from "../method.ts";
import { consensus } from "./consensus.ts";
import { delta, modelsOf } from "./deltas.ts";
import { SPARSIFIERS, type Thinned } from "./sparsifiers.ts";
import { type TaskVectorForm, taskVectorParameters } from "./task-vector-parameters.ts";
import { asCompat, globalParameter, modelParameter, weightTotal } from "./weights.ts";

/** Masses below it are not rescaled, nor divisors below DIVISOR_FLOOR divided by (mergekit's guards). */
const MASS_FLOOR = 1e-7;
const DIVISOR_FLOOR = 1e-8;

// Places in Coefficients.scalars of task vector p of n; its two integers (cuts or a bound) stand at 2p.
const factorAt = (p: number) => 5 * p; // multiplies δ
const weightAt = (p: number) => 5 * p + 1; // counts in the consensus' divisor
const rescaleAt = (p: number) => 5 * p + 2;
const thresholdsAt = (p: number) => 5 * p + 3; // two of them
const lambdaAt = (n: number) => 5 * n;
const divisorAt = (n: number) => 5 * n + 1;

const flag = (merge: TensorMerge, name: string) => globalParameter(merge, name) !== 0;

/** A member of the family as a MergeMethod. */
export function taskVectorMethod(form: TaskVectorForm): MergeMethod {
  const sparsifier = form.sparsify === "none" ? undefined : SPARSIFIERS[form.sparsify];
  /** Whether input i is thinned: at density 1 nothing is masked and nothing drawn. */
  const isSparse = (merge: TensorMerge, i: number) =>
    sparsifier !== undefined && modelParameter(merge, i, "density") < 1;
  /** Native mode without a vote folds normalize, λ and the rescaling into one factor a model. */
  const isFolded = (merge: TensorMerge) => !merge.compat && !form.consensus;

  const planeOf = sparsifier?.plane;
  const thinnedInputs = (merge: TensorMerge) => modelsOf(merge).filter((i) => isSparse(merge, i));
  const streams = (merge: TensorMerge) => (sparsifier?.draws ? thinnedInputs(merge) : []);
  const thinnedAt = (merge: TensorMerge, p: number, i: number): Thinned => ({
    input: i,
    stream: thinnedInputs(merge).indexOf(i),
    scalarsAt: thresholdsAt(p),
    integersAt: 2 * p,
  });

  /** ω_i: the weighted, thinned task vector. */
  function contribution(merge: TensorMerge, p: number, i: number): Expression {
    const change = delta(merge, i);
    const factor = scalar(factorAt(p));
    if (sparsifier === undefined || !isSparse(merge, i)) return mul(factor, change);
    const kept = sparsifier.mask(merge, thinnedAt(merge, p, i), change);
    if (!merge.compat) return select(kept, mul(factor, change), constant(0));
    const thinned = select(kept, change, constant(0));
    return mul(factor, flag(merge, "rescale") ? mul(thinned, scalar(rescaleAt(p))) : thinned);
  }

  function expression(merge: TensorMerge): Expression {
    const models = modelsOf(merge);
    const base = input(merge.base!);
    if (models.length === 0) return base;
    const contributions = models.map((i, p) => contribution(merge, p, i));
    if (isFolded(merge)) return add(base, sum(contributions));
    const weights = models.map((_, p) => scalar(weightAt(p)));
    const vote = form.consensus ? consensus(contributions, weights) : undefined;
    let change = vote?.total ?? sum(contributions);
    if (flag(merge, "normalize")) {
      change = div(change, vote?.divisor ?? scalar(divisorAt(models.length)));
    }
    if (globalParameter(merge, "lambda") !== 1) {
      change = mul(change, scalar(lambdaAt(models.length)));
    }
    return add(base, change);
  }

  /** Numbers of task vector p: [factor, weight, rescale, two thresholds] and its two integers. */
  async function vectorNumbers(
    merge: TensorMerge,
    p: number,
    i: number,
    statistics: TensorStatistics,
  ): Promise<{ scalars: readonly number[]; integers: readonly number[] }> {
    const weight = asCompat(merge, modelParameter(merge, i, "weight"));
    if (sparsifier === undefined || !isSparse(merge, i)) {
      return { scalars: [weight, weight, 1, 0, 0], integers: [0, 0] };
    }
    const thinning = await sparsifier.thin(merge, thinnedAt(merge, p, i), statistics);
    const { scalars, integers, mass } = thinning;
    const rescale = flag(merge, "rescale") ? rescaling(sparsifier.work(merge), await mass()) : 1;
    const factor = merge.compat ? weight : weight * rescale;
    return { scalars: [factor, weight, rescale, ...scalars], integers };
  }

  return {
    name: form.name,
    summary: form.summary,
    reference: form.reference,
    ...(form.published === undefined ? {} : { published: form.published }),
    base: "required",
    minModels: 1,
    maxModels: Number.POSITIVE_INFINITY,
    parameters: taskVectorParameters(form),
    streams,
    expression,
    variant(merge) {
      const sparse = modelsOf(merge).map((i) => (isSparse(merge, i) ? "s" : "d"));
      const flags = isFolded(merge)
        ? "folded"
        : [
            merge.compat ? "compat" : "native",
            flag(merge, "normalize"),
            flag(merge, "rescale"),
            globalParameter(merge, "lambda") !== 1,
          ].join();
      return `${merge.inputs} ${merge.base} ${sparse.join("")} ${flags}`;
    },
    async coefficients(merge, statistics) {
      const vectors = [];
      for (const [p, i] of modelsOf(merge).entries()) {
        vectors.push(await vectorNumbers(merge, p, i, statistics));
      }
      const scalars = vectors.flatMap((vector) => vector.scalars);
      const integers = vectors.flatMap((vector) => vector.integers);
      const weights = vectors.map((_, p) => scalars[weightAt(p)]!);
      const divisor = flag(merge, "normalize") ? divisorOf(merge, weights) : 1;
      const lambda = globalParameter(merge, "lambda");
      if (isFolded(merge)) {
        for (const p of vectors.keys()) scalars[factorAt(p)]! *= lambda / divisor;
      }
      return { scalars: [...scalars, lambda, divisor], integers };
    },
    fixes: (merge) => {
      const fixed = modelsOf(merge).map((i) => isSparse(merge, i) && sparsifier?.fix?.(merge, i));
      return [...new Set(fixed)].filter((name) => typeof name === "string");
    },
    ...(planeOf === undefined
      ? {}
      : {
          async planes(merge, statistics) {
            const planes: PlaneFill[] = [];
            for (const [p, i] of modelsOf(merge).entries()) {
              if (!isSparse(merge, i)) continue;
              const fill = await planeOf(merge, thinnedAt(merge, p, i), statistics);
              if (fill !== undefined) planes.push(fill);
            }
            return planes;
          },
        }),
  };
}

/**
 * Σ|δ| / Σ|kept δ|: what `rescale` multiplies survivors by, so that the l1 norm stays; 1 where either is next to
 * nothing.
 */
function rescaling(merge: TensorMerge, mass: Mass): number {
  const before = asCompat(merge, mass.total);
  const after = asCompat(merge, mass.kept);
  return before < MASS_FLOOR || after < MASS_FLOOR ? 1 : asCompat(merge, before / after);
}

/** Σ w_i, or 1 where that is next to nothing. */
function divisorOf(merge: TensorMerge, weights: readonly number[]): number {
  const divisor = weightTotal(merge, weights);
  return Math.abs(divisor) < DIVISOR_FLOOR ? 1 : divisor;
}
