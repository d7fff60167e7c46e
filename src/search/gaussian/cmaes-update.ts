// One generation's step of active CMA-ES, after Hansen's tutorial (arXiv:1604.00772); equation numbers are
// its. A proposal: the strategy still decides how much of it to take and keeps it within limits.

import { checkTold, rankable, ranking } from "../problem.ts";
import type { Told } from "../strategy.ts";
import { type CmaesParameters, effectiveMass } from "./cmaes-parameters.ts";
import { type CmaesState, decomposed, parametersOf, sampleOf } from "./cmaes-state.ts";
import { feasible, standing } from "./gaussian.ts";
import { packed, times, unpacked } from "./symmetric.ts";

/** Added to a squared length that is divided by, as in the tutorial's code. */
const EPSILON = 1e-8;

/** The new values of the distribution. */
export type Proposal = Pick<
  CmaesState,
  "mean" | "sigma" | "covariance" | "sigmaPath" | "covariancePath"
>;

/**
 * One generation's update. A failed candidate (non-finite fitness) ranks last: it can repel C but never
 * attract the mean.
 * @param stream the name the samples were drawn under
 * @returns undefined for a generation without any order: all equal or all failed
 */
export function proposal(
  state: CmaesState,
  stream: string,
  results: readonly Told[],
): Proposal | undefined {
  const n = state.mean.length;
  const parameters = parametersOf(state);
  checkTold(parameters.lambda, results);
  const generation = state.generation + 1;
  const fitness = rankable(results);
  if (fitness.every((value) => value === fitness[0])) return undefined;
  const { c1, cMu, cC, cSigma, dSigma, chi } = parameters;
  const finite = fitness.filter((value) => value !== -Infinity).length;
  const { weights, muEff } = selection(parameters, finite);
  const { inverseRoot } = decomposed(state);
  const steps = ranking(fitness).map((k) =>
    standing(state.problem, results[k]!, () => sampleOf(state, stream, k)).map(
      (x, i) => (x - state.mean[i]!) / state.sigma / (state.stretch?.[i] ?? 1),
    ),
  );

  const meanStep = state.mean.map((_, i) =>
    steps.reduce((sum, y, rank) => sum + Math.max(0, weights[rank]!) * y[i]!, 0),
  ); // eq. 41
  const moved = state.mean.map((m, i) => m + state.sigma * meanStep[i]!); // eq. 42, c_m = 1
  const mean = feasible(state.problem, moved);

  const whitened = times(inverseRoot, meanStep);
  const sigmaPath = state.sigmaPath.map(
    (p, i) => (1 - cSigma) * p + Math.sqrt(cSigma * (2 - cSigma) * muEff) * whitened[i]!,
  ); // eq. 43
  const pathLength = Math.sqrt(squaredLength(sigmaPath));
  // eq. 44; the bound on the change is the tutorial code's, not in the equation
  const sigma = state.sigma * Math.exp(Math.min(1, (cSigma / dSigma) * (pathLength / chi - 1)));

  const expected = Math.sqrt(1 - (1 - cSigma) ** (2 * (generation + 1)));
  const h = pathLength / expected < (1.4 + 2 / (n + 1)) * chi ? 1 : 0; // stalls p_c while σ grows fast
  const covariancePath = state.covariancePath.map(
    (p, i) => (1 - cC) * p + h * Math.sqrt(cC * (2 - cC) * muEff) * meanStep[i]!,
  ); // eq. 45

  const active = weights.map((w, rank) =>
    w >= 0 ? w : (w * n) / (squaredLength(times(inverseRoot, steps[rank]!)) + EPSILON),
  ); // eq. 46
  const weightSum = weights.reduce((sum, w) => sum + w, 0);
  const covariance = unpacked(state.covariance, n);
  const decay = 1 + c1 * (1 - h) * cC * (2 - cC) - c1 - cMu * weightSum;
  for (let i = 0; i < n; i++) {
    const pulls = steps.map((y, rank) => active[rank]! * y[i]!);
    for (let j = i; j < n; j++) {
      let rankMu = 0;
      for (let rank = 0; rank < pulls.length; rank++) rankMu += pulls[rank]! * steps[rank]![j]!;
      const rankOne = covariancePath[i]! * covariancePath[j]!;
      covariance.set(i, j, decay * covariance.get(i, j) + c1 * rankOne + cMu * rankMu); // eq. 47
    }
  }
  return { mean, sigma, covariance: packed(covariance), sigmaPath, covariancePath };
}

/** The state after a generation that showed no order: nothing changed but its counts. */
export function unordered<State extends CmaesState>(state: State, results: readonly Told[]): State {
  const failed = rankable(results)[0] === -Infinity;
  const failedGenerations = failed ? state.failedGenerations + 1 : 0;
  return { ...state, generation: state.generation + 1, failedGenerations };
}

/** The weights by rank when only the first `finite` candidates have a fitness: failures lose their pull. */
export function selection(
  { weights, mu, muEff }: Pick<CmaesParameters, "weights" | "mu" | "muEff">,
  finite: number,
): { weights: readonly number[]; muEff: number } {
  if (finite >= mu) return { weights, muEff };
  const pulling = weights.slice(0, finite);
  const sum = pulling.reduce((total, w) => total + w, 0);
  return {
    weights: weights.map((w, rank) => (rank < finite ? w / sum : Math.min(0, w))),
    muEff: effectiveMass(pulling),
  };
}

export function squaredLength(vector: readonly number[]): number {
  return vector.reduce((sum, x) => sum + x * x, 0);
}
