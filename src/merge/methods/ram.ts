// ram: averages each element over the models that changed it, so that what one model learned alone is not
// diluted by the others.

import {
  add,
  constant,
  div,
  type Expression,
  input,
  select,
  sum,
} from "../../kernel/expression.ts";
import type { MergeMethod, TensorMerge } from "../method.ts";
import { activityOf, epsilonOf, epsilonParameter } from "./active.ts";
import { delta, inputsVariant, modelsOf } from "./deltas.ts";

function expression(merge: TensorMerge): Expression {
  const base = input(merge.base!);
  const deltas = modelsOf(merge).map((i) => delta(merge, i));
  if (deltas.length === 0) return base;
  const { active, count } = activityOf(deltas);
  const shares = deltas.map((change, p) => select(active[p]!, div(change, count), constant(0)));
  return add(base, sum(shares));
}

/** y = base + Σ δ_i / c over the c models with |δ_i| > ε (Reinforced Agent Merging). */
export const ram: MergeMethod = {
  name: "ram",
  summary: "each element averaged over the models that changed it",
  reference: "Reinforced Agent Merging (RAM), as mergekit states it",
  base: "required",
  minModels: 1,
  maxModels: Number.POSITIVE_INFINITY,
  parameters: [epsilonParameter],
  published: { parameters: {}, source: "its defaults" },
  variant: inputsVariant,
  expression,
  streams: () => [],
  coefficients: async (merge) => ({ scalars: [epsilonOf(merge)], integers: [] }),
};
