// CMA-ES with margin (Hamano, Saito, Nomura, Shirakawa, GECCO 2022, arXiv:2205.13482): after each update, mean and
// spread of every integer gene are moved so far that samples keep a least chance to leave the mean's cell. C
// stays as it was learned: what grows is A, by which samples are stretched and from which nothing is learned.

import type { Problem } from "../strategy.ts";
import { upperQuantile, upperTail } from "./normal-tail.ts";

/** A Gaussian's mean, [n] in unit-box coordinates, and A's diagonal, [n]; no stretch: all ones. */
export interface Stretched {
  readonly mean: readonly number[];
  readonly stretch?: readonly number[];
}

/** Chances nearer to 0 or to ½ than this have no usable quantile. */
const LEAST_CHANCE = 1e-10;

/**
 * The Gaussian with its margin; without integer genes as it was.
 * @param population λ: the margin α is 1/(nλ)
 * @param deviations σ√C_ii, without A, as shares of the ranges, [n]
 */
export function withMargin(
  { integer, lower, upper }: Problem,
  population: number,
  { mean, stretch }: Stretched,
  deviations: () => readonly number[],
): Stretched {
  if (!integer?.some(Boolean)) return { mean };
  const margin = 1 / (mean.length * population);
  const unstretched = deviations();
  const genes = mean.map((m, i) => {
    const factor = stretch?.[i] ?? 1;
    if (!integer[i]) return { mean: m, factor };
    const range = upper[i]! - lower[i]!;
    const scale = unstretched[i]! * range;
    // in steps from the lower bound: cells end at ½, 1½, …
    const known = { mean: m * range, deviation: scale * factor };
    const { mean: moved, deviation } = corrected(known, range, margin);
    if (moved === known.mean && deviation === known.deviation) return { mean: m, factor };
    return { mean: moved / range, factor: deviation / scale };
  });
  return { mean: genes.map((gene) => gene.mean), stretch: genes.map(({ factor }) => factor) };
}

interface Gene {
  readonly mean: number;
  /** σ A √C_ii */
  readonly deviation: number;
}

/** One gene with the values 0 to `last`; its outermost cells have no outer end. */
function corrected(gene: Gene, last: number, margin: number): Gene {
  const { mean, deviation } = gene;
  const cell = Math.min(last, Math.max(0, Math.round(mean)));
  const [low, high] = [Math.max(cell, 1) - 0.5, Math.min(cell, last - 1) + 0.5];
  if (low === high) {
    if (upperTail(Math.abs(mean - low) / deviation) >= margin) return gene;
    const distance = deviation * upperQuantile(Math.min(0.5, margin));
    return { mean: cell === 0 ? low - distance : low + distance, deviation };
  }
  const down = upperTail((mean - low) / deviation);
  const up = upperTail((high - mean) / deviation);
  const half = margin / 2;
  if (down >= half && up >= half) return gene;
  // the raised chances and what stays, in proportion, add up to one again
  const [raisedDown, raisedUp] = [Math.max(down, half), Math.max(up, half)];
  const stays = 1 - down - up;
  const share = (stays + raisedDown + raisedUp - 1) / (stays + raisedDown + raisedUp - 3 * half);
  const zDown = upperQuantile(usable(raisedDown - share * (raisedDown - half)));
  const zUp = upperQuantile(usable(raisedUp - share * (raisedUp - half)));
  return {
    mean: (low * zUp + high * zDown) / (zDown + zUp),
    deviation: (high - low) / (zDown + zUp),
  };
}

function usable(chance: number): number {
  return Math.min(0.5 - LEAST_CHANCE, Math.max(LEAST_CHANCE, chance));
}
