// The distribution of CMA-ES with a full covariance matrix: its state, its start, its samples, its limits and
// its end. Shared by the strategies that differ in how they learn; the update is in cmaes-update.ts.

import { checkedProblem } from "../problem.ts";
import type { Problem } from "../strategy.ts";
import { type CmaesParameters, cmaesParameters, defaultPopulation } from "./cmaes-parameters.ts";
import { sampled, settled, shrinkage, started } from "./gaussian.ts";
import { type Stretched, withMargin } from "./margin.ts";
import {
  packed,
  packedIdentity,
  rowTimes,
  type SquareRoots,
  squareRoots,
  unpacked,
} from "./symmetric.ts";
import { warmStart } from "./warm-start.ts";

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
  /** A's diagonal, by which samples of integer genes are stretched; absent: all ones. */
  readonly stretch?: readonly number[];
  /** Generations in a row in which every candidate failed. */
  readonly failedGenerations: number;
}

/** Beyond it C^-½ has lost its digits (B.3 of arXiv:1604.00772, ConditionCov). */
const MAX_CONDITION = 1e14;

/** C is decomposed once per state, not once per candidate. States are never changed in place. */
const decompositions = new WeakMap<CmaesState, SquareRoots>();

export function decomposed(state: CmaesState): SquareRoots {
  const known = decompositions.get(state);
  if (known !== undefined) return known;
  const roots = squareRoots(state.covariance, state.mean.length);
  decompositions.set(state, roots);
  return roots;
}

export function populationOf({ problem }: { problem: Problem }): number {
  return problem.population ?? defaultPopulation(problem.start.length);
}

export function parametersOf(state: CmaesState): CmaesParameters {
  return cmaesParameters(state.mean.length, populationOf(state));
}

/** The first state; from a warm start when the problem brings scored genomes of an earlier run. */
export function initial(given: Problem): CmaesState {
  const { earlier, ...problem } = checkedProblem(given);
  const n = problem.start.length;
  const cold = { ...started(problem), covariance: packedIdentity(n) };
  const shape = {
    ...(earlier === undefined ? cold : warmStart(problem, earlier)),
    covariancePath: Array<number>(n).fill(0),
  };
  return {
    problem,
    generation: 0,
    ...shape,
    ...margined(problem, shape),
    sigmaPath: Array(n).fill(0),
    failedGenerations: 0,
  };
}

/** The k-th sample in unit-box coordinates, [n]. */
export function sampleOf(state: CmaesState, stream: string, k: number): number[] {
  const { root } = decomposed(state);
  return sampled(state, stream, k, (z, i) => (state.stretch?.[i] ?? 1) * rowTimes(root, i, z));
}

type Shape = Pick<CmaesState, "sigma" | "covariance" | "covariancePath">;

/** Within its limits: no gene's σ√C_ii too wide (C ← D C D with D diagonal), no integer gene's samples too narrow. */
export function withinLimits<Next extends Shape & Stretched>(problem: Problem, next: Next): Next {
  const factors = shrinkage(standardDeviations(next));
  if (factors === undefined) return { ...next, ...margined(problem, next) };
  const covariance = packed(
    unpacked(next.covariance, factors.length).mulRowVector(factors).mulColumnVector(factors),
  );
  const covariancePath = next.covariancePath.map((p, i) => p * factors[i]!);
  const limited = { ...next, covariance, covariancePath };
  return { ...limited, ...margined(problem, limited) };
}

function margined(problem: Problem, next: Shape & Stretched): Stretched {
  return withMargin(problem, populationOf({ problem }), next, () => standardDeviations(next));
}

/** σ√C_ii of every gene as a share of its range, [n]. */
function standardDeviations({ sigma, covariance, covariancePath }: Shape): number[] {
  return unpacked(covariance, covariancePath.length)
    .diagonal()
    .map((variance) => sigma * Math.sqrt(variance));
}

/** Convergence, a degenerate C, or nothing but failures. */
export function finished(state: CmaesState): string | undefined {
  const path = state.covariancePath.map((p) => state.sigma * p);
  const reason = settled(state, standardDeviations(state), path);
  if (reason !== undefined) return reason;
  const { condition } = decomposed(state);
  if (condition > MAX_CONDITION) {
    return `the covariance matrix is degenerate: condition ${condition.toExponential(1)}`;
  }
  return undefined;
}
