// What a search may change, as plain data: the `genome:` part of a search file once read, with every
// default filled in. space.ts turns it into a box of numbers and numbers into recipes.

import type { FloatType } from "../../base/dtype.ts";
import { type MergeMethod, type ParameterSpec, setsBaseApart } from "../../merge/method.ts";
import { methodNamed } from "../../merge/methods/registry.ts";
import type { Gene, RangeGene } from "./gene.ts";

/** What every search of merges has. */
interface Parents {
  /** References of the parents, the base not among them (except slerp's, which is one of two). */
  readonly models: readonly string[];
  readonly base?: string;
  readonly dtype: FloatType;
  /** True: the search starts anywhere in the box, not at the genes' starts. */
  readonly randomInit: boolean;
}

/** A search of the order of layers: nothing is merged, layers are copied one after another. */
export interface FlowGenome extends Parents {
  readonly flow: {
    /** How often all layers of all models are offered. */
    readonly repeats: number;
    /** How strongly a layer acts: searched for each, or fixed. */
    readonly scale: RangeGene | number;
    /** Absent: twice the deepest model's. */
    readonly maxLayers?: number;
  };
}

/** A search of weights. */
export interface Genome extends Parents {
  /** How many of the models take part, where the search decides which; absent: all of them. */
  readonly subset?: { readonly min: number; readonly max: number };
  /** The merge method, or those of which the search chooses one. */
  readonly methods: readonly string[];
  /** Layers a group (mergekit-evolve's layer_granularity), or the number of groups; one group without it. */
  readonly layers?: { readonly granularity: number } | { readonly groups: number };
  /** True: a group's values are points of a gradient over depth, not steps. */
  readonly smooth: boolean;
  /** Parts of tensor names that get genes of their own; the rest gets one more set. */
  readonly filters: readonly string[];
  /** By parameter: searched, or fixed at a number (booleans are 0 or 1). A method without it has no use for it. */
  readonly parameters: Readonly<Record<string, Gene | number>>;
  /** Present: weights are searched as shares that add up to 1. */
  readonly shares?: true;
  /** Present: embeddings are matched token by token under this tokenizer. */
  readonly tokenizerSource?: "base" | "union";
}

export type SearchGenome = Genome | FlowGenome;

export const isFlow = (genome: SearchGenome): genome is FlowGenome => "flow" in genome;

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

/** The parameters that a search may change or fix: what has no effect is none. */
export function searchableParameters(method: MergeMethod): ParameterSpec[] {
  return method.parameters.filter(({ summary }) => !summary.includes("without effect"));
}

/** What a parameter is when the file says nothing: for normalize mergekit-evolve's default, else the method's own. */
export function defaultOf(method: MergeMethod, spec: ParameterSpec): number | undefined {
  return method.name === "dare_ties" && spec.name === "normalize" ? 1 : spec.default;
}

/** The base of a merge of these models by a method; undefined if it uses none. */
export function baseOf(
  { base }: Genome,
  method: MergeMethod,
  models: readonly string[],
): string | undefined {
  if (setsBaseApart(method)) return base;
  if (method.base === "none") return undefined;
  return base !== undefined && models.includes(base) ? base : models[0];
}

/** The model whose configuration and tokenizer the search starts from. */
export function donorOf({ base, models }: SearchGenome): string {
  return base ?? models[0]!; // a genome has at least one model
}

/** Every model that the search's recipes name. */
export function genomeReferences(genome: SearchGenome): string[] {
  return [...new Set([...genome.models, ...(genome.base === undefined ? [] : [genome.base])])];
}

/** The methods of a genome. */
export function methodsOf({ methods }: Genome): MergeMethod[] {
  return methods.map(methodNamed);
}
