// Who is merged and by what, of a search file: `models:`, `merge_method:` and `base_model:`, each alone and all
// against each other. Parameters and layers are others' part.

import { isMap, type Node } from "yaml";
import { z } from "zod";
import { didYouMean } from "../../base/suggest.ts";
import { type MergeMethod, setsBaseApart } from "../../merge/method.ts";
import { MERGE_METHODS } from "../../merge/methods/registry.ts";
import { readReference } from "../yaml/read-source.ts";
import { checkShape } from "../yaml/schema.ts";
import {
  complain,
  describe,
  type Entry,
  itemsOf,
  membersOf,
  memberValue,
  note,
  plain,
  rejectUnknown,
  type YamlFile,
} from "../yaml/yaml-file.ts";
import type { Genome } from "./genome.ts";

/** passthrough has nothing to search. */
const METHODS = MERGE_METHODS.filter((method) => method.name !== "passthrough");
const METHOD_NAMES = METHODS.map((method) => method.name);

const SUBSET = z.object({ min: z.int().positive().default(1), max: z.int().positive().optional() });

/** A list of references, or `{from: [a list], subset: {min, max}}`. */
export function readModels(
  file: YamlFile,
  node: Node | undefined,
): { listed: string[]; subsetNode: Node | undefined } {
  const references = (list: Node | undefined, what: string) =>
    itemsOf(file, list, what).flatMap((item) => readReference(file, item, "a model") ?? []);
  if (!isMap(node)) return { listed: references(node, "models"), subsetNode: undefined };
  const members = membersOf(file, node, "models");
  rejectUnknown(file, members, ["from", "subset"], "models");
  const from = memberValue(members, "from");
  const subsetNode = memberValue(members, "subset");
  if (from === undefined) complain(file, node, "models has no from", "add from: [the models]");
  return { listed: references(from, "from"), subsetNode };
}

/** One method, or `{choices: [several]}`; none after a problem. */
export function readMethods(
  file: YamlFile,
  genome: Node,
  node: Node | undefined,
): readonly MergeMethod[] {
  if (node === undefined) {
    const hint = `is not one of ${METHOD_NAMES.join(", ")}`;
    complain(file, genome, "merge_method is missing", hint);
    return [];
  }
  const members = isMap(node) ? membersOf(file, node, "merge_method") : [];
  rejectUnknown(file, members, ["choices"], "merge_method");
  const named = isMap(node) ? itemsOf(file, memberValue(members, "choices"), "choices") : [node];
  const methods = named.map((one) => {
    const name = plain(file, one);
    const method = METHODS.find((known) => known.name === name);
    if (method !== undefined) return method;
    complain(
      file,
      one,
      `merge_method ${describe(file, one)} is not one of ${METHOD_NAMES.join(", ")}${didYouMean(String(name), METHOD_NAMES)}`,
    );
    return undefined;
  });
  if (named.length === 0) complain(file, node, "merge_method has no choices", "list some methods");
  const known = methods.filter((method) => method !== undefined);
  return known.length === methods.length ? [...new Set(known)] : [];
}

/** How many models may take part, within what the methods can merge. */
export function readSubset(
  file: YamlFile,
  node: Node | undefined,
  methods: readonly MergeMethod[],
  models: number,
): Genome["subset"] | undefined {
  if (node === undefined) return undefined;
  rejectUnknown(file, membersOf(file, node, "subset"), Object.keys(SUBSET.shape), "subset");
  const read = checkShape(file, SUBSET, node);
  if (read === undefined) return undefined;
  const subset = { min: read.min, max: Math.min(read.max ?? models, models) };
  for (const { name, minModels, maxModels } of methods) {
    const [least, most] = [Math.max(subset.min, minModels), Math.min(subset.max, maxModels)];
    if (least <= most) continue;
    complain(
      file,
      node,
      `subset takes ${subset.min} to ${subset.max} of ${models} models, and ${name} merges ${minModels === maxModels ? minModels : `${minModels} to ${maxModels}`}`,
      "change min and max, or the method",
    );
  }
  return subset;
}

/** The parents; a base that a method treats apart is not one of them. */
export function checkModels(
  file: YamlFile,
  members: readonly Entry[],
  methods: readonly MergeMethod[],
  {
    listed,
    models,
    base,
    subset,
  }: {
    readonly listed: readonly string[];
    readonly models: readonly string[];
    readonly base: string | undefined;
    readonly subset: Genome["subset"] | undefined;
  },
): void {
  const at = members.find(({ key }) => key === "models")?.keyNode;
  const baseAt = members.find(({ key }) => key === "base_model")?.keyNode;
  const methodAt = members.find(({ key }) => key === "merge_method")?.value;
  if (methods.some(setsBaseApart) && base !== undefined && listed.includes(base)) {
    note(file, at, `${base} is the base_model: it gets no weight of its own`);
  }
  for (const { name, base: use, minModels, maxModels } of methods) {
    if (use === "required" && base === undefined) {
      complain(
        file,
        methodAt,
        `${name} needs a base_model`,
        "add base_model: the model that the others were tuned from",
      );
    }
    if (use === "none" && base !== undefined && methods.length === 1) {
      note(file, baseAt, `${name} has no base: base_model ${base} is not used`);
    }
    if (use === "firstSource" && base !== undefined && !models.includes(base)) {
      complain(
        file,
        baseAt,
        `base_model ${base} is not one of the models`,
        `${name} starts at one of its two models: name that one`,
      );
    }
    if (use === "firstSource" && base === undefined && models[0] !== undefined) {
      const which =
        subset === undefined ? `${models[0]}, the first model,` : "the first that takes part";
      note(file, at, `no base_model is given: ${which} is t = 0`);
    }
    if (models.length >= minModels && (subset !== undefined || models.length <= maxModels))
      continue;
    const wanted = maxModels === minModels ? `exactly ${minModels}` : `at least ${minModels}`;
    complain(
      file,
      at,
      `${name} merges ${wanted} models, and ${models.length} are listed`,
      maxModels < models.length
        ? `list ${maxModels}, let the search choose with models: {from: […], subset: {min: ${minModels}}}, or choose linear, which takes any number`
        : "list them under genome.models",
    );
  }
}
