// Which tensors of which models meet in which output tensor: slices and layer ranges spelled out as
// rows of names, before any parameter is looked up. Precedence and numbers are compile.ts's.

import { TsmergeError } from "../../base/errors.ts";
import { type MergeMethod, setsBaseApart } from "../../merge/method.ts";
import type { WeightTemplate } from "../../model/family/family.ts";
import type { ModelWeights, Weight } from "../../model/family/model-weights.ts";
import type { Recipe, Slice, Source } from "../recipe.ts";
import { configDifference } from "./differences.ts";
import type { LoadedModel, LoadedModels } from "./models.ts";

/** One model's part in an output tensor. */
export interface RowInput {
  readonly model: LoadedModel;
  readonly source: Source;
  /** The tensor as the model names it, with the source's own layer index: what filters look at. */
  readonly tensor: Weight;
  readonly isBase: boolean;
}

/** One output tensor that may come to be. */
export interface Row {
  readonly name: string;
  readonly slice: Slice;
  /** Depth in the slice that gradients are read at. */
  readonly t: number;
  /** Whether it stands after the layers, where mergekit reads gradients at t = 0. */
  readonly isAfter: boolean;
  readonly inputs: readonly RowInput[];
}

interface RangedSource {
  readonly source: Source;
  readonly model: LoadedModel;
  readonly first: number;
  readonly isBase: boolean;
}

interface RangedSlice {
  readonly slice: Slice;
  readonly sources: readonly RangedSource[];
  readonly length: number;
}

export interface Layout {
  /** Locations of the models that take part, each once, in order of appearance. */
  readonly locations: readonly string[];
  readonly rows: readonly Row[];
  /** Number of output layers. */
  readonly layers: number;
  /** For each output layer, the layer of the first source's model (the base's, if it takes part) it comes from. */
  readonly origins: readonly { readonly model: LoadedModel; readonly layer: number }[];
}

/** What a recipe may be forgiven, and who hears of it. */
export interface Leniency {
  /** mergekit's: tensors that no definition names are left out, those that only some models have are optional. */
  readonly compat: boolean;
  /** Merge models of different architectures, by the names and shapes of their tensors. */
  readonly allowCrimes?: boolean;
  readonly onNote?: (note: string) => void;
}

function loaded(models: LoadedModels, reference: string): LoadedModel {
  const model = models.get(reference);
  if (model !== undefined) return model;
  throw new TsmergeError("internal", `model ${reference} was not loaded before compiling`);
}

function rangeOf(source: Source, model: LoadedModel): readonly [number, number] {
  const { layers } = model.weights;
  const [first, end] = source.layerRange ?? [0, layers];
  if (end <= layers) return [first, end];
  throw new TsmergeError(
    "config",
    `layer_range [${first}, ${end}] of ${source.model}, which has ${layers} layers`,
    {
      hint: `end the range at ${layers} or before`,
    },
  );
}

/** The slice's sources with a base that is only named appended last, over the layers that all sources take. */
function withBase(slice: Slice, base: string | undefined, method: MergeMethod): readonly Source[] {
  const { sources } = slice;
  if (base === undefined || sources.some((source) => source.model === base)) return sources;
  if (method.base === "firstSource") {
    throw new TsmergeError("config", `base_model ${base} is not one of the models`, {
      hint: "list it under models",
    });
  }
  if (!setsBaseApart(method)) return sources;
  const layerRange = sources[0]?.layerRange;
  return [
    ...sources,
    { model: base, ...(layerRange === undefined ? {} : { layerRange }), parameters: {} },
  ];
}

function rangedSlice(
  slice: Slice,
  recipe: Recipe,
  method: MergeMethod,
  models: LoadedModels,
): RangedSlice {
  const base = slice.base ?? recipe.base;
  const sources = withBase(slice, base, method).map((source) => {
    const model = loaded(models, source.model);
    const [first, end] = rangeOf(source, model);
    const isBase = method.base !== "none" && source.model === base;
    return { source, model, first, length: end - first, isBase };
  });
  const length = sources[0]?.length ?? 0;
  const other = sources.find((source) => source.length !== length);
  if (other !== undefined) {
    const isWhole = sources.every(({ source }) => source.layerRange === undefined);
    const fields = isWhole ? configDifference(sources[0]!.model, other.model) : undefined;
    throw new TsmergeError(
      "incompatible",
      `${sources[0]?.source.model} gives ${length} layers and ${other.source.model} ${other.length}${fields === undefined ? "" : ` (${fields})`}`,
      { hint: "merge models of one depth, or write slices with layer_range" },
    );
  }
  return { slice, sources, length };
}

