// What a search may change, as plain data: the `genome:` part of a search file once read, with every
// default filled in. space.ts turns it into a box of numbers and numbers into recipes.

import type { FloatType } from "../base/dtype.ts";
import type { Recipe } from "./recipe.ts";

/** A searched parameter: its range, and where the search starts. */
export interface Gene {
  readonly lower: number;
  readonly upper: number;
  readonly start: number;
}

export interface Genome {
  /** References of the parents, the base not among them (except slerp's, which is one of two). */
  readonly models: readonly string[];
  readonly method: string;
  readonly base?: string;
  /** Layers a group (mergekit-evolve's layer_granularity), or the number of groups; one group without it. */
  readonly layers?: { readonly granularity: number } | { readonly groups: number };
  /** True: a group's values are points of a gradient over depth, not steps. */
  readonly smooth: boolean;
  /** Parts of tensor names that get genes of their own; the rest gets one more set. */
  readonly filters: readonly string[];
  /** By parameter of the method: searched, or fixed at a number (booleans are 0 or 1). */
  readonly parameters: Readonly<Record<string, Gene | number>>;
  readonly dtype: FloatType;
  readonly tokenizerSource?: "base";
  /** True: the search starts anywhere in the box, not at the genes' starts. */
  readonly randomInit: boolean;
}

/** A label for each model that is short and unique: its folder's or repository's own name. */
export function shortNames(references: readonly string[]): string[] {
  const names = references.map(
    (one) =>
      one
        .replace(/@[^@/]*$/, "")
        .replace(/\/+$/, "")
        .split("/")
        .at(-1)!,
  );
  return names.map((name, index) =>
    names.filter((other) => other === name).length === 1 ? name : references[index]!,
  );
}

/** One model as it stands: nothing is merged, nothing is cast. */
export function singleModel(reference: string): Recipe {
  return {
    method: "passthrough",
    slices: [{ sources: [{ model: reference, parameters: {} }], parameters: {} }],
    parameters: {},
  };
}

/**
 * The plain average of the parents, whatever the search's method: what merging is worth without a search.
 * It equals task arithmetic with weights 1/M, M the number of parents.
 */
export function equalWeights(genome: Genome): Recipe {
  return {
    method: "linear",
    slices: [
      {
        sources: genome.models.map((model) => ({ model, parameters: { weight: 1 } })),
        parameters: {},
      },
    ],
    parameters: { normalize: 1 },
    dtype: genome.dtype,
  };
}

/** Every model that the search's recipes name. */
export function genomeReferences(genome: Genome): string[] {
  return [...new Set([...genome.models, ...(genome.base === undefined ? [] : [genome.base])])];
}
