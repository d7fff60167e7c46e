// ramplus_tl: ram, with what a model changed alone made a little larger, the more so the more of its other
// changes it shares (they are averaged, and so weakened). Two passes: the shares are counted over the whole
// tensor before the merge.

import {
  add,
  and,
  constant,
  div,
  type Expression,
  eq,
  input,
  type Mask,
  mul,
  scalar,
  select,
  sum,
} from "../../kernel/expression.ts";
import { type MergeMethod, plane, type TensorMerge, type TensorStatistics } from "../method.ts";
import { activityOf, epsilonOf, epsilonParameter } from "./active.ts";
import { delta, inputsVariant, modelsOf } from "./deltas.ts";
import { asCompat, globalParameter } from "./weights.ts";

const factorAt = (p: number) => p + 1;

/**
 * Under compat λ is float32 and makes the result so, while task vectors and their shares are still rounded to a
 * half type: they come as planes, which hold 0 where a model changed nothing.
 */
const hasPlanes = (merge: TensorMerge) => merge.compat && merge.arithmetic !== "float32";

function expression(merge: TensorMerge): Expression {
  const base = input(merge.base!);
  const models = modelsOf(merge);
  if (models.length === 0) return base;
  const planes = models.map((_, p) => plane(merge, p));
  const zero = constant(0);
  const { active, count } = hasPlanes(merge)
    ? activityOf(planes, zero)
    : activityOf(models.map((i) => delta(merge, i)));
  const isAlone = eq(count, constant(1));
  const shares = models.map((i, p) => {
    const change = hasPlanes(merge) ? planes[p]! : delta(merge, i);
    const shared = hasPlanes(merge) ? change : div(change, count);
    const alone = mul(change, scalar(factorAt(p)));
    return select(active[p]!, select(isAlone, alone, shared), zero);
  });
  return add(base, sum(shares));
}

/** For each model, how many elements it changed alone and how many with others. */
function countShares(merge: TensorMerge, epsilon: number, statistics: TensorStatistics) {
  const { active, count } = activityOf(modelsOf(merge).map((i) => delta(merge, i)));
  const isAlone = eq(count, constant(1));
  const ones = (mask: Mask) => [select(mask, constant(1), constant(0))] as const;
  return statistics.recentFact(`shares ${epsilon}`, async () => {
    const scalars = [epsilon];
    const alone = await statistics.inputs.sums(
      active.map((isChanged) => ones(and(isChanged, isAlone))),
      { scalars },
    );
    const all = await statistics.inputs.sums(active.map(ones), { scalars });
    return { alone, shared: all.map((changed, p) => changed - alone[p]!) };
  });
}

/**
 * y = base + Σ λ_i·δ_i where one model changed the element, + Σ δ_i / c where c did; λ_i = 1 + r·min(ρ_i, α),
 * ρ_i = shared_i / max(alone_i, ε) (Reinforced Agent Merging, RAM+ over whole tensors).
 */
export const ramplusTl: MergeMethod = {
  name: "ramplus_tl",
  summary: "ram, with what a model changed alone strengthened",
  reference: "Reinforced Agent Merging (RAM+), as mergekit states it",
  base: "required",
  minModels: 1,
  maxModels: Number.POSITIVE_INFINITY,
  parameters: [
    epsilonParameter,
    {
      name: "r",
      scope: "global",
      kind: "number",
      default: 0.1,
      min: 0,
      search: { lower: 0, upper: 0.5, start: 0.1, always: true },
      summary: "how much changes of one model are strengthened",
    },
    {
      name: "alpha",
      scope: "global",
      kind: "number",
      default: 0.2,
      min: 0,
      search: { lower: 0, upper: 1, start: 0.2, always: true },
      summary: "largest share of shared changes that counts",
    },
  ],
  promotes: true,
  published: { parameters: {}, source: "its defaults" },
  variant: (merge) => `${inputsVariant(merge)}${hasPlanes(merge) ? " planes" : ""}`,
  expression,
  streams: () => [],
  async coefficients(merge, statistics) {
    const epsilon = epsilonOf(merge);
    const [r, alpha] = [globalParameter(merge, "r"), globalParameter(merge, "alpha")];
    const { alone, shared } = await countShares(merge, epsilon, statistics);
    const factors = shared.map((count, p) => {
      const ratio = count / Math.max(alone[p]!, epsilon);
      return 1 + r * Math.min(ratio, alpha);
    });
    return { scalars: [epsilon, ...factors], integers: [] };
  },
  async planes(merge, { inputs }) {
    if (!hasPlanes(merge)) return [];
    const epsilon = epsilonOf(merge);
    const series = modelsOf(merge).map((i) => delta(merge, i));
    return series.map((_, p) => async (values: Float32Array, firstElement: number) => {
      const changes = await inputs.read(series, firstElement, values.length);
      for (let e = 0; e < values.length; e++) {
        let count = 0;
        for (const tile of changes) count += Math.abs(tile[e]!) > epsilon ? 1 : 0;
        const change = changes[p]![e]!;
        values[e] = Math.abs(change) > epsilon ? asCompat(merge, change / count) : 0;
      }
    });
  },
};
