// sce (select, calculate, erase): keeps the elements in which the task vectors differ most, weighs each model by
// the mean square of what is kept, and leaves out signs of the minority. Two passes before the merge: the cut
// of the variances needs all of them, the weights need the cut. Which elements are kept is a plane, for the
// variance over models is rounded once, not after each operation.

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
import { type MergeMethod, plane, type TensorMerge, type TensorStatistics } from "../method.ts";
import { agreement } from "./consensus.ts";
import { delta, inputsVariant, modelsOf } from "./deltas.ts";
import { selection, topk } from "./variance-selection.ts";
import { asCompat, weightTotal } from "./weights.ts";

/** Smaller sums of weights count as this large where they divide. */
const SMALLEST_DIVISOR = 1e-6;
/** Under compat, mean squares with a smaller sum become equal weights; natively only zeros do. */
const SMALLEST_ENERGY = 1e-6;

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

/** Mean square of each task vector, of its kept elements where elements are selected. */
async function energies(merge: TensorMerge, statistics: TensorStatistics): Promise<number[]> {
  const round = (x: number) => asCompat(merge, x);
  const series = modelsOf(merge).map((i) => delta(merge, i));
  const mark = selects(merge) ? await selection(merge, statistics) : undefined;
  const name = `energies ${merge.compat} ${selects(merge) ? topk(merge) : ""}`;
  return statistics.recentFact(name, async () => {
    const squares = series.map(() => statistics.sum());
    await statistics.inputs.each(series, (tiles, firstElement) => {
      const kept = new Float32Array(tiles[0]!.length).fill(1);
      mark?.(tiles, firstElement, kept);
      for (const [p, tile] of tiles.entries()) {
        for (let e = 0; e < tile.length; e++) tile[e] = round(tile[e]! * tile[e]!) * kept[e]!;
        squares[p]!.add(tile);
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
    source: "the authors' own merge (fusechat-sce.yml of 18907305772/FuseAI): the top 10 %",
  },
  variant: (merge) => `${inputsVariant(merge)}${selects(merge) ? " plane" : ""}`,
  expression,
  streams: () => [],
  async coefficients(merge, statistics) {
    const squares = await energies(merge, statistics);
    const total = weightTotal(merge, squares);
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
    const mark = await selection(merge, statistics);
    return [
      async (kept, firstElement) => {
        const tiles = await statistics.inputs.read(series, firstElement, kept.length);
        mark(tiles, firstElement, kept);
      },
    ];
  },
};
