// How a genetic algorithm makes children: simulated binary crossover and polynomial mutation, both in
// their bounded forms, on genomes in the unit box. Pure functions of their random stream.

import { type StreamKey, uniform } from "../base/counter-rng.ts";
import type { Problem } from "./strategy.ts";

/** Distribution indices: larger keeps children nearer to their parents. */
const CROSSOVER_ETA = 15;
const MUTATION_ETA = 20;
/** Chance that a gene takes part in a crossover, and that a pair is crossed at all. */
const GENE_CROSSOVER = 0.5;
const PAIR_CROSSOVER = 0.9;
const LARGEST_GENE_MUTATION = 0.5;
/** Genes nearer than this are one value: the spread factor would divide by their distance. */
const SAME_GENE = 1e-14;

/**
 * Simulated binary crossover (Deb & Agrawal 1995), bounded to [0, 1]; categorical genes are only exchanged.
 * @returns two children, [n] each
 */
export function crossed(
  key: StreamKey,
  { categorical }: Pick<Problem, "categorical">,
  a: readonly number[],
  b: readonly number[],
): [number[], number[]] {
  const [first, second] = [[...a], [...b]];
  if (uniform(key, 0) > PAIR_CROSSOVER) return [first, second];
  for (let i = 0; i < a.length; i++) {
    const [takesPart, u, swap] = [0, 1, 2].map((draw) => uniform(key, 1 + 3 * i + draw));
    const [low, high] = a[i]! < b[i]! ? [a[i]!, b[i]!] : [b[i]!, a[i]!];
    const distance = high - low;
    if (takesPart! > GENE_CROSSOVER || distance < SAME_GENE) continue;
    if (categorical?.[i]) {
      if (swap! < 0.5) [first[i], second[i]] = [second[i]!, first[i]!];
      continue;
    }
    const centre = (low + high) / 2;
    const below = centre - (spread(u!, 1 + (2 * low) / distance) * distance) / 2;
    const above = centre + (spread(u!, 1 + (2 * (1 - high)) / distance) * distance) / 2;
    const pair = [Math.max(0, below), Math.min(1, above)] as const;
    [first[i], second[i]] = swap! < 0.5 ? [pair[0], pair[1]] : [pair[1], pair[0]];
  }
  return [first, second];
}

/** The spread factor β_q for a uniform draw, where β is the relative distance to the bound. */
function spread(u: number, beta: number): number {
  const alpha = 2 - beta ** -(CROSSOVER_ETA + 1);
  const exponent = 1 / (CROSSOVER_ETA + 1);
  return u <= 1 / alpha ? (u * alpha) ** exponent : (1 / (2 - u * alpha)) ** exponent;
}

/**
 * Polynomial mutation (Deb & Goyal 1996), bounded to [0, 1]: one gene of a genome on average; a categorical gene
 * is drawn anew.
 */
export function mutated(
  key: StreamKey,
  { categorical }: Pick<Problem, "categorical">,
  genome: readonly number[],
): number[] {
  const chance = Math.min(LARGEST_GENE_MUTATION, 1 / genome.length);
  const exponent = 1 / (MUTATION_ETA + 1);
  return genome.map((x, i) => {
    if (uniform(key, 2 * i) > chance) return x;
    const u = uniform(key, 2 * i + 1);
    if (categorical?.[i]) return u;
    const down = 2 * u + (1 - 2 * u) * (1 - x) ** (MUTATION_ETA + 1);
    const up = 2 * (1 - u) + (2 * u - 1) * x ** (MUTATION_ETA + 1);
    const delta = u <= 0.5 ? down ** exponent - 1 : 1 - up ** exponent;
    return Math.min(1, Math.max(0, x + delta));
  });
}

/** The mean of some genomes in the unit box, [n]; of categorical genes the commonest choice, the first of equals. */
export function centre(
  { categorical }: Pick<Problem, "categorical">,
  genomes: readonly (readonly number[])[],
): number[] {
  return genomes[0]!.map((_, i) => {
    const values = genomes.map((x) => x[i]!);
    if (!categorical?.[i]) return values.reduce((sum, x) => sum + x, 0) / values.length;
    const times = (x: number): number => values.filter((other) => other === x).length;
    return values.reduce((best, x) => (times(x) > times(best) ? x : best));
  });
}
