// CMA-ES whose learning rates follow the signal-to-noise ratio of its own updates (Nomura, Akimoto, Ono,
// "CMA-ES with Learning Rate Adaptation", arXiv:2401.15876). Slower where scores are exact; where they come
// from few items it is the mean, never a sample, that is worth taking home: the spread stays wide.

import { Matrix } from "ml-matrix";
import {
  type CmaesState,
  decomposed,
  finished,
  initial,
  populationOf,
  sampleOf,
  withinLimits,
} from "../gaussian/cmaes-state.ts";
import { type Proposal, proposal, squaredLength, unordered } from "../gaussian/cmaes-update.ts";
import { packed, sandwiched, unpacked } from "../gaussian/symmetric.ts";
import { stepAndShape } from "../gaussian/warm-start.ts";
import { toGenes } from "../problem.ts";
import type { Strategy } from "../strategy.ts";

/** How much of the updates is taken, and the averages that decide it. */
export interface LearningRate {
  /** η, the share of each proposed step that is taken, in (0, 1]. */
  readonly rate: number;
  /** Moving averages of the whitened step, [n] or a packed triangle, and of its squared length. */
  readonly drift: readonly number[];
  readonly power: number;
}

export interface LraCmaesState extends CmaesState {
  readonly meanRate: LearningRate;
  readonly covarianceRate: LearningRate;
}

const NAME = "lra-cmaes";
/** The target signal-to-noise ratio α, the damping γ and the averages' weights β, as the paper sets them. */
const TARGET_RATIO = 1.4;
const DAMPING = 0.1;
const MEAN_WEIGHT = 0.1;
const COVARIANCE_WEIGHT = 0.03;

/**
 * One generation of the adaptation.
 * @param step the proposed step in the old metric
 * @param length of the step, squared; it is not Σx² for a packed triangle
 */
export function adapted(
  known: LearningRate,
  beta: number,
  step: readonly number[],
  length: (vector: readonly number[]) => number,
): LearningRate {
  const drift = known.drift.map((e, i) => (1 - beta) * e + beta * step[i]!);
  const power = (1 - beta) * known.power + beta * length(step);
  const signal = length(drift);
  const ratio = (signal - (beta / (2 - beta)) * power) / (power - signal);
  const relative = Math.min(1, Math.max(-1, ratio / (TARGET_RATIO * known.rate) - 1));
  const rate = known.rate * Math.exp(Math.min(DAMPING * known.rate, beta) * relative);
  return { rate: Math.min(1, rate), drift, power };
}

/** ‖vec(S)‖² / 2 of a symmetric matrix's packed triangle, [n(n+1)/2]. */
function halfSquaredNorm(triangle: readonly number[], n: number): number {
  let sum = 0;
  let next = 0;
  for (let i = 0; i < n; i++) {
    sum += triangle[next]! ** 2 / 2;
    for (let j = i + 1; j < n; j++) sum += triangle[next + j - i]! ** 2;
    next += n - i;
  }
  return sum;
}

/** Takes of a proposal what the rates allow; V = σ²C is moved as one. */
function damped(state: LraCmaesState, proposed: Proposal): LraCmaesState {
  const n = state.mean.length;
  const { inverseRoot } = decomposed(state);
  const meanStep = proposed.mean.map((m, i) => m - state.mean[i]!);
  const variance = unpacked(state.covariance, n).mul(state.sigma ** 2);
  const varianceStep = unpacked(proposed.covariance, n)
    .mul(proposed.sigma ** 2)
    .sub(variance);

  const whitened = inverseRoot.mmul(Matrix.columnVector(meanStep)).div(state.sigma).to1DArray();
  const meanRate = adapted(state.meanRate, MEAN_WEIGHT, whitened, squaredLength);
  const turned = sandwiched(inverseRoot, varianceStep).map((entry) => entry / state.sigma ** 2);
  const covarianceRate = adapted(state.covarianceRate, COVARIANCE_WEIGHT, turned, (s) =>
    halfSquaredNorm(s, n),
  );

  const mean = state.mean.map((m, i) => m + meanRate.rate * meanStep[i]!);
  const { sigma, shape } = stepAndShape(variance.add(varianceStep.mul(covarianceRate.rate)));
  // A slower mean calls for a wider step, or progress would be damped twice.
  const corrected = (sigma * state.meanRate.rate) / meanRate.rate;
  const { sigmaPath, covariancePath } = proposed;
  return withinLimits(state.problem, {
    ...state,
    generation: state.generation + 1,
    ...{ mean, sigma: corrected, covariance: packed(shape), sigmaPath, covariancePath },
    ...{ meanRate, covarianceRate },
    failedGenerations: 0,
  });
}

export const lraCmaes: Strategy<LraCmaesState> = {
  name: NAME,
  summary: "cmaes whose learning rates follow the noise; for few items and eight genes or more",
  initial: (problem) => {
    const state = initial(problem);
    const rate = (size: number) => ({ rate: 1, drift: Array<number>(size).fill(0), power: 0 });
    return {
      ...state,
      meanRate: rate(state.mean.length),
      covarianceRate: rate(state.covariance.length),
    };
  },
  populationSize: populationOf,
  generation: (state) => state.generation,
  ask: (state, k) => ({ genome: toGenes(state.problem, sampleOf(state, NAME, k)), parents: [] }),
  tell: (state, results) => {
    const proposed = proposal(state, NAME, results);
    return proposed === undefined ? unordered(state, results) : damped(state, proposed);
  },
  recommend: (state) => toGenes(state.problem, state.mean),
  finished,
};
