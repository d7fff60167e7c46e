// How a task vector is thinned: which of its elements are kept, as a mask of the expression and the numbers
// that the mask reads. Ranks within rows have a file of their own (row-ranks.ts).

import { DRAWS } from "../../base/counter-rng.ts";
import {
  abs,
  and,
  constant,
  drawBelow,
  type Expression,
  eq,
  type Mask,
  not,
} from "../../kernel/expression.ts";
import type { FixName } from "../fixes.ts";
import {
  type MagnitudeCut,
  type Mass,
  type PlaneFill,
  plane,
  type TensorMerge,
  type TensorStatistics,
} from "../method.ts";
import { keptCount, withinCut } from "../statistics/magnitudes.ts";
import { followsTorch, keepPlaces, planeMass } from "./kept-planes.ts";
import { isNarrowed, keepByRank } from "./row-ranks.ts";
import { asCompat, modelParameter } from "./weights.ts";

/** One thinned task vector: its input, its place among the thinned, and where its numbers stand. */
export interface Thinned {
  readonly input: number;
  /** Of its mask stream, or of its plane. */
  readonly stream: number;
  /** Two scalars, then two integers, stand at these places and the next. */
  readonly scalarsAt: number;
  readonly integersAt: number;
}

/** The numbers of a mask, and what of the vector's mass it keeps (asked for when survivors are rescaled). */
export interface Thinning {
  readonly scalars: readonly [number, number];
  readonly integers: readonly [number, number];
  readonly mass: () => Promise<Mass>;
}

export interface Sparsifier {
  /** What is done otherwise than mergekit to one thinned vector, natively. */
  fix?(merge: TensorMerge, input: number): FixName | undefined;
  /** Each thinned vector takes a mask stream of its own. */
  readonly draws: boolean;
  /** The merge in the type that thinning and rescaling are computed in. */
  work(merge: TensorMerge): TensorMerge;
  mask(merge: TensorMerge, thinned: Thinned, delta: Expression): Mask;
  thin(merge: TensorMerge, thinned: Thinned, statistics: TensorStatistics): Promise<Thinning>;
  /** The plane that the mask of a vector reads, if it reads one. */
  plane?(
    merge: TensorMerge,
    thinned: Thinned,
    statistics: TensorStatistics,
  ): PlaneFill | undefined | Promise<PlaneFill | undefined>;
}

/** Whether the plane of a thinned vector keeps an element. */
const isMarked = (merge: TensorMerge, { stream }: Thinned): Mask =>
  eq(plane(merge, stream), constant(1));
/** The numbers of a mask that reads none. */
const NO_NUMBERS = { scalars: [0, 0], integers: [0, 0] } as const;

/** The largest elements (TIES). */
const magnitude: Sparsifier = {
  fix: (merge, input) =>
    modelParameter(merge, input, "density") * merge.elements < 1 ? "one" : undefined,
  draws: false,
  work: (merge) => merge,
  mask: (merge, thinned, delta) =>
    followsTorch(merge)
      ? isMarked(merge, thinned)
      : withinCut(abs(delta), thinned.scalarsAt, thinned.integersAt),
  async thin(merge, { input }, statistics) {
    const kept = await torchLargest(merge, input, statistics);
    if (kept) return { ...NO_NUMBERS, mass: () => planeMass(merge, input, kept, statistics) };
    const density = modelParameter(merge, input, "density");
    const { threshold, cut } = await statistics.magnitudeCut(input, density);
    const mass = () => statistics.cutMass(input, density);
    return { scalars: [threshold, 0], integers: [cut, 0], mass };
  },
  plane: (merge, { input }, statistics) => torchLargest(merge, input, statistics),
};

async function torchLargest(merge: TensorMerge, input: number, statistics: TensorStatistics) {
  if (!followsTorch(merge)) return undefined;
  const end = keptCount(modelParameter(merge, input, "density"), merge.elements);
  return keepPlaces(merge, input, { descending: true, first: 0, end }, statistics);
}

/** mergekit draws and rescales float16 in float32 on the CPU; other types in their own. */
const drawnWork = (merge: TensorMerge): TensorMerge =>
  merge.arithmetic === "float16" ? { ...merge, arithmetic: "float32" } : merge;

/** Elements drawn with one probability (DARE). */
const random: Sparsifier = {
  draws: true,
  work: drawnWork,
  mask: (_merge, { stream, integersAt }) => drawBelow(stream, integersAt),
  async thin(merge, { input, stream }, statistics) {
    const density = asCompat(drawnWork(merge), modelParameter(merge, input, "density"));
    const bound = Math.ceil(density * DRAWS);
    const mass = () => statistics.drawnMass(input, stream, bound);
    return { scalars: [0, 0], integers: [bound, 0], mass };
  },
};

/**
 * The largest elements without the very largest: of N, `least` are too large and the next ones up to `most`
 * are kept. mergekit drops everything where nothing is too large (its slice ends at −0); that is kept under compat.
 */
function bandOf(merge: TensorMerge, input: number): { most: number; least: number } {
  const { elements } = merge;
  const kept = Math.trunc(modelParameter(merge, input, "density") * elements);
  const outliers = Math.trunc(modelParameter(merge, input, "gamma") * elements);
  const least = Math.min(outliers, elements - kept);
  return { most: merge.compat && least === 0 ? 0 : least + kept, least };
}

const band: Sparsifier = {
  fix(merge, input) {
    const { most, least } = bandOf(merge, input);
    return least === 0 && most > 0 ? "band" : undefined;
  },
  draws: false,
  work: (merge) => merge,
  mask(merge, thinned, delta) {
    if (followsTorch(merge)) return isMarked(merge, thinned);
    const { scalarsAt, integersAt } = thinned;
    const size = abs(delta);
    const isOutlier = withinCut(size, scalarsAt + 1, integersAt + 1);
    return and(withinCut(size, scalarsAt, integersAt), not(isOutlier));
  },
  async thin(merge, { input }, statistics) {
    const kept = await torchBand(merge, input, statistics);
    if (kept) return { ...NO_NUMBERS, mass: () => planeMass(merge, input, kept, statistics) };
    const { most, least } = bandOf(merge, input);
    const cuts: MagnitudeCut[] = [];
    for (const count of [most, least]) cuts.push(await statistics.countCut(input, count));
    return {
      scalars: [cuts[0]!.threshold, cuts[1]!.threshold],
      integers: [cuts[0]!.cut, cuts[1]!.cut],
      mass: () => statistics.bandMass(input, most, least),
    };
  },
  plane: (merge, { input }, statistics) => torchBand(merge, input, statistics),
};

async function torchBand(merge: TensorMerge, input: number, statistics: TensorStatistics) {
  if (!followsTorch(merge)) return undefined;
  const { most, least } = bandOf(merge, input);
  const [first, end] = [merge.elements - most, merge.elements - least];
  return keepPlaces(merge, input, { descending: false, first, end }, statistics);
}

/** Elements drawn with a probability that grows with their rank in their row (DELLA). */
const rank: Sparsifier = {
  fix: (merge, input) => (isNarrowed(merge, input) ? "epsilon" : undefined),
  draws: true,
  work: drawnWork,
  mask: isMarked,
  async thin(merge, { input, stream }, statistics) {
    const work = drawnWork(merge);
    const kept = () => keepByRank(work, input, stream, statistics);
    return { ...NO_NUMBERS, mass: () => planeMass(work, input, kept(), statistics) };
  },
  plane: (merge, { input, stream }, statistics) =>
    keepByRank(drawnWork(merge), input, stream, statistics),
};

export const SPARSIFIERS = { magnitude, random, band, rank } as const;
