// sce (select, calculate, erase): keeps the elements in which the task vectors differ most, weighs each model by
// the mean square of what is kept, and leaves out signs of the minority. Two passes before the merge: the cut
// of the variances needs all of them, the weights need the cut. Which elements are kept is a plane, for the
// variance over models is rounded once, not after each operation.

import { roundTo } from "../../base/half.ts";
import {
  add,
  constant,
  div,
  type Expression,
  eq,
  input,
  lt,
  mul,
  scalar,
  select,
  sum,
} from "../../kernel/expression.ts";
import { type Stream, selectCut, streamedMagnitudes } from "../magnitudes.ts";
import {
  type MagnitudeCut,
  type MergeMethod,
  plane,
  type TensorMerge,
  type TensorStatistics,
} from "../method.ts";
import { agreement } from "./consensus.ts";
import { delta, inputsVariant, modelsOf } from "./deltas.ts";
import { asCompat, globalParameter } from "./weights.ts";

/** Smaller sums of weights count as this large where they divide. */
const SMALLEST_DIVISOR = 1e-6;
/** Under compat, mean squares with a smaller sum become equal weights; natively only zeros do. */
const SMALLEST_ENERGY = 1e-6;

const topk = (merge: TensorMerge) => globalParameter(merge, "select_topk");
const selects = (merge: TensorMerge) => topk(merge) < 1;

function expression(merge: TensorMerge): Expression {
  const base = input(merge.base!);
  const models = modelsOf(merge);
  if (models.length === 0) return base;
  const zero = constant(0);
  const isKept = eq(plane(merge, 0), constant(1));
  const deltas = models.map((i) => {
    const change = delta(merge, i);
    return selects(merge) ? select(isKept, change, zero) : change;
  });
  const weights = agreement(deltas).map((agrees, p) => select(agrees, scalar(p), zero));
  const total = sum(deltas.map((change, p) => mul(change, weights[p]!)));
  const divisor = sum(weights);
  const smallest = constant(SMALLEST_DIVISOR);
  return add(base, div(total, select(lt(divisor, smallest), smallest, divisor)));
}

/** Population variance of element e over the models, in the data type. */
function varianceAt(
  tiles: readonly Float32Array[],
  e: number,
  round: (x: number) => number,
): number {
  let mean = 0;
  for (const tile of tiles) mean += tile[e]!;
  mean /= tiles.length;
  let squares = 0;
  for (const tile of tiles) squares += (tile[e]! - mean) ** 2;
  return round(squares / tiles.length);
}

const varianceRounding = (merge: TensorMerge) => {
  const { arithmetic } = merge;
  return merge.compat && arithmetic !== "f64"
    ? (x: number) => roundTo(arithmetic, Math.fround(x))
    : Math.fround;
};

/** Where variances are cut to keep the k = trunc(select_topk·nonzero) largest, ties by lowest index. */
async function varianceCut(
  merge: TensorMerge,
  { inputs, fact }: TensorStatistics,
): Promise<MagnitudeCut> {
  const series = modelsOf(merge).map((i) => delta(merge, i));
  const round = varianceRounding(merge);
  const variances: Stream = (visit) =>
    inputs.each(series, (tiles, firstElement) => {
      visit(
        Float32Array.from(tiles[0]!, (_, e) => varianceAt(tiles, e, round)),
        firstElement,
      );
    });
  const { magnitudes, nonzero } = await fact(`variances ${merge.compat}`, async () => {
    let count = 0;
    await variances((tile) => {
      for (const variance of tile) count += variance === 0 ? 0 : 1;
    });
    return { magnitudes: streamedMagnitudes(variances, merge.elements), nonzero: count };
  });
  const k = Math.max(0, Math.trunc(nonzero * topk(merge)));
  if (k === 0) return { threshold: Number.POSITIVE_INFINITY, cut: 0 };
  return fact(`variance cut ${merge.compat} ${k}`, () => selectCut(magnitudes, k));
}

