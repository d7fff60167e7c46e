// Which tensors of which models meet in which output tensor: slices and layer ranges spelled out as
// rows of names, before any parameter is looked up. Precedence and numbers are compile.ts's.

import { TsmergeError } from "../base/errors.ts";
import type { MergeMethod } from "../merge/method.ts";
import { type TensorName, tensorNames } from "../model/architecture.ts";
import type { LoadedModel, LoadedModels } from "./models.ts";
import type { Recipe, Slice, Source } from "./recipe.ts";

/** One model's part in an output tensor. */
export interface RowInput {
  readonly model: LoadedModel;
  readonly source: Source;
  /** The tensor as the architecture names it, with the source's own layer index: what filters look at. */
  readonly tensor: TensorName;
  readonly isBase: boolean;
}

/** One output tensor that may come to be. */
export interface Row {
  readonly name: string;
  readonly slice: Slice;
  /** Depth in the slice that gradients are read at. */
  readonly t: number;
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
  /** Folders of the models that take part, each once, in order of appearance. */
  readonly directories: readonly string[];
  readonly rows: readonly Row[];
  /** Number of output layers. */
  readonly layers: number;
  /** For each output layer, the layer of the first source's model (the base's, if it takes part) it comes from. */
  readonly origins: readonly { readonly model: LoadedModel; readonly layer: number }[];
}

function loaded(models: LoadedModels, reference: string): LoadedModel {
  const model = models.get(reference);
  if (model !== undefined) return model;
  throw new TsmergeError("internal", `model ${reference} was not loaded before compiling`);
}

function rangeOf(source: Source, model: LoadedModel): readonly [number, number] {
  const { layers } = model.config;
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
  if (method.base !== "required") return sources;
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
    throw new TsmergeError(
      "incompatible",
      `${other.source.model} gives ${other.length} layers and ${sources[0]?.source.model} ${length}`,
      { hint: "merge models of one depth, or write slices with layer_range" },
    );
  }
  return { slice, sources, length };
}

function modelsOf(slices: readonly RangedSlice[]): LoadedModel[] {
  return slices.flatMap((slice) => slice.sources.map((source) => source.model));
}

function checkArchitectures(slices: readonly RangedSlice[]): void {
  const models = modelsOf(slices);
  const first = models[0];
  const other = models.find(
    (model) => model.config.architecture.name !== first?.config.architecture.name,
  );
  if (first === undefined || other === undefined) return;
  throw new TsmergeError(
    "incompatible",
    `${first.reference} is a ${first.config.architecture.name} and ${other.reference} a ${other.config.architecture.name}`,
    { hint: "merge models of one architecture" },
  );
}

/** Rows for some output tensors of a slice; `inputAt` names the counterpart of the index-th in a source. */
function rowsAt(
  { slice, sources }: RangedSlice,
  t: number,
  outputs: readonly TensorName[],
  inputAt: (source: RangedSource, index: number) => TensorName,
): Row[] {
  return outputs.map((output, index) => ({
    name: output.name,
    slice,
    t,
    inputs: sources.map((ranged) => ({
      model: ranged.model,
      source: ranged.source,
      isBase: ranged.isBase,
      tensor: inputAt(ranged, index),
    })),
  }));
}

/**
 * Spells a recipe's slices out. Embeddings come from the first slice, the final norm and the head from
 * the last, both at t = 0 (mergekit's rule).
 * @throws TsmergeError for layers that a model does not have, and for models that cannot be stacked
 */
export function layOut(recipe: Recipe, method: MergeMethod, models: LoadedModels): Layout {
  const slices = recipe.slices.map((slice) => rangedSlice(slice, recipe, method, models));
  checkArchitectures(slices);
  const first = slices[0]!; // a recipe has at least one slice, and a slice one source
  const last = slices.at(-1)!;
  const { architecture } = first.sources[0]!.model.config;
  const layers = slices.reduce((total, slice) => total + slice.length, 0);
  const outputs = tensorNames(architecture, layers);
  const preCount = architecture.pre.length;
  const layerCount = architecture.layer.length;
  const post = outputs.filter((output) => output.section === "post");
  const rows = rowsAt(
    first,
    0,
    outputs.slice(0, preCount),
    ({ model }, index) => model.names[index]!,
  );
  const origins: { model: LoadedModel; layer: number }[] = [];
  for (const ranged of slices) {
    for (let i = 0; i < ranged.length; i++) {
      const start = preCount + origins.length * layerCount;
      const t = ranged.length === 1 ? 1 : i / (ranged.length - 1);
      const tensors = outputs.slice(start, start + layerCount);
      rows.push(
        ...rowsAt(ranged, t, tensors, (source, index) => {
          return source.model.names[preCount + (source.first + i) * layerCount + index]!;
        }),
      );
      const origin = ranged.sources.find((source) => source.isBase) ?? ranged.sources[0]!;
      origins.push({ model: origin.model, layer: origin.first + i });
    }
  }
  rows.push(
    ...rowsAt(
      last,
      0,
      post,
      ({ model }, index) => model.names[model.names.length - post.length + index]!,
    ),
  );
  const directories = [...new Set(modelsOf(slices).map((model) => model.directory))];
  return { directories, rows, layers, origins };
}
