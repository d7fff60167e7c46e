// What a merge method demands of a recipe, and what is understood where a published recipe leaves it
// out: slerp's base, linear's weights, a base listed with parameters. Works on read slices, not on YAML.

import type { Node } from "yaml";
import type { MergeMethod } from "../merge/method.ts";
import type { PlacedSlice, PlacedSource } from "./read-source.ts";
import type { Parameters } from "./recipe.ts";
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
      method.base === "required"
        ? withoutBaseParameters(file, source, slice.base ?? based.base)
        : source,
    ),
  }));
  const weighted = { ...based, slices: weighEqually(file, at, method, { ...based, slices }) };
  for (const slice of weighted.slices) {
    checkSlice(file, at, method, slice, weighted);
  }
  return weighted;
}

/** slerp without a base_model starts (t = 0) at the first source; a method that needs a base must be given one. */
function chooseBase(
  file: YamlFile,
  at: Node | undefined,
  method: MergeMethod,
  draft: Draft,
): Draft {
  const missing = draft.slices.filter((slice) => (slice.base ?? draft.base) === undefined);
  if (missing.length === 0) return draft;
  if (method.base === "required") {
    complain(
      file,
      at,
      `${method.name} needs a base_model`,
      "add base_model: the model that the others were tuned from",
    );
  }
  if (method.base !== "firstSource") return draft;
  const firsts = missing.map((slice) => slice.sources[0]?.source.model);
  const first = firsts[0];
  if (
    first !== undefined &&
    missing.length === draft.slices.length &&
    firsts.every((one) => one === first)
  ) {
    note(file, at, `no base_model is given: ${first}, the first source, is it (t = 0)`);
    return { ...draft, base: first };
  }
  const slices = draft.slices.map((slice) => {
    const own = slice.base ?? draft.base ?? slice.sources[0]?.source.model;
    if ((slice.base ?? draft.base) === undefined) {
      note(
        file,
        slice.node,
        `no base_model is given: ${own}, the slice's first source, is it (t = 0)`,
      );
    }
    return { ...slice, base: own };
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

function checkSlice(
  file: YamlFile,
  at: Node | undefined,
  method: MergeMethod,
  slice: PlacedSlice,
  draft: Draft,
): void {
  const base = slice.base ?? draft.base;
  const isApart = (placed: PlacedSource) =>
    method.base === "required" && placed.source.model === base;
  const merged = slice.sources.filter((placed) => !isApart(placed));
  checkCount(file, slice.node ?? at, method, merged.length);
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
    for (const { source, node } of merged) {
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
  count: number,
): void {
  const { minModels, maxModels } = method;
  if (count >= minModels && count <= maxModels) return;
  const wanted =
    minModels === maxModels
      ? `${minModels}`
      : count < minModels
        ? `at least ${minModels}`
        : `at most ${maxModels}`;
  const besides = method.base === "required" ? " besides the base" : "";
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
  } else if (method.base === "required") {
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
