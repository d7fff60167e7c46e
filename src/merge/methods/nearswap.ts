// nearswap: takes the other model's element where it is close to the base's, and moves towards it by t at
// most where it is not. Purely elementwise.

import {
  abs,
  add,
  constant,
  div,
  type Expression,
  gt,
  input,
  lt,
  mul,
  scalar,
  select,
  sub,
} from "../../kernel/expression.ts";
import type { MergeMethod, TensorMerge } from "../method.ts";
import { inputsVariant, modelsOf } from "./deltas.ts";
import { globalParameter } from "./weights.ts";

/** Closer elements count as this far apart (mergekit's guard of the division). */
const SMALLEST_DISTANCE = 1e-6;

/** w = min(t / |b − a|, 1): a division is two roundings in torch, of the reciprocal and of its product with t. */
function share(a: Expression, b: Expression): Expression {
  const distance = abs(sub(a, b));
  const smallest = constant(SMALLEST_DISTANCE);
  const guarded = select(lt(distance, smallest), smallest, distance);
  const w = mul(div(constant(1), guarded), scalar(0));
  const fromBelow = select(lt(w, constant(0)), constant(0), w);
  return select(gt(fromBelow, constant(1)), constant(1), fromBelow);
}

function expression(merge: TensorMerge): Expression {
  const a = input(merge.base!);
  const [other] = modelsOf(merge);
  if (other === undefined) return a;
  const b = input(other);
  const w = share(a, b);
  return add(mul(w, b), mul(sub(constant(1), w), a));
}

/** y = w·b + (1 − w)·a with w = t / |a − b| in [0, 1], a the base (alchemonaut's NearSwap). */
export const nearswap: MergeMethod = {
  name: "nearswap",
  summary: "the other model's elements where they are close to the base's",
  reference: "alchemonaut 2024, NearSwap, huggingface.co/alchemonaut/QuartetAnemoi-70B-t0.0001",
  base: "required",
  minModels: 1,
  maxModels: 1,
  parameters: [
    {
      name: "t",
      scope: "global",
      kind: "number",
      default: undefined,
      min: 0,
      search: { lower: 1e-5, upper: 0.1, start: 1e-3, scale: "log", always: true },
      summary: "farthest that an element moves",
    },
  ],
  published: { parameters: { t: 1e-4 }, source: "alchemonaut 2024, QuartetAnemoi-70B-t0.0001" },
  variant: inputsVariant,
  expression,
  streams: () => [],
  coefficients: async (merge) => ({ scalars: [globalParameter(merge, "t")], integers: [] }),
};
