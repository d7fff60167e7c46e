// CMA-ES that learns a variance per gene and no correlations (Ros & Hansen, "A Simple Modification in CMA-ES
// Achieving Linear Time and Space Complexity", PPSN 2008). It learns (n+2)/3 times faster, so it is for many
// genes and few candidates; a rotated landscape it sees only coordinate by coordinate.

import { effectiveMass } from "../gaussian/cmaes-parameters.ts";
import { populationOf } from "../gaussian/cmaes-state.ts";
import { selection, squaredLength } from "../gaussian/cmaes-update.ts";
import { feasible, sampled, settled, shrinkage, standing, started } from "../gaussian/gaussian.ts";
import { withMargin } from "../gaussian/margin.ts";
import { unpacked } from "../gaussian/symmetric.ts";
import { warmStart } from "../gaussian/warm-start.ts";
import { checkedProblem, checkTold, rankable, ranking, toGenes } from "../problem.ts";
import type { Problem, Strategy, Told } from "../strategy.ts";

/** Everything the next generation depends on. Vectors are in unit-box coordinates, [n]. */
export interface SepCmaesState {
  readonly problem: Problem;
  readonly generation: number;
  readonly mean: readonly number[];
  readonly sigma: number;
  /** The diagonal of C. */
  readonly variances: readonly number[];
  readonly sigmaPath: readonly number[];
  readonly covariancePath: readonly number[];
  /** A's diagonal, by which samples of integer genes are stretched; absent: all ones. */
  readonly stretch?: readonly number[];
  /** Generations in a row in which every candidate failed. */
  readonly failedGenerations: number;
}

const NAME = "sep-cmaes";

interface SepParameters {
  readonly mu: number;
  /** By rank, [λ]: the worse half has none. */
  readonly weights: readonly number[];
  readonly muEff: number;
  readonly cC: number;
  readonly cSigma: number;
  readonly dSigma: number;
  /** Learning rate of the variances. */
  readonly cVariance: number;
  readonly chi: number;
}

/** All strategy constants for n genes and a population of `lambda` ≥ 2. */
export function sepParameters(n: number, lambda: number): SepParameters {
  const mu = Math.floor(lambda / 2);
  const raw = Array.from({ length: lambda }, (_, i) =>
    i < mu ? Math.log(mu + 1) - Math.log(i + 1) : 0,
  );
  const sum = raw.reduce((total, w) => total + w, 0);
  const muEff = effectiveMass(raw);
  const full =
    2 / (muEff * (n + Math.SQRT2) ** 2) +
    (1 - 1 / muEff) * Math.min(1, (2 * muEff - 1) / ((n + 2) ** 2 + muEff));
  const cSigma = (muEff + 2) / (n + muEff + 3);
  return {
    mu,
    weights: raw.map((w) => w / sum),
    muEff,
    cC: 4 / (n + 4),
    cSigma,
    dSigma: 1 + cSigma + 2 * Math.max(0, Math.sqrt((muEff - 1) / (n + 1)) - 1),
    cVariance: Math.min(1, ((n + 2) / 3) * full),
    chi: Math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n)),
  };
}

function initial(given: Problem): SepCmaesState {
  const { earlier, ...problem } = checkedProblem(given);
  const n = problem.start.length;
  const state = {
    problem,
    generation: 0,
    sigmaPath: Array<number>(n).fill(0),
    covariancePath: Array<number>(n).fill(0),
    failedGenerations: 0,
  };
  if (earlier === undefined) {
    return margined({ ...state, ...started(problem), variances: Array<number>(n).fill(1) });
  }
  const { mean, sigma, covariance } = warmStart(problem, earlier);
  return margined({ ...state, mean, sigma, variances: unpacked(covariance, n).diagonal() });
}

function deviationsOf({ sigma, variances }: Pick<SepCmaesState, "sigma" | "variances">): number[] {
  return variances.map((variance) => sigma * Math.sqrt(variance));
}

/** With integer genes' samples not too narrow. */
function margined(state: SepCmaesState): SepCmaesState {
  const { problem } = state;
  return {
    ...state,
    ...withMargin(problem, populationOf(state), state, () => deviationsOf(state)),
  };
}

