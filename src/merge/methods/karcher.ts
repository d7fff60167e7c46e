// karcher: the Riemannian mean of the models' directions, by fixed-point iteration, with their mean length. Every
// step is a combination of the models, so it iterates on their Gram matrix and then merges in one pass; except
// under compat in a half type, where mergekit rounds each step (karcher-steps.ts). There is no base and there are
// no weights.

import { input, mul, scalar, sum } from "../../kernel/expression.ts";
import { type MergeMethod, plane, type TensorMerge, type TensorStatistics } from "../method.ts";
import { SORT_LIMIT } from "../statistics/magnitudes.ts";
import { inputsOf } from "./deltas.ts";
import { gramOf, norms, product } from "./gram.ts";
import { type Direction, stepwiseMean } from "./karcher-steps.ts";
import { globalParameter } from "./weights.ts";

const scaled = (x: readonly number[], factor: number) => x.map((value) => value * factor);
const plus = (x: readonly number[], y: readonly number[]) => x.map((value, i) => value + y[i]!);
const clampCosine = (x: number) => Math.max(-1, Math.min(1, x));

/**
 * The coefficients of the mean direction over models with the given Gram matrix (Karcher 1977): from the
 * normalised mean, steps of u ← exp_u(Σ α_i log_u(u_i)) until one is shorter than `tol`.
 */
function meanDirection(
  gram: readonly (readonly number[])[],
  models: readonly number[],
  maxIterations: number,
  tol: number,
): number[] {
  const share = 1 / models.length;
  const length = (x: readonly number[]) => Math.sqrt(Math.max(0, product(gram, x, x)));
  const units = models.map((i) => gram.map((row, j) => (i === j ? 1 / Math.sqrt(row[i]!) : 0)));
  const mean = scaled(units.reduce(plus), share);
  let u = length(mean) < tol ? units[0]! : scaled(mean, 1 / length(mean));
  for (let iteration = 0; iteration < maxIterations; iteration++) {
    let tangent = u.map(() => 0);
    for (const unit of units) {
      const cosine = clampCosine(product(gram, u, unit));
      const angle = Math.acos(cosine);
      if (angle < tol) continue;
      const factor = (share * angle) / Math.sin(angle);
      tangent = plus(tangent, scaled(plus(unit, scaled(u, -cosine)), factor));
    }
    const step = length(tangent);
    if (step < tol) break;
    u = plus(scaled(u, Math.cos(step)), scaled(tangent, Math.sin(step) / step));
    u = scaled(u, 1 / length(u));
  }
  return u;
}

/** Factors of the models: of their mean direction, with their mean length. */
async function combination(merge: TensorMerge, statistics: TensorStatistics): Promise<number[]> {
  const models = inputsOf(merge);
  const tol = globalParameter(merge, "tol");
  const gram = await gramOf({ ...merge, base: undefined }, statistics, models);
  const lengths = models.map((i) => Math.sqrt(gram[i]![i]!));
  const directed = models.filter((i) => lengths[i]! > tol);
  if (directed.length === 0) return models.map(() => 0);
  const u = meanDirection(gram, directed, globalParameter(merge, "max_iter"), tol);
  const meanLength = lengths.reduce((total, length) => total + length, 0) / models.length;
  return scaled(u, meanLength);
}

/** Whether every step is rounded to a half type, as mergekit's are. */
const isRounded = (merge: TensorMerge) =>
  merge.compat && merge.inputs > 1 && ["bfloat16", "float16"].includes(merge.arithmetic);

/** Larger tensors are not held: their direction is exact, and rounded once. */
const isHeld = (merge: TensorMerge) => merge.elements <= SORT_LIMIT;

function heldMean(merge: TensorMerge, statistics: TensorStatistics): Promise<Direction> {
  const [maxIterations, tol] = ["max_iter", "tol"].map((name) => globalParameter(merge, name));
  return statistics.recentFact(`rounded mean ${maxIterations} ${tol}`, async () => {
    const lengths: number[] = [];
    for (const i of inputsOf(merge)) {
      lengths.push((await norms({ ...merge, base: undefined }, statistics, i))[0]!);
    }
    return stepwiseMean(merge, statistics, lengths, maxIterations!, tol!);
  });
}

export const karcher: MergeMethod = {
  name: "karcher",
  summary: "mean direction of the models on the sphere, with their mean length",
  reference: "Karcher 1977, Riemannian center of mass and mollifier smoothing",
  base: "none",
  minModels: 1,
  maxModels: Number.POSITIVE_INFINITY,
  parameters: [
    {
      name: "max_iter",
      scope: "global",
      kind: "number",
      default: 10,
      min: 0,
      search: { lower: 1, upper: 20, start: 10, scale: "integer" },
      summary: "most iterations",
    },
    {
      name: "tol",
      scope: "global",
      kind: "number",
      default: 1e-5,
      min: 0,
      search: { lower: 1e-8, upper: 1e-2, start: 1e-5, scale: "log" },
      summary: "a shorter step ends the iteration; a shorter tensor has no direction",
    },
  ],
  published: { parameters: {}, source: "its defaults" },
  variant: (merge) => `${merge.inputs}${isRounded(merge) ? " rounded" : ""}`,
  expression(merge) {
    const models = inputsOf(merge);
    if (isRounded(merge)) return mul(scalar(0), plane(merge, 0));
    return models.length === 1 ? input(0) : sum(models.map((i) => mul(scalar(i), input(i))));
  },
  streams: () => [],
  async coefficients(merge, statistics) {
    if (inputsOf(merge).length === 1) return { scalars: [], integers: [] };
    const scalars = isRounded(merge)
      ? [isHeld(merge) ? (await heldMean(merge, statistics)).length : 1]
      : await combination(merge, statistics);
    return { scalars, integers: [] };
  },
  async planes(merge, statistics) {
    if (!isRounded(merge)) return [];
    if (isHeld(merge)) {
      const { unit } = await heldMean(merge, statistics);
      return [(mean, first) => mean.set(unit.subarray(first, first + mean.length))];
    }
    const factors = await combination(merge, statistics);
    return [
      async (mean, first) => {
        const models = inputsOf(merge);
        const tiles = await statistics.inputs.read(models.map(input), first, mean.length);
        for (let e = 0; e < mean.length; e++) {
          mean[e] = factors.reduce((total, factor, i) => total + factor * tiles[i]![e]!, 0);
        }
      },
    ];
  },
};
