// Where CMA-ES begins when an earlier run of the same box is known: around its better candidates (WS-CMA-ES,
// Nomura et al., AAAI 2021). The earlier run may have had another task; only the order of its scores counts.

import { CholeskyDecomposition, Matrix } from "ml-matrix";
import { TsmergeError } from "../../base/errors.ts";
import { clipped, rankable, ranking, toUnit } from "../problem.ts";
import type { Problem, Told } from "../strategy.ts";
import { packed } from "./symmetric.ts";

/** The share of the earlier candidates that is believed, γ. */
const BEST_SHARE = 0.1;
/** The standard deviation that is added to theirs in every direction, α, as a share of each range. */
const LEAST_SPREAD = 0.1;

/** Mean, step and C of the first generation: [n], scalar and [n(n+1)/2]. */
export interface WarmStart {
  readonly mean: readonly number[];
  readonly sigma: number;
  readonly covariance: readonly number[];
}

/**
 * The Gaussian around the best tenth of the earlier candidates: their mean, and α²I plus their covariance V
 * split into σ = det(V)^(1/2n) and C = V/σ².
 * @throws TsmergeError `config` as bestOf does
 */
export function warmStart(problem: Problem, earlier: readonly Told[]): WarmStart {
  const n = problem.start.length;
  const best = bestOf(problem, earlier).map(({ genome }) => clipped(toUnit(problem, genome)));
  const mean = Array.from({ length: n }, (_, i) => average(best.map((x) => x[i]!)));
  const variance = Matrix.eye(n, n, LEAST_SPREAD ** 2);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const products = best.map((x) => (x[i]! - mean[i]!) * (x[j]! - mean[j]!));
      variance.set(i, j, variance.get(i, j) + average(products));
    }
  }
  const { sigma, shape } = stepAndShape(variance);
  return { mean, sigma, covariance: packed(shape) };
}

/**
 * The best tenth of the earlier candidates, best first, at least one.
 * @throws TsmergeError `config`: no earlier candidate has a score, or one has another number of genes
 */
export function bestOf(problem: Problem, earlier: readonly Told[]): Told[] {
  const n = problem.start.length;
  const odd = earlier.find(({ genome }) => genome.length !== n);
  if (odd !== undefined) {
    throw new TsmergeError(
      "config",
      `an earlier candidate has ${odd.genome.length} genes and this search has ${n}`,
      { hint: "start from a run whose genome is declared alike, or start afresh" },
    );
  }
  const fitness = rankable(earlier);
  const scored = ranking(fitness).filter((k) => fitness[k] !== -Infinity);
  if (scored.length === 0) {
    throw new TsmergeError(
      "config",
      `none of the ${earlier.length} earlier candidates has a score`,
      { hint: "start from a run that scored candidates, or start afresh" },
    );
  }
  const count = Math.max(1, Math.floor(BEST_SHARE * scored.length));
  return scored.slice(0, count).map((k) => earlier[k]!);
}

/**
 * σ = det(V)^(1/2n) and C = V/σ², [n, n].
 * @throws TsmergeError `numeric` if V is not positive definite
 */
export function stepAndShape(variance: Matrix): { sigma: number; shape: Matrix } {
  const cholesky = new CholeskyDecomposition(variance);
  if (!cholesky.isPositiveDefinite()) {
    throw new TsmergeError("numeric", "the search's covariance is no longer positive definite", {
      hint: "take the recommendation of the generation before, or search with another seed",
    });
  }
  const logs = cholesky.lowerTriangularMatrix.diagonal().map(Math.log); // log det(V)^½ is their sum
  const sigma = Math.exp(average(logs));
  return { sigma, shape: Matrix.div(variance, sigma * sigma) };
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