function sampleOf(state: SepCmaesState, k: number): number[] {
  const scale = state.variances.map(
    (variance, i) => (state.stretch?.[i] ?? 1) * Math.sqrt(variance),
  );
  return sampled(state, NAME, k, (z, i) => scale[i]! * z[i]!);
}

/** As in the full strategy, with a diagonal C and no negative weights. */
function tell(state: SepCmaesState, results: readonly Told[]): SepCmaesState {
  const n = state.mean.length;
  const population = populationOf(state);
  checkTold(population, results);
  const generation = state.generation + 1;
  const fitness = rankable(results);
  if (fitness.every((value) => value === fitness[0])) {
    const failedGenerations = fitness[0] === -Infinity ? state.failedGenerations + 1 : 0;
    return { ...state, generation, failedGenerations };
  }
  const parameters = sepParameters(n, population);
  const { cC, cSigma, dSigma, cVariance, chi } = parameters;
  const finite = fitness.filter((value) => value !== -Infinity).length;
  const { weights, muEff } = selection(parameters, finite);
  const steps = ranking(fitness).map((k) =>
    standing(state.problem, results[k]!, () => sampleOf(state, k)).map(
      (x, i) => (x - state.mean[i]!) / state.sigma / (state.stretch?.[i] ?? 1),
    ),
  );
  const weighted = (value: (step: readonly number[]) => number) =>
    steps.reduce((sum, step, rank) => sum + weights[rank]! * value(step), 0);

  const meanStep = state.mean.map((_, i) => weighted((y) => y[i]!));
  const moved = state.mean.map((m, i) => m + state.sigma * meanStep[i]!);
  const mean = feasible(state.problem, moved);
  const sigmaPath = state.sigmaPath.map(
    (p, i) =>
      (1 - cSigma) * p +
      (Math.sqrt(cSigma * (2 - cSigma) * muEff) * meanStep[i]!) / Math.sqrt(state.variances[i]!),
  );
  const pathLength = Math.sqrt(squaredLength(sigmaPath));
  const sigma = state.sigma * Math.exp(Math.min(1, (cSigma / dSigma) * (pathLength / chi - 1)));
  const expected = Math.sqrt(1 - (1 - cSigma) ** (2 * (generation + 1)));
  const h = pathLength / expected < (1.4 + 2 / (n + 1)) * chi ? 1 : 0;
  const covariancePath = state.covariancePath.map(
    (p, i) => (1 - cC) * p + h * Math.sqrt(cC * (2 - cC) * muEff) * meanStep[i]!,
  );
  // The paper scales both updates by (n+2)/3; the package cmaes leaves rank-one at the full strategy's rate.
  const rankOne = cVariance / muEff;
  const rankMu = cVariance * (1 - 1 / muEff);
  const variances = state.variances.map(
    (c, i) =>
      (1 - cVariance) * c +
      rankOne * covariancePath[i]! ** 2 +
      rankMu * weighted((y) => y[i]! ** 2),
  );
  const next = { ...state, generation, mean, sigma, sigmaPath, failedGenerations: 0 };
  const factors = shrinkage(deviationsOf({ sigma, variances }));
  if (factors === undefined) return margined({ ...next, variances, covariancePath });
  return margined({
    ...next,
    variances: variances.map((c, i) => c * factors[i]! ** 2),
    covariancePath: covariancePath.map((p, i) => p * factors[i]!),
  });
}

export const sepCmaes: Strategy<SepCmaesState> = {
  name: NAME,
  summary: "cmaes with a variance per gene and no correlations; for more than 60 genes",
  initial,
  populationSize: populationOf,
  generation: (state) => state.generation,
  ask: (state, k) => ({ genome: toGenes(state.problem, sampleOf(state, k)), parents: [] }),
  tell,
  recommend: (state) => toGenes(state.problem, state.mean),
  finished: (state) =>
    settled(
      state,
      deviationsOf(state),
      state.covariancePath.map((p) => state.sigma * p),
    ),
};
