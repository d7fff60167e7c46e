// The family of generalised task arithmetic: y = base + λ·Σ w_i·sparsify(x_i − base), with or without
// a sign consensus. Its members are the forms in ties.ts, dare_linear.ts and so on; the numbers of an
// expression stand at fixed places (slot functions below), so expression and coefficients cannot drift.

import {
  abs,
  add,
  and,
  constant,
  div,
  drawBelow,
  type Expression,
  eq,
  gt,
  indexBelow,
  input,
  type Mask,
  mul,
  or,
  scalar,
  select,
  sub,
  sum,
} from "../../kernel/expression.ts";
import type { Mass, MergeMethod, TensorMerge, TensorStatistics } from "../method.ts";
import { consensus } from "./consensus.ts";
import { type TaskVectorForm, taskVectorParameters } from "./task-vector-parameters.ts";
import { asCompat, globalParameter, modelParameter } from "./weights.ts";

/** Draws are integers below this; an element is kept at density d iff its draw < d·2^24. */
const DRAWS = 2 ** 24;
/** Masses below it are not rescaled, nor divisors below DIVISOR_FLOOR divided by (mergekit's guards). */
const MASS_FLOOR = 1e-7;
const DIVISOR_FLOOR = 1e-8;

// Places in Coefficients.scalars of task vector p of n; its integer (cut or bound) stands at p.
const factorAt = (p: number) => 4 * p; // multiplies δ
const weightAt = (p: number) => 4 * p + 1; // counts in the consensus' divisor
const thresholdAt = (p: number) => 4 * p + 2;
const rescaleAt = (p: number) => 4 * p + 3;
const lambdaAt = (n: number) => 4 * n;
const divisorAt = (n: number) => 4 * n + 1;

/** Input indices of the task vectors: all but the base. */
const modelsOf = (merge: TensorMerge) =>
  Array.from({ length: merge.inputs }, (_, i) => i).filter((i) => i !== merge.base);
const flag = (merge: TensorMerge, name: string) => globalParameter(merge, name) !== 0;

/** A member of the family as a MergeMethod. */
export function taskVectorMethod(form: TaskVectorForm): MergeMethod {
  /** Whether input i is thinned: at density 1 nothing is masked and nothing drawn. */
  const isSparse = (merge: TensorMerge, i: number) =>
    form.sparsify !== "none" && modelParameter(merge, i, "density") < 1;
  /** Native mode without a vote folds normalize, λ and the rescaling into one factor a model. */
  const isFolded = (merge: TensorMerge) => !merge.compat && !form.consensus;

  const streams = (merge: TensorMerge) =>
    form.sparsify === "random" ? modelsOf(merge).filter((i) => isSparse(merge, i)) : [];

  function keptMask(merge: TensorMerge, p: number, i: number, delta: Expression): Mask {
    if (form.sparsify === "random") return drawBelow(streams(merge).indexOf(i), p);
    const [magnitude, threshold] = [abs(delta), scalar(thresholdAt(p))];
    return or(gt(magnitude, threshold), and(eq(magnitude, threshold), indexBelow(p)));
  }

  /** ω_i: the weighted, thinned task vector. */
  function contribution(merge: TensorMerge, p: number, i: number): Expression {
    const delta = sub(input(i), input(merge.base!));
    const factor = scalar(factorAt(p));
    if (!isSparse(merge, i)) return mul(factor, delta);
    const kept = keptMask(merge, p, i, delta);
    if (!merge.compat) return select(kept, mul(factor, delta), constant(0));
    const thinned = select(kept, delta, constant(0));
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

  /** Numbers of task vector p: [factor, weight, threshold, rescale] and its integer. */
  async function vectorNumbers(merge: TensorMerge, i: number, statistics: TensorStatistics) {
    const weight = asCompat(merge, modelParameter(merge, i, "weight"));
    if (!isSparse(merge, i)) return { scalars: [weight, weight, 0, 1], integer: 0 };
    const density = modelParameter(merge, i, "density");
    const rescales = flag(merge, "rescale");
    if (form.sparsify === "magnitude") {
      const { threshold, cut } = await statistics.magnitudeCut(i, density);
      const rescale = rescales ? rescaling(merge, await statistics.cutMass(i, density)) : 1;
      const factor = merge.compat ? weight : weight * rescale;
      return { scalars: [factor, weight, threshold, rescale], integer: cut };
    }
    const work = sparsifyMerge(merge);
    const bound = Math.ceil(asCompat(work, density) * DRAWS);
    const stream = streams(merge).indexOf(i);
    const rescale = rescales ? rescaling(work, await statistics.drawnMass(i, stream, bound)) : 1;
    const factor = merge.compat ? weight : weight * rescale;
    return { scalars: [factor, weight, 0, rescale], integer: bound };
  }

  return {
    name: form.name,
    summary: form.summary,
    reference: form.reference,
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
      for (const i of modelsOf(merge)) vectors.push(await vectorNumbers(merge, i, statistics));
      const scalars = vectors.flatMap((vector) => vector.scalars);
      const integers = vectors.map((vector) => vector.integer);
      const weights = vectors.map((_, p) => scalars[weightAt(p)]!);
      const divisor = flag(merge, "normalize") ? divisorOf(merge, weights) : 1;
      const lambda = globalParameter(merge, "lambda");
      if (isFolded(merge)) {
        for (const p of vectors.keys()) scalars[factorAt(p)]! *= lambda / divisor;
      }
      return { scalars: [...scalars, lambda, divisor], integers };
    },
  };
}

/** mergekit draws and rescales float16 in float32 on the CPU; other types in their own. */
function sparsifyMerge(merge: TensorMerge): TensorMerge {
  return merge.arithmetic === "float16" ? { ...merge, arithmetic: "float32" } : merge;
}

/** Σ|δ| / Σ|kept δ|: what `rescale` multiplies survivors by, so that the l1 norm stays; 1 where either is next to nothing. */
function rescaling(merge: TensorMerge, mass: Mass): number {
  const before = asCompat(merge, mass.total);
  const after = asCompat(merge, mass.kept);
  return before < MASS_FLOOR || after < MASS_FLOOR ? 1 : asCompat(merge, before / after);
}

/** Σ w_i, or 1 where that is next to nothing. */
function divisorOf(merge: TensorMerge, weights: readonly number[]): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const divisor = asCompat(merge, total);
  return Math.abs(divisor) < DIVISOR_FLOOR ? 1 : divisor;
}
