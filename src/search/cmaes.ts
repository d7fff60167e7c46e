// CMA-ES with active covariance update, after Hansen's tutorial (arXiv:1604.00772); equation numbers
// are its. Works in the unit box and maximises. The one thing to know: merges are scored on few items, so
// noise never ends a run, and what to take home is the mean (`recommend`), not the best sample.

import { streamKey } from "../base/counter-rng.ts";
import {
  type CmaesParameters,
  cmaesParameters,
  defaultPopulation,
  effectiveMass,
} from "./cmaes-parameters.ts";
import { normal } from "./deviate.ts";
import {
  checkedProblem,
  checkTold,
  clipped,
  GENE_RESOLUTION,
  insideUnitBox,
  rankable,
  ranking,
  toGenes,
  toUnit,
} from "./problem.ts";
import type { Problem, Strategy, Told } from "./strategy.ts";
import {
  packed,
  packedIdentity,
  type SquareRoots,
  squareRoots,
  times,
  unpacked,
} from "./symmetric.ts";

/** Everything the next generation depends on. Vectors are in unit-box coordinates, [n]. */
export interface CmaesState {
  readonly problem: Problem;
  readonly generation: number;
  readonly mean: readonly number[];
  readonly sigma: number;
  /** C's upper triangle, row by row, [n(n+1)/2]. */
  readonly covariance: readonly number[];
  /** The evolution paths p_σ and p_c. */
  readonly sigmaPath: readonly number[];
  readonly covariancePath: readonly number[];
  /** Generations in a row in which every candidate failed. */
  readonly failedGenerations: number;
}

/** Tries to draw a candidate inside the box before the last one is clipped to it. */
const MAX_TRIES = 100;
/** No gene's standard deviation exceeds this share of its range: beyond it, bounds decide every sample. */
const MAX_DEVIATION = 1 / 3;
/** Beyond it C^-½ has lost its digits (tutorial B.3, ConditionCov). */
const MAX_CONDITION = 1e14;
const MAX_FAILED_GENERATIONS = 3;
/** Added to a squared length that is divided by, as in the tutorial's code. */
const EPSILON = 1e-8;

/** C is decomposed once per state, not once per candidate. States are never changed in place. */
const decompositions = new WeakMap<CmaesState, SquareRoots>();

function decomposed(state: CmaesState): SquareRoots {
  const known = decompositions.get(state);
  if (known !== undefined) return known;
  const roots = squareRoots(state.covariance, state.mean.length);
  decompositions.set(state, roots);
  return roots;
}

function populationOf({ problem }: CmaesState): number {
  return problem.population ?? defaultPopulation(problem.start.length);
}

function initial(problem: Problem): CmaesState {
  const n = checkedProblem(problem).start.length;
  const sigma = Math.min(problem.sigma, MAX_DEVIATION);
  // On a bound half of all samples would fall outside for each such gene.
  const margin = sigma / 2;
  return {
    problem,
    generation: 0,
    mean: toUnit(problem, problem.start).map((x) => Math.min(1 - margin, Math.max(margin, x))),
    sigma,
    covariance: packedIdentity(n),
    sigmaPath: Array(n).fill(0),
    covariancePath: Array(n).fill(0),
    failedGenerations: 0,
  };
}

/** Samples m + σ C^½ z, again if outside the box (at most MAX_TRIES times), then clips. */
function ask(state: CmaesState, k: number): { genome: number[]; parents: number[] } {
  const { problem, generation, mean, sigma } = state;
  const { root } = decomposed(state);
  let x: number[] = [];
  for (let attempt = 0; attempt < MAX_TRIES; attempt++) {
    const key = streamKey(problem.seed, "cmaes", generation, k, attempt);
    const z = mean.map((_, i) => normal(key, i)); // eq. 38
    const y = times(root, z); // eq. 39
    x = mean.map((m, i) => m + sigma * y[i]!); // eq. 40
    if (insideUnitBox(x)) break;
  }
  return { genome: toGenes(problem, clipped(x)), parents: [] };
}

/**
 * One generation's update. A failed candidate (non-finite fitness) ranks last: it can repel C but never
 * attract the mean. A generation without any order, all equal or all failed, changes nothing but its count.
 */
