// A merge recipe as plain data: what a mergekit YAML file says once its spellings are normalised. It
// holds references, not models, and settings, not numbers for tensors: compile.ts turns it into a plan.
// A `models:` file is one slice whose sources have no layer range and whose own base and parameters are not
// set (its file's are); that is the only difference of form.

import type { FloatType } from "../base/dtype.ts";
import type { TokenizerRequest } from "../merge/tokenizer/tokenizer.ts";

/** One number, or numbers spread evenly over a slice's layers and interpolated between. */
export type Value = number | readonly number[];

/** A value for the tensors that `filter` means (filter.ts); without a filter (or with `*`) for all. */
export interface Conditional {
  readonly filter?: string;
  readonly value: Value;
}

/** What a parameter is set to; of a conditional list the first entry that matches holds. Booleans are 0 or 1. */
export type Setting = Value | readonly Conditional[];

export type Parameters = Readonly<Record<string, Setting>>;

export interface Source {
  /** A folder or hub id, with `@revision` if one was given. */
  readonly model: string;
  /** Layers [first, end) of this model; absent means all of them (the `models:` form). */
  readonly layerRange?: readonly [number, number];
  readonly parameters: Parameters;
}

export interface Slice {
  readonly sources: readonly Source[];
  /** Overrides Recipe.base for this slice. */
  readonly base?: string;
  readonly parameters: Parameters;
}

export interface Recipe {
  /** As `merge_method:` spells it. */
  readonly method: string;
  readonly base?: string;
  /** Output layers in order. The first slice also makes the embeddings, the last the final norm and head. */
  readonly slices: readonly Slice[];
  /** Lowest precedence: source, then slice, then these, then the method's default. */
  readonly parameters: Parameters;
  /** Inputs are cast to this type before the arithmetic. */
  readonly dtype?: FloatType;
  /** The output's type, when it differs. */
  readonly outDtype?: FloatType;
  /** Absent: the tokenizer of the base, or of the first model, and all embeddings as they are stored. */
  readonly tokenizer?: TokenizerRequest;
  /** `auto`, a named template, or Jinja text; absent keeps the tokenizer's own. */
  readonly chatTemplate?: string;
}

/** True for the `models:` form: one slice over all layers of every source. */
export function isWholeModels(recipe: Recipe): boolean {
  return recipe.slices.every((slice) =>
    slice.sources.every((source) => source.layerRange === undefined),
  );
}

/** Every model that is merged, each once, in order of appearance; a base that is only named stands last. */
export function mergedReferences(recipe: Recipe): string[] {
  const bases = [...recipe.slices.map((slice) => slice.base), recipe.base];
  return [
    ...new Set([
      ...recipe.slices.flatMap((slice) => slice.sources.map((source) => source.model)),
      ...bases.filter((base) => base !== undefined),
    ]),
  ];
}

/** Every model a recipe names: the merged ones, then those it takes a tokenizer or single tokens from. */
export function modelReferences(recipe: Recipe): string[] {
  const { source, tokens = [] } = recipe.tokenizer ?? {};
  const isModel = source !== undefined && source !== "base" && source !== "union";
  const donors = tokens.flatMap((one) =>
    one.source?.kind === "model_token" ? [one.source.model] : [],
  );
  return [...new Set([...mergedReferences(recipe), ...(isModel ? [source] : []), ...donors])];
}

/** The model whose configuration, and unless the recipe says otherwise whose tokenizer, the output takes. */
export function donorReference(recipe: Recipe): string {
  return recipe.base ?? mergedReferences(recipe)[0]!; // a recipe names at least one model
}

/** The recipe with every reference to a model replaced. */
export function mapReferences(recipe: Recipe, change: (reference: string) => string): Recipe {
  const { base, tokenizer } = recipe;
  return {
    ...recipe,
    ...(base === undefined ? {} : { base: change(base) }),
    slices: recipe.slices.map((slice) => ({
      ...slice,
      ...(slice.base === undefined ? {} : { base: change(slice.base) }),
      sources: slice.sources.map((source) => ({ ...source, model: change(source.model) })),
    })),
    ...(tokenizer === undefined ? {} : { tokenizer: mapTokenizer(tokenizer, change) }),
  };
}

function mapTokenizer(
  request: TokenizerRequest,
  change: (reference: string) => string,
): TokenizerRequest {
  const { source, tokens } = request;
  const isModel = source !== "base" && source !== "union";
  return {
    ...request,
    source: isModel ? change(source) : source,
    tokens: tokens.map((one) =>
      one.source?.kind === "model_token"
        ? { ...one, source: { ...one.source, model: change(one.source.model) } }
        : one,
    ),
  };
}

export function isConditional(setting: Setting): setting is readonly Conditional[] {
  return Array.isArray(setting) && typeof setting[0] === "object";
}
