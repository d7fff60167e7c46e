// Models and slices read from YAML: references, layer ranges and the entries of `models:` and `slices:`.
// What a method demands of them (a base, weights, how many) is checked afterwards, in method-rules.ts.

import { isMap, isScalar, isSeq, type Node } from "yaml";
import type { MergeMethod } from "../../merge/method.ts";
import type { Slice, Source } from "../recipe.ts";
import { readParameters } from "./read-setting.ts";
import {
  complain,
  describe,
  type Entry,
  isNothing,
  itemsOf,
  membersOf,
  memberValue,
  plain,
  rejectUnknown,
  type YamlFile,
} from "./yaml-file.ts";

/** A source together with the node that complaints about it point at. */
export interface PlacedSource {
  readonly source: Source;
  readonly node: Node;
}

export interface PlacedSlice {
  readonly sources: readonly PlacedSource[];
  readonly base: string | undefined;
  readonly parameters: Slice["parameters"];
  readonly node: Node | undefined;
}

function checkReference(file: YamlFile, node: Node, reference: string): string {
  const parts = reference.split("+");
  const isPart = (part: string) => part.trim() !== "" && /^[^@]+(@[^@]+)?$/.test(part);
  // a folder's path may hold any number of pluses: whoever looks it up knows
  const isPath = /^[./~]/.test(reference);
  if (!isPath && (parts.length > 2 || !parts.every(isPart))) {
    complain(
      file,
      node,
      `"${reference}" is not a model reference`,
      "write a folder or org/name, with @revision after it if needed, and +adapter after that",
    );
  }
  return reference;
}

/**
 * A model reference as one string, `path`, `path@revision` or either with `+adapter`, from a string or from
 * mergekit's `{model: {path, revision}, lora: {path, revision}}`. Undefined after a complaint.
 */
export function readReference(file: YamlFile, node: Node, what: string): string | undefined {
  if (isScalar(node) && typeof node.value === "string") {
    return checkReference(file, node, node.value.trim());
  }
  if (!isMap(node)) {
    complain(file, node, `${what} is ${describe(file, node)}`, "write a folder or org/name");
    return undefined;
  }
  const members = membersOf(file, node, what);
  const override = members.find(({ key }) => key === "override_architecture");
  if (override !== undefined && !isNothing(override.value)) {
    const hint = "delete it; config.json says what the model is";
    complain(file, override.keyNode, "override_architecture is not supported", hint);
  }
  rejectUnknown(file, members, ["model", "lora", "override_architecture"], what);
  const model = readPath(file, memberValue(members, "model"), node, what);
  const lora = memberValue(members, "lora");
  if (model === undefined || lora === undefined || isNothing(lora)) return model;
  const adapter = readPath(file, lora, node, `lora of ${what}`);
  return adapter === undefined ? undefined : checkReference(file, node, `${model}+${adapter}`);
}

/** `{path, revision}` as `path@revision`. */
function readPath(
  file: YamlFile,
  node: Node | undefined,
  parent: Node,
  what: string,
): string | undefined {
  if (node === undefined || !isMap(node)) {
    complain(
      file,
      node ?? parent,
      `${what} is ${describe(file, node ?? parent)}`,
      "write {model: {path: …, revision: …}}",
    );
    return undefined;
  }
  const members = rejectUnknown(file, membersOf(file, node, what), ["path", "revision"], what);
  const path = memberValue(members, "path");
  const revision = memberValue(members, "revision");
  if (path === undefined) {
    complain(file, node, `${what} has no path`, "write {model: {path: …}}");
    return undefined;
  }
  const isWhole = revision === undefined || isNothing(revision);
  const suffix = isWhole ? "" : `@${String(plain(file, revision))}`;
  return checkReference(file, path, `${String(plain(file, path))}${suffix}`);
}

function readLayerRange(file: YamlFile, node: Node): readonly [number, number] | undefined {
  const value = plain(file, node);
  if (isSeq(node) && Array.isArray(value) && value.length === 2) {
    const [first, end]: unknown[] = value;
    if (Number.isInteger(first) && Number.isInteger(end)) {
      const range: readonly [number, number] = [Number(first), Number(end)];
      if (range[0] >= 0 && range[0] < range[1]) return range;
    }
  }
  complain(
    file,
    node,
    `layer_range is ${describe(file, node)}`,
    "write [first, end]: whole numbers, the end not included",
  );
  return undefined;
}

function readSource(
  file: YamlFile,
  node: Node,
  method: MergeMethod,
  ranged: boolean,
): PlacedSource | undefined {
  const what = ranged ? "a slice's source" : "an entry of models";
  // `models: [a, b]` is not mergekit's form, but it can only mean one thing
  const members: Entry[] = isScalar(node)
    ? [{ key: "model", keyNode: node, value: node }]
    : membersOf(file, node, what);
  rejectUnknown(file, members, ["model", ...(ranged ? ["layer_range"] : []), "parameters"], what);
  const reference = memberValue(members, "model");
  if (reference === undefined) {
    complain(file, node, `${what} names no model`, "add model: a folder or org/name");
    return undefined;
  }
  const model = readReference(file, reference, "model");
  const range = memberValue(members, "layer_range");
  if (ranged && range === undefined) {
    complain(
      file,
      node,
      `source ${model ?? ""} has no layer_range`,
      "add layer_range: [first, end]",
    );
  }
  const layerRange = ranged && range !== undefined ? readLayerRange(file, range) : undefined;
  const parameters = readParameters(file, memberValue(members, "parameters"), method, "source");
  if (model === undefined) return undefined;
  return {
    node: reference,
    source: { model, ...(layerRange === undefined ? {} : { layerRange }), parameters },
  };
}

/** The sources of a slice (`ranged`), or the entries of `models:`. */
export function readSources(
  file: YamlFile,
  node: Node | undefined,
  method: MergeMethod,
  ranged: boolean,
): PlacedSource[] {
  const sources = itemsOf(file, node, ranged ? "sources" : "models")
    .map((item) => readSource(file, item, method, ranged))
    .filter((source) => source !== undefined);
  if (sources.length === 0 && file.problems.length === 0) {
    complain(file, node, "no models are listed", "list at least one, a line `- model: …` each");
  }
  return sources;
}

function checkLengths(file: YamlFile, sources: readonly PlacedSource[]): void {
  const ranges = sources.flatMap(({ source, node }) =>
    source.layerRange === undefined ? [] : [{ range: source.layerRange, node }],
  );
  const first = ranges[0];
  if (first === undefined) return;
  const length = first.range[1] - first.range[0];
  for (const { range, node } of ranges) {
    if (range[1] - range[0] === length) continue;
    complain(
      file,
      node,
      `layer_range [${range.join(", ")}] covers ${range[1] - range[0]} layers and [${first.range.join(", ")}] of the same slice covers ${length}`,
      "give all sources of a slice ranges of one length",
    );
  }
}

/** The slices of a file, in order. */
export function readSlices(
  file: YamlFile,
  node: Node | undefined,
  method: MergeMethod,
): PlacedSlice[] {
  return itemsOf(file, node, "slices").map((item) => {
    const members = membersOf(file, item, "a slice");
    rejectUnknown(file, members, ["sources", "base_model", "parameters"], "a slice");
    const sources = readSources(file, memberValue(members, "sources"), method, true);
    checkLengths(file, sources);
    const base = memberValue(members, "base_model");
    return {
      sources,
      base: base === undefined ? undefined : readReference(file, base, "base_model"),
      parameters: readParameters(file, memberValue(members, "parameters"), method, "slice"),
      node: item,
    };
  });
}