/** Fills `kept` with 1 where a tile's variance is within the cut, and 0 elsewhere. */
function markKept(
  merge: TensorMerge,
  { threshold, cut }: MagnitudeCut,
  tiles: readonly Float32Array[],
  firstElement: number,
  kept: Float32Array,
): void {
  const round = varianceRounding(merge);
  for (let e = 0; e < kept.length; e++) {
    const variance = varianceAt(tiles, e, round);
    const isKept = variance > threshold || (variance === threshold && firstElement + e < cut);
    kept[e] = isKept ? 1 : 0;
  }
}

/** Mean square of each task vector, of its kept elements where elements are selected. */
async function energies(merge: TensorMerge, statistics: TensorStatistics): Promise<number[]> {
  const round = (x: number) => asCompat(merge, x);
  const series = modelsOf(merge).map((i) => delta(merge, i));
  const cut = selects(merge) ? await varianceCut(merge, statistics) : undefined;
  const name = `energies ${merge.compat} ${cut?.threshold} ${cut?.cut}`;
  return statistics.fact(name, async () => {
    const squares = series.map(() => statistics.sum());
    await statistics.inputs.each(series, (tiles, firstElement) => {
      const kept = new Float32Array(tiles[0]!.length).fill(1);
      if (cut !== undefined) markKept(merge, cut, tiles, firstElement, kept);
      for (const [p, tile] of tiles.entries()) {
        squares[p]!.add(tile.map((x, e) => round(x ** 2) * kept[e]!));
      }
    });
    return squares.map((sum) => round(Math.fround(sum.total()) / merge.elements));
  });
}

/** y = base + Σ v_i·δ_i·m_i / Σ v_i·m_i over the models m that agree with the majority's sign. */
export const sce: MergeMethod = {
  name: "sce",
  summary: "task vectors where they differ most, weighted by their size, summed where signs agree",
  reference: "Wan et al. 2024, FuseChat, arXiv 2408.07990, §3.3",
  base: "required",
  minModels: 1,
  maxModels: Number.POSITIVE_INFINITY,
  parameters: [
    {
      name: "select_topk",
      scope: "global",
      kind: "number",
      default: 1,
      min: 0,
      max: 1,
      search: { lower: 0.05, upper: 1, start: 0.5, always: true },
      summary: "share of the elements that is kept, those that differ most between models",
    },
    {
      name: "int8_mask",
      scope: "global",
      kind: "boolean",
      default: 0,
      summary: "accepted, without effect",
    },
  ],
  published: {
    parameters: { select_topk: 0.1 },
    source: "Wan et al. 2024, FuseChat: the top 10 %",
  },
  variant: (merge) => `${inputsVariant(merge)}${selects(merge) ? " plane" : ""}`,
  expression,
  streams: () => [],
  async coefficients(merge, statistics) {
    const squares = await energies(merge, statistics);
    const total = asCompat(
      merge,
      squares.reduce((sum, square) => sum + square, 0),
    );
    const isUniform = merge.compat ? Math.abs(total) < SMALLEST_ENERGY : total === 0;
    const weights = squares.map((square) =>
      asCompat(merge, isUniform ? 1 / squares.length : square / total),
    );
    return { scalars: weights, integers: [] };
  },
  async fixes(merge, statistics) {
    const total = (await energies(merge, statistics)).reduce((sum, square) => sum + square, 0);
    return total > 0 && total < SMALLEST_ENERGY ? ["uniform"] : [];
  },
  async planes(merge, statistics) {
    if (!selects(merge) || modelsOf(merge).length === 0) return [];
    const series = modelsOf(merge).map((i) => delta(merge, i));
    const cut = await varianceCut(merge, statistics);
    return [
      async (kept, firstElement) => {
        const tiles = await statistics.inputs.read(series, firstElement, kept.length);
        markKept(merge, cut, tiles, firstElement, kept);
      },
    ];
  },
};
