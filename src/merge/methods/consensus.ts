// The sign consensus of TIES: contributions whose sign differs from the majority's are left out.
// The vote is weighted (over w·δ, as mergekit does; the paper votes over δ).

import {
  and,
  constant,
  type Expression,
  eq,
  ge,
  gt,
  lt,
  type Mask,
  not,
  or,
  select,
  sum,
} from "../../kernel/expression.ts";

/** For each contribution, whether it has the sign of their sum; zero counts as positive there, and never agrees. */
export function agreement(contributions: readonly Expression[]): Mask[] {
  const zero = constant(0);
  const isPositive = ge(sum(contributions), zero);
  return contributions.map((omega) =>
    or(and(isPositive, gt(omega, zero)), and(not(isPositive), lt(omega, zero))),
  );
}

/**
 * The majority sign is that of Σω (zero counts as positive); a contribution counts iff it has that sign, so
 * zeros never do. `total` sums what counts, `divisor` their weights, with 1 in place of an exact 0
 * (Yadav et al. 2023, TIES-Merging, arXiv 2306.01708, §3).
 */
export function consensus(
  contributions: readonly Expression[],
  weights: readonly Expression[],
): { readonly total: Expression; readonly divisor: Expression } {
  const zero = constant(0);
  const agrees = agreement(contributions);
  const counted = (terms: readonly Expression[]) =>
    sum(terms.map((term, p) => select(agrees[p]!, term, zero)));
  const divisor = counted(weights);
  return {
    total: counted(contributions),
    divisor: select(eq(divisor, zero), constant(1), divisor),
  };
}
