// One searched number: which values it may take, and how they lie in the box of numbers that a search sees.
// It does not know whose parameter it is.

/** Any number between two bounds. */
export interface RangeGene {
  readonly lower: number;
  readonly upper: number;
  readonly start: number;
  /** log: steps multiply; integer: whole numbers only. Absent: linear. */
  readonly scale?: "log" | "integer";
}

/** One of some numbers, without an order between them. */
export interface ChoiceGene {
  readonly choices: readonly number[];
  /** Index of the first. */
  readonly start: number;
}

export type Gene = RangeGene | ChoiceGene;

export const isChoice = (gene: Gene): gene is ChoiceGene => "choices" in gene;

/** True for genes between whose values nothing lies: they have no gradient over depth. */
export const isDiscrete = (gene: Gene): boolean => isChoice(gene) || gene.scale === "integer";

/** A gene's side of the box. A log gene's unit is the decimal logarithm, a choice's its index. */
export interface BoxSide {
  readonly lower: number;
  readonly upper: number;
  readonly start: number;
  readonly kind: "real" | "integer" | "categorical";
}

export function sideOf(gene: Gene): BoxSide {
  if (isChoice(gene)) {
    return { lower: 0, upper: gene.choices.length - 1, start: gene.start, kind: "categorical" };
  }
  const { lower, upper, start, scale } = gene;
  if (scale === "integer") return { lower, upper, start, kind: "integer" };
  if (scale === undefined) return { lower, upper, start, kind: "real" };
  const [low, high, from] = [lower, upper, start].map(Math.log10) as [number, number, number]; // as many as mapped
  return { lower: low, upper: high, start: from, kind: "real" };
}

/** Densities are tabulated and exported in these steps. */
const DENSITY_STEPS = 4096;
/** Steps a unit of other genes: far below what a score can tell apart. */
const GENE_STEPS = 1e6;
/** In ranges narrower than this, and on log scales, numbers have so many digits instead. */
const NARROW = 0.01;
const DIGITS = 6;

/**
 * The parameter's value at a point of the gene's side: densities on multiples of 2^-12 (where statistics are
 * tabulated), others rounded to what an exported file shows, so that it holds the very numbers scored.
 */
export function geneValue(parameter: string, gene: Gene, at: number): number {
  if (isChoice(gene)) return gene.choices[at]!;
  const { lower, upper, scale } = gene;
  if (scale === "integer") return Math.round(at);
  const value = scale === "log" ? 10 ** at : at;
  if (parameter === "density") {
    return Math.min(Math.max(Math.round(value * DENSITY_STEPS), 1), DENSITY_STEPS) / DENSITY_STEPS;
  }
  const isFine = scale === "log" || upper - lower < NARROW;
  const shown = isFine
    ? Number(value.toPrecision(DIGITS))
    : Math.round(value * GENE_STEPS) / GENE_STEPS;
  return shown + 0; // + 0 makes -0 zero
}
