// The categorical half of a search: a probability for each choice of each gene without an order, learned by
// CatCMA's natural gradient (Hamano et al., GECCO 2024, arXiv:2405.09962). It knows nothing of the genes that
// have an order. No choice dies out: each keeps a least chance.

import { type StreamKey, uniform } from "../base/counter-rng.ts";

/** Everything the next generation's choices depend on; plain data. */
export interface Categories {
  /** Chance of each choice, by gene; each gene's add up to 1. */
  readonly chances: readonly (readonly number[])[];
  /** The smoothed gradient s and its expected squared length γ, as if there were no signal. */
  readonly path: readonly number[];
  readonly expected: number;
  /** Δ, by which steps are divided: it grows while gradients contradict each other. */
  readonly caution: number;
}

/** Threshold α of the signal-to-noise test that adapts Δ (ASNG, Akimoto et al., ICML 2019). */
const SIGNAL_THRESHOLD = 1.5;
/** With least chances, a candidate shows only leading choices with at most this chance. */
const PURE_CHANCE = 0.73;
const SMALLEST_NORM = 1e-30;

/** Every choice is as likely as any other. @param counts choices of each gene, at least two */
export function evenCategories(counts: readonly number[]): Categories {
  return withChances(counts.map((count) => Array<number>(count).fill(1 / count)));
}

/** The chances that known choices had, [candidates, genes], none below the least chance. */
export function knownCategories(
  counts: readonly number[],
  known: readonly (readonly number[])[],
): Categories {
  const shares = counts.map((count, gene) =>
    Array.from(
      { length: count },
      (_, c) => known.filter((choices) => choices[gene] === c).length / known.length,
    ),
  );
  return withChances(shares.map((chances) => raised(chances, counts.length)));
}

function withChances(chances: readonly (readonly number[])[]): Categories {
  const free = chances.reduce((sum, gene) => sum + gene.length - 1, 0);
  return { chances, path: Array<number>(free).fill(0), expected: 0, caution: 1 };
}

/** One choice for each gene, drawn from a stream. */
export function drawn({ chances }: Categories, key: StreamKey): number[] {
  return chances.map((gene, i) => {
    let left = uniform(key, i);
    for (let c = 0; c < gene.length - 1; c++) {
      left -= gene[c]!;
      if (left < 0) return c;
    }
    return gene.length - 1;
  });
}

/** The likeliest choice of each gene; of equal ones the preferred, else the first. */
export function likeliest({ chances }: Categories, preferred: readonly number[]): number[] {
  return chances.map((gene, i) => {
    const most = Math.max(...gene);
    return gene[preferred[i]!] === most ? preferred[i]! : gene.indexOf(most);
  });
}

/**
 * One generation's step.
 * @param choices of the candidates, best first, [candidates, genes]
 * @param weights by rank, none negative, adding up to 1
 */
export function learned(
  categories: Categories,
  choices: readonly (readonly number[])[],
  weights: readonly number[],
): Categories {
  const { chances } = categories;
  const gradient = chances.map((gene, i) =>
    gene.map((chance, c) =>
      choices.reduce(
        (sum, one, rank) => sum + weights[rank]! * ((one[i] === c ? 1 : 0) - chance),
        0,
      ),
    ),
  );
  const scaled = chances.flatMap((gene, i) => fisherScaled(gene, gradient[i]!));
  const norm = Math.sqrt(scaled.reduce((sum, x) => sum + x * x, 0)) + SMALLEST_NORM;
  const step = 1 / categories.caution;
  const moved = chances.map((gene, i) =>
    raised(
      gene.map((chance, c) => chance + (step / norm) * gradient[i]![c]!),
      chances.length,
    ),
  );
  const beta = step / Math.sqrt(scaled.length);
  const fresh = Math.sqrt(beta * (2 - beta));
  const path = categories.path.map((s, i) => (1 - beta) * s + (fresh * scaled[i]!) / norm);
  const expected = (1 - beta) ** 2 * categories.expected + beta * (2 - beta);
  const signal = path.reduce((sum, s) => sum + s * s, 0);
  const caution = categories.caution * Math.exp(beta * (expected - signal / SIGNAL_THRESHOLD));
  // the paper lets it fall below 1: longer steps than the first lead from corner to corner where scores are noisy
  return { chances: moved, path, expected, caution: Math.max(1, caution) };
}

/** The gradient in units of the distribution's own metric, without the last choice (ASNG, appendix B), [K-1]. */
function fisherScaled(chances: readonly number[], gradient: readonly number[]): number[] {
  const last = chances.at(-1)!;
  const sum = gradient.slice(0, -1).reduce((total, g) => total + g, 0);
  return chances.slice(0, -1).map((chance, c) => {
    return gradient[c]! / Math.sqrt(chance) + (Math.sqrt(chance) * sum) / (last + Math.sqrt(last));
  });
}

/** Chances none of which is below (1 − 0.73^(1/genes)) / (K − 1), adding up to 1. */
function raised(chances: readonly number[], genes: number): number[] {
  const count = chances.length;
  const least = Math.min(1 / count, (1 - PURE_CHANCE ** (1 / genes)) / (count - 1));
  const lifted = chances.map((chance) => Math.max(chance, least));
  const sum = lifted.reduce((total, chance) => total + chance, 0);
  const above = sum - least * count;
  if (above <= 0) return lifted.map(() => 1 / count);
  return lifted.map((chance) => chance - ((sum - 1) * (chance - least)) / above);
}
