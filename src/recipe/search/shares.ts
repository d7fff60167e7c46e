// Weights whose common factor means nothing, as shares that add up to 1: K models have K − 1 genes, each the
// share of what the models before it left (a stick that is broken K − 1 times). Every mixture can be reached,
// a single model at a bound, and equal shares are where the search starts.

import type { RangeGene } from "./gene.ts";

/** The gene of a model's share of the rest; the last model has none. */
export function shareGene(model: number, models: number): RangeGene {
  return { lower: 0, upper: 1, start: 1 / (models - model) };
}

/** Steps a unit; no share is 0, for of weights that are all 0 there is no mean. */
const STEPS = 1e6;

/** The weights of K models from K − 1 genes, [K]. */
export function weightsOf(genes: readonly number[]): number[] {
  let rest = 1;
  const shares = genes.map((gene) => {
    const share = rest * gene;
    rest -= share;
    return share;
  });
  return [...shares, rest].map((share) => Math.max(1, Math.round(share * STEPS)) / STEPS);
}