function modelsOf(slices: readonly RangedSlice[]): LoadedModel[] {
  return slices.flatMap((slice) => slice.sources.map((source) => source.model));
}

function checkArchitectures(models: readonly LoadedModel[], leniency: Leniency): void {
  const first = models[0]!; // a recipe has at least one slice, and a slice one source
  const nameOf = (model: LoadedModel) => model.config.architecture;
  const other = models.find((model) => nameOf(model) !== nameOf(first));
  if (other === undefined) return;
  const mix = `${first.reference} is a ${nameOf(first)} and ${other.reference} a ${nameOf(other)}`;
  if (leniency.allowCrimes === true) {
    leniency.onNote?.(`${mix}: their tensors are matched by name`);
    return;
  }
  throw new TsmergeError("incompatible", mix, {
    hint: "merge models of one architecture, or try --allow-crimes if all their shapes are equal",
  });
}

/** The part of a model's weights that rows are made for. */
type Part = "pre" | "layer" | "post";

/**
 * Rows for one part of a slice: a row for each template of any source, in the first one's order and spelling.
 * @param output the output's layer, for layers
 * @param offset the layer within the slice
 */
function rowsOf(
  { slice, sources }: RangedSlice,
  part: Part,
  leniency: Leniency,
  { t, output, offset }: { t: number; output: number; offset: number },
): Row[] {
  const templates = new Map<string, WeightTemplate>();
  for (const { model } of sources) {
    for (const template of model.weights.family[part]) {
      if (template.isForeign && leniency.compat) continue;
      if (!templates.has(template.name)) templates.set(template.name, template);
    }
  }
  const lead = sources[0]!.model.weights;
  return [...templates.values()].map((template) => ({
    name: fullName(lead, part, template.name, output),
    slice,
    t,
    isAfter: part === "post",
    inputs: sources.map(({ model, source, first, isBase }) => ({
      ...{ model, source, isBase },
      tensor: weightOf(model.weights, part, template, first + offset, leniency.compat),
    })),
  }));
}

function fullName(
  { family, spell }: ModelWeights,
  part: Part,
  name: string,
  layer: number,
): string {
  return spell(part === "layer" ? `${family.layerPrefix}${layer}.${name}` : name);
}

/** A model's own weight of a template; one that its family does not know is named as it would be. */
function weightOf(
  weights: ModelWeights,
  part: Part,
  template: WeightTemplate,
  layer: number,
  compat: boolean,
): Weight {
  const known = part === "layer" ? weights.layer[layer] : weights[part];
  const found = known?.get(template.name);
  if (found !== undefined) return found;
  return {
    name: fullName(weights, part, template.name, layer),
    isEmbed: template.isEmbed ?? false,
    optional: template.optional ?? (compat && weights.isInferred),
  };
}

/**
 * Spells a recipe's slices out. Embeddings come from the first slice, at t = 0, the final norm
 * and the head from the last, at t = 1 (mergekit reads them at t = 0, which compat keeps).
 * @throws TsmergeError for layers that a model does not have, and for models that cannot be stacked
 */
export function layOut(
  recipe: Recipe,
  method: MergeMethod,
  models: LoadedModels,
  leniency: Leniency,
): Layout {
  const sources = recipe.slices.flatMap((slice) => {
    return withBase(slice, slice.base ?? recipe.base, method);
  });
  checkArchitectures(
    sources.map(({ model }) => loaded(models, model)),
    leniency,
  );
  const slices = recipe.slices.map((slice) => rangedSlice(slice, recipe, method, models));
  const rows = rowsOf(slices[0]!, "pre", leniency, { t: 0, output: 0, offset: 0 });
  const origins: { model: LoadedModel; layer: number }[] = [];
  for (const ranged of slices) {
    for (let offset = 0; offset < ranged.length; offset++) {
      const t = ranged.length === 1 ? 1 : offset / (ranged.length - 1);
      rows.push(...rowsOf(ranged, "layer", leniency, { t, output: origins.length, offset }));
      const origin = ranged.sources.find((source) => source.isBase) ?? ranged.sources[0]!;
      origins.push({ model: origin.model, layer: origin.first + offset });
    }
  }
  const after = { t: leniency.compat ? 0 : 1, output: 0, offset: 0 };
  rows.push(...rowsOf(slices.at(-1)!, "post", leniency, after));
  const locations = [...new Set(modelsOf(slices).map((model) => model.location))];
  return { locations, rows, layers: origins.length, origins };
}
