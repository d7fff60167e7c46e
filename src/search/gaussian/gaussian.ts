// What every strategy that samples a Gaussian in the unit box shares: where its mean starts, how a sample is
// kept inside, and how narrow and how wide a gene may be sampled. Not its update.

import { streamKey } from "../../base/counter-rng.ts";
import { normal } from "../deviate.ts";
import { GENE_RESOLUTION, toGenes, toUnit } from "../problem.ts";
import type { Problem, Told } from "../strategy.ts";

/** Tries to draw a candidate inside the box before the last one is clipped to it. */
const MAX_TRIES = 100;
/** No gene's standard deviation exceeds this share of its range: beyond it, bounds decide every sample. */
const MAX_DEVIATION = 1 / 3;
export const MAX_FAILED_GENERATIONS = 3;

/** A Gaussian in unit-box coordinates as the sampling sees it. */
export interface Gaussian {
  readonly problem: Problem;
  readonly generation: number;
  /** [n] */
  readonly mean: readonly number[];
  readonly sigma: number;
}

/** The first mean, [n], and step: inside the box by half a step, as on a bound half of all samples would leave it. */
export function started(problem: Problem): { mean: number[]; sigma: number } {
  const sigma = Math.min(problem.sigma, MAX_DEVIATION);
  const margin = sigma / 2;
  const mean = toUnit(problem, problem.start).map((x) => Math.min(1 - margin, Math.max(margin, x)));
  return { mean, sigma };
}

/**
 * The k-th sample m + σ A C^½ z, [n]: drawn again while outside the box (at most MAX_TRIES times), then clipped.
 * A try ends at its first gene outside: where the box is narrow for many genes, nearly all tries are in vain.
 * Integer genes are not held inside: their rounding is, and cutting off their tails would shrink the step.
 * @param stream the strategy's name: strategies do not share their random numbers
 * @param shaped entry i of A C^½ times a standard normal vector
 */
export function sampled(
  { problem, generation, mean, sigma }: Gaussian,
  stream: string,
  k: number,
  shaped: (z: readonly number[], i: number) => number,
): number[] {
  for (let attempt = 1; ; attempt++) {
    const key = streamKey(problem.seed, stream, generation, k, attempt - 1);
    const z = mean.map((_, i) => normal(key, i)); // eq. 38 of arXiv:1604.00772
    const last = attempt === MAX_TRIES;
    const x: number[] = [];
    let inside = true;
    for (let i = 0; i < mean.length && (inside || last); i++) {
      const gene = mean[i]! + sigma * shaped(z, i); // eq. 39 and 40
      inside = problem.integer?.[i] || (gene >= 0 && gene <= 1);
      x.push(gene);
    }
    if (inside || last) {
      return x.map((gene, i) => (problem.integer?.[i] ? gene : Math.min(1, Math.max(0, gene))));
    }
  }
}

/**
 * Where a told candidate stood, [n]. A genome with integer genes is rounded, and learning from rounded points
 * would lose the direction of small steps: where the rounding of what was sampled was told, the sample stands.
 */
export function standing(problem: Problem, told: Told, sample: () => readonly number[]): number[] {
  const unit = toUnit(problem, told.genome);
  const { integer } = problem;
  if (integer === undefined || !integer.some(Boolean)) return unit;
  const raw = sample();
  const rounded = toGenes(problem, raw);
  return unit.map((x, i) => (integer[i] && rounded[i] === told.genome[i] ? raw[i]! : x));
}

/** The mean inside the box, [n]; of integer genes, whose samples are rounded, it may lie beyond. */
export function feasible({ integer }: Problem, mean: readonly number[]): number[] {
  return mean.map((m, i) => (integer?.[i] ? m : Math.min(1, Math.max(0, m))));
}

/** What each gene's deviation is to be multiplied with to stay below MAX_DEVIATION, [n]; undefined: all do. */
export function shrinkage(deviations: readonly number[]): number[] | undefined {
  if (deviations.every((deviation) => deviation <= MAX_DEVIATION)) return undefined;
  return deviations.map((deviation) => Math.min(1, MAX_DEVIATION / deviation));
}

/**
 * Convergence below what a merge can resolve (tolx, B.3 of arXiv:1604.00772), or nothing but failures. Integer
 * genes never converge: they keep their margin.
 * @param deviations σ√C_ii of every gene, [n]
 * @param path σ p_c, [n]
 */
export function settled(
  { problem, failedGenerations }: { problem: Problem; failedGenerations: number },
  deviations: readonly number[],
  path: readonly number[],
): string | undefined {
  if (failedGenerations >= MAX_FAILED_GENERATIONS) {
    return `every candidate of ${failedGenerations} generations in a row failed`;
  }
  const resolution = problem.resolution ?? GENE_RESOLUTION;
  const small = (step: number, i: number) => problem.integer?.[i] || Math.abs(step) < resolution;
  if (problem.integer?.every(Boolean) || !path.every(small) || !deviations.every(small)) {
    return undefined;
  }
  return `converged: every gene varies by less than ${resolution} of its range`;
}
