// What a merge method demands of a recipe, and what is understood where a published recipe leaves it
// out: slerp's base, linear's weights, a base listed with parameters. Works on read slices, not on YAML.

import type { Node } from "yaml";
import { type MergeMethod, setsBaseApart } from "../../merge/method.ts";
import type { Parameters } from "../recipe.ts";
import type { PlacedSlice, PlacedSource } from "./read-source.ts";
import { complain, note, type YamlFile } from "./yaml-file.ts";

interface Draft {
  readonly slices: readonly PlacedSlice[];
  readonly base: string | undefined;
  readonly parameters: Parameters;
}

/** Applies the rules below in order; problems and notes go to the file. */
export function applyRules(
  file: YamlFile,
  at: Node | undefined,
  method: MergeMethod,
  draft: Draft,
): Draft {
  const based = chooseBase(file, at, method, draft);
  const slices = based.slices.map((slice) => ({
    ...slice,
    sources: slice.sources.map((source) =>
      setsBaseApart(method)
        ? withoutBaseParameters(file, source, slice.base ?? based.base)
        : source,
    ),
  }));
  const weighted = { ...based, slices: weighEqually(file, at, method, { ...based, slices }) };
  const isWhole = file.problems.length === 0;
  for (const slice of weighted.slices) {
    // an entry that could not be read would be counted as missing
    if (isWhole) checkCount(file, slice.node ?? at, method, partsOf(slice, method, weighted.base));
    checkSlice(file, at, method, slice, weighted);
  }
  return weighted;
}

/** A method that needs a base must be given one; slerp takes its first source; the others use none. */
function chooseBase(
  file: YamlFile,
  at: Node | undefined,
  method: MergeMethod,
  draft: Draft,
): Draft {
  const { base } = draft;
  const lacksBase = base === undefined && draft.slices.some((slice) => slice.base === undefined);
  if (lacksBase && method.base === "required") {
    const hint = "add base_model: the model that the others were tuned from";
    complain(file, at, `${method.name} needs a base_model`, hint);
  }
  if (lacksBase && method.base === "firstSource") return startAtFirstSources(file, at, draft);
  const isListed = draft.slices.some((slice) =>
    slice.sources.some(({ source }) => source.model === base),
  );
  if (base !== undefined && method.name === "karcher" && file.lenient && !isListed) {
    note(file, at, `karcher has no base: base_model ${base} is averaged in, as mergekit does it`);
    return withBaseListed(draft, base);
  }
  const hasRoom = draft.slices.every(
    ({ sources }) =>
      sources.length < method.maxModels &&
      sources.every(({ source }) => source.layerRange === undefined),
  );
  if (base !== undefined && method.base === "firstSource" && hasRoom && !isListed) {
    return withBaseListed(draft, base);
  }
  if (base !== undefined && method.base === "none" && !isListed) {
    note(
      file,
      at,
      `${method.name} has no base: base_model ${base} only gives its configuration and tokenizer`,
    );
  }
  return draft;
}

/** The base, which is only named, as one more model: mergekit's karcher and slerp take it so. */
function withBaseListed(draft: Draft, base: string): Draft {
  const slices = draft.slices.map((slice) => {
    const [first] = slice.sources;
    if (first === undefined) return slice; // refused already
    const { layerRange } = first.source;
    const ranged = layerRange === undefined ? {} : { layerRange };
    const added = { source: { model: base, ...ranged, parameters: {} }, node: first.node };
    return { ...slice, sources: [...slice.sources, added] };
  });
  return { ...draft, slices };
}

/** slerp without a base_model starts (t = 0) at the first source. */
function startAtFirstSources(file: YamlFile, at: Node | undefined, draft: Draft): Draft {
  const firsts = new Set(draft.slices.map((slice) => slice.base ?? slice.sources[0]?.source.model));
  const [first] = firsts;
  if (firsts.size === 1 && first !== undefined) {
    note(file, at, `no base_model is given: ${first}, the first source, is it (t = 0)`);
    return { ...draft, base: first };
  }
  const slices = draft.slices.map((slice) => {
    if (slice.base !== undefined) return slice;
    const base = slice.sources[0]?.source.model;
    note(file, slice.node, `no base_model is given: ${base}, the first source, is it (t = 0)`);
    return { ...slice, base };
  });
  return { ...draft, slices };
}