function tell(state: CmaesState, results: readonly Told[]): CmaesState {
  const n = state.mean.length;
  const parameters = cmaesParameters(n, populationOf(state));
  checkTold(parameters.lambda, results);
  const generation = state.generation + 1;
  const fitness = rankable(results);
  if (fitness.every((value) => value === fitness[0])) {
    const failedGenerations = fitness[0] === -Infinity ? state.failedGenerations + 1 : 0;
    return { ...state, generation, failedGenerations };
  }
  const { c1, cMu, cC, cSigma, dSigma, chi } = parameters;
  const finite = fitness.filter((value) => value !== -Infinity).length;
  const { weights, muEff } = selection(parameters, finite);
  const { inverseRoot } = decomposed(state);
  const steps = ranking(fitness).map((k) =>
    toUnit(state.problem, results[k]!.genome).map((x, i) => (x - state.mean[i]!) / state.sigma),
  );

  const meanStep = state.mean.map((_, i) =>
    steps.reduce((sum, y, rank) => sum + Math.max(0, weights[rank]!) * y[i]!, 0),
  ); // eq. 41
  const mean = clipped(state.mean.map((m, i) => m + state.sigma * meanStep[i]!)); // eq. 42, c_m = 1

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
    for (let j = i; j < n; j++) {
      const rankMu = steps.reduce((sum, y, rank) => sum + active[rank]! * y[i]! * y[j]!, 0);
      const rankOne = covariancePath[i]! * covariancePath[j]!;
      covariance.set(i, j, decay * covariance.get(i, j) + c1 * rankOne + cMu * rankMu); // eq. 47
    }
  }
  const next = { sigma, covariance: packed(covariance), covariancePath };
  return { ...state, generation, mean, sigmaPath, ...withinRange(next), failedGenerations: 0 };
}

/** The weights by rank when only the first `finite` candidates have a fitness: failures lose their pull. */
function selection(
  { weights, mu, muEff }: CmaesParameters,
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

type Shape = Pick<CmaesState, "sigma" | "covariance" | "covariancePath">;

/** Shrinks genes whose standard deviation σ√C_ii outgrew MAX_DEVIATION: C ← A C A with A diagonal. */
function withinRange(shape: Shape): Shape {
  const deviations = standardDeviations(shape);
  if (deviations.every((deviation) => deviation <= MAX_DEVIATION)) return shape;
  const factors = deviations.map((deviation) => Math.min(1, MAX_DEVIATION / deviation));
  const covariance = unpacked(shape.covariance, factors.length)
    .mulRowVector(factors)
    .mulColumnVector(factors);
  return {
    sigma: shape.sigma,
    covariance: packed(covariance),
    covariancePath: shape.covariancePath.map((p, i) => p * factors[i]!),
  };
}

/** σ√C_ii of every gene as a share of its range, [n]. */
function standardDeviations({ sigma, covariance, covariancePath }: Shape): number[] {
  return unpacked(covariance, covariancePath.length)
    .diagonal()
    .map((variance) => sigma * Math.sqrt(variance));
}

function squaredLength(vector: readonly number[]): number {
  return vector.reduce((sum, x) => sum + x * x, 0);
}

/** Convergence below what a merge can resolve (tolx, tutorial B.3), a degenerate C, or nothing but failures. */
function finished(state: CmaesState): string | undefined {
  if (state.failedGenerations >= MAX_FAILED_GENERATIONS) {
    return `every candidate of ${state.failedGenerations} generations in a row failed`;
  }
  const small = (step: number) => Math.abs(step) < GENE_RESOLUTION;
  const pathSmall = state.covariancePath.every((p) => small(state.sigma * p));
  if (pathSmall && standardDeviations(state).every(small)) {
    return `converged: every gene varies by less than ${GENE_RESOLUTION} of its range`;
  }
  const { condition } = decomposed(state);
  if (condition > MAX_CONDITION) {
    return `the covariance matrix is degenerate: condition ${condition.toExponential(1)}`;
  }
  return undefined;
}

export const cmaes: Strategy<CmaesState> = {
  name: "cmaes",
  summary: "covariance matrix adaptation, active; hands back the distribution mean",
  initial,
  populationSize: populationOf,
  generation: (state) => state.generation,
  ask,
  tell,
  recommend: (state) => toGenes(state.problem, state.mean),
  finished,
};