function withoutBaseParameters(
  file: YamlFile,
  placed: PlacedSource,
  base: string | undefined,
): PlacedSource {
  const { source, node } = placed;
  const names = Object.keys(source.parameters);
  if (source.model !== base || names.length === 0) return placed;
  note(
    file,
    node,
    `${base} is the base_model: its ${names.join(" and ")} ${names.length === 1 ? "is" : "are"} not used`,
  );
  return { node, source: { ...source, parameters: {} } };
}

/** linear without any weight is the plain average. */
function weighEqually(
  file: YamlFile,
  at: Node | undefined,
  method: MergeMethod,
  draft: Draft,
): readonly PlacedSlice[] {
  const blocks = [
    draft.parameters,
    ...draft.slices.flatMap((slice) => [
      slice.parameters,
      ...slice.sources.map(({ source }) => source.parameters),
    ]),
  ];
  if (method.name !== "linear" || blocks.some((block) => block.weight !== undefined)) {
    return draft.slices;
  }
  note(file, at, "no weight is given: every model gets weight 1, the plain average");
  return draft.slices.map((slice) => ({
    ...slice,
    sources: slice.sources.map(({ source, node }) => ({
      node,
      source: { ...source, parameters: { ...source.parameters, weight: 1 } },
    })),
  }));
}

/** The sources that parameters are for: all but the base of a method that treats it apart. */
function partsOf(
  slice: PlacedSlice,
  method: MergeMethod,
  recipeBase: string | undefined,
): readonly PlacedSource[] {
  const base = slice.base ?? recipeBase;
  return slice.sources.filter(({ source }) => !(setsBaseApart(method) && source.model === base));
}

function checkSlice(
  file: YamlFile,
  at: Node | undefined,
  method: MergeMethod,
  slice: PlacedSlice,
  draft: Draft,
): void {
  const base = slice.base ?? draft.base;
  checkBasePlace(file, slice, method, base);
  for (const spec of method.parameters) {
    if (spec.default !== undefined) continue;
    if ((slice.parameters[spec.name] ?? draft.parameters[spec.name]) !== undefined) continue;
    if (spec.scope === "global") {
      complain(
        file,
        slice.node ?? at,
        `${method.name} needs ${spec.name}`,
        `add ${spec.name} to parameters: ${spec.summary}`,
      );
      continue;
    }
    for (const { source, node } of partsOf(slice, method, base)) {
      if (source.parameters[spec.name] !== undefined) continue;
      complain(
        file,
        node,
        `${source.model} has no ${spec.name}`,
        `add parameters: {${spec.name}: …} to it`,
      );
    }
  }
}

function checkCount(
  file: YamlFile,
  at: Node | undefined,
  method: MergeMethod,
  parts: readonly PlacedSource[],
): void {
  const { minModels, maxModels } = method;
  const count = parts.length;
  if (count >= minModels && count <= maxModels) return;
  const wanted =
    minModels === maxModels
      ? `${minModels}`
      : count < minModels
        ? `at least ${minModels}`
        : `at most ${maxModels}`;
  const besides = setsBaseApart(method) ? " besides the base" : "";
  complain(
    file,
    at,
    `${method.name} merges ${wanted} model${wanted.endsWith("1") ? "" : "s"}${besides}, and ${count} are listed`,
  );
}

/** The base of slices must be a source, or take the one range that all sources have. */
function checkBasePlace(
  file: YamlFile,
  slice: PlacedSlice,
  method: MergeMethod,
  base: string | undefined,
): void {
  if (base === undefined || slice.sources.some(({ source }) => source.model === base)) return;
  if (method.base === "firstSource") {
    complain(
      file,
      slice.node,
      `base_model ${base} is not one of the models`,
      `list it, or name one that is listed`,
    );
  } else if (setsBaseApart(method)) {
    const ranges = new Set(slice.sources.map(({ source }) => JSON.stringify(source.layerRange)));
    if (ranges.size <= 1) return;
    complain(
      file,
      slice.node,
      `base_model ${base} is not a source of this slice, whose sources take different layers`,
      "add it as a source with its own layer_range",
    );
  }
}
