// mergekit's YAML in: readRecipe checks every key, normalises what published recipes write in several
// ways, and tells what it understood. The one thing to know: all problems of a file come in one error.

import { isScalar, type Node } from "yaml";
import { z } from "zod";
import { type FloatType, parseFloatType } from "../../base/dtype.ts";
import { didYouMean } from "../../base/suggest.ts";
import type { MergeMethod } from "../../merge/method.ts";
import { MERGE_METHODS, methodNamed } from "../../merge/methods/registry.ts";
import type { Recipe, Slice } from "../recipe.ts";
import { layered } from "../setting.ts";
import { applyRules } from "./method-rules.ts";
import { readModule } from "./read-modules.ts";
import { readParameters } from "./read-setting.ts";
import {
  type PlacedSlice,
  type PlacedSource,
  readReference,
  readSlices,
  readSources,
} from "./read-source.ts";
import { readTokenizer } from "./read-tokenizer.ts";
import {
  complain,
  describe,
  type Entry,
  failOnProblems,
  membersOf,
  memberValue,
  note,
  openDocuments,
  openYaml,
  plain,
  reject,
  type YamlFile,
} from "./yaml-file.ts";

export interface ReadRecipe {
  readonly recipe: Recipe;
  /** What was understood although it was not written so; each is printed to the user. */
  readonly notes: readonly string[];
  /** What other recipes of the file call its output. */
  readonly name?: string;
  /** The seed that a `# tsmerge:` comment carries. */
  readonly seed?: number;
  /** The content hashes of the models, by reference, that it was made with. */
  readonly parents?: Readonly<Record<string, string>>;
  /** The whole record of that comment, such as versions and hashes. */
  readonly record?: Readonly<Record<string, unknown>>;
}

const KEYS = [
  "name",
  "merge_method",
  "models",
  "slices",
  "base_model",
  "dtype",
  "out_dtype",
  "modules",
  "tokenizer_source",
  "tokenizer",
  "chat_template",
  "parameters",
];

/**
 * Reads a recipe in mergekit's YAML.
 * @param options.file the name in messages; `compat`: unknown keys become notes, as mergekit ignores them
 * @throws TsmergeError `config` listing everything that has no meaning, each with `file:line:column`
 */
export function readRecipe(
  text: string,
  options: { readonly file: string; readonly compat?: boolean },
): ReadRecipe {
  return readFrom(openYaml(text, options.file, options.compat ?? false));
}

/** Reads a file of one recipe or several, divided by lines of three dashes. Throws as readRecipe. */
export function readRecipes(
  text: string,
  options: { readonly file: string; readonly compat?: boolean },
): ReadRecipe[] {
  return openDocuments(text, options.file, options.compat ?? false).map(readFrom);
}

function readFrom(file: YamlFile): ReadRecipe {
  const members = membersOf(file, file.document.contents ?? undefined, "a recipe");
  const method = readMethod(file, members);
  checkKeys(file, members, method);
  requireMethod(file, method);
  const base = readBase(file, members);
  const module = readModule(file, members);
  const parametersOf = (block: readonly Entry[]) =>
    readParameters(file, memberValue(block, "parameters"), method, "recipe");
  const draft = applyRules(file, memberNode(members, "merge_method"), method, {
    slices: readLayers(file, module ?? members, method, base),
    base,
    parameters: layered(module === undefined ? {} : parametersOf(module), parametersOf(members)),
  });
  const types = readTypes(file, members);
  const tokenizer = readTokenizer(file, members);
  const name = readName(file, members);
  failOnProblems(file);
  const record = recordIn(file);
  return {
    recipe: {
      method: method.name,
      ...(draft.base === undefined ? {} : { base: draft.base }),
      slices: draft.slices.map(bare),
      parameters: draft.parameters,
      ...types,
      ...tokenizer,
    },
    notes: file.notes,
    ...(name === undefined ? {} : { name }),
    ...(record?.seed === undefined ? {} : { seed: record.seed }),
    ...(record?.parents === undefined ? {} : { parents: record.parents }),
    ...(record === undefined ? {} : { record }),
  };
}

function readName(file: YamlFile, members: readonly Entry[]): string | undefined {
  const node = memberValue(members, "name");
  if (node === undefined) return undefined;
  const name = String(plain(file, node));
  if (/^\w[\w.-]*$/.test(name)) return name;
  const hint = "write letters, digits, dots and dashes: the output's folder is called by it";
  complain(file, node, `name is ${describe(file, node)}`, hint);
  return undefined;
}

function bare(slice: PlacedSlice): Slice {
  return {
    sources: slice.sources.map(({ source }) => source),
    ...(slice.base === undefined ? {} : { base: slice.base }),
    parameters: slice.parameters,
  };
}

function memberNode(members: readonly Entry[], key: string): Node | undefined {
  return members.find((member) => member.key === key)?.keyNode;
}

/** Throws what was found so far when the method is unknown: without it no parameter can be judged. */
function requireMethod(
  file: YamlFile,
  method: MergeMethod | undefined,
): asserts method is MergeMethod {
  if (method === undefined) failOnProblems(file);
}

function readMethod(file: YamlFile, members: readonly Entry[]): MergeMethod | undefined {
  const node = memberValue(members, "merge_method");
  const known = MERGE_METHODS.map((method) => method.name);
  if (node === undefined) {
    const at = file.document.contents ?? undefined;
    complain(file, at, "the recipe has no merge_method", `add merge_method: ${known.join(", ")}`);
    return undefined;
  }
  const name = isScalar(node) ? String(node.value) : describe(file, node);
  if (known.includes(name)) return methodNamed(name);
  if (name === "moe") {
    complain(
      file,
      node,
      "moe is not a merge method: a mixture of experts is a program of its own (mergekit-moe), which arrives later",
      "to merge the experts instead, list them under models: and choose ties or dare_ties",
    );
  } else {
    complain(
      file,
      node,
      `merge_method ${describe(file, node)} is unknown${didYouMean(name, known)}`,
      `the methods are ${known.join(", ")}`,
    );
  }
  return undefined;
}

function checkKeys(
  file: YamlFile,
  members: readonly Entry[],
  method: MergeMethod | undefined,
): void {
  const parameters = method?.parameters.map((spec) => spec.name) ?? ["weight", "density", "t"];
  const isMoe = memberValue(members, "merge_method")?.toString() === "moe";
  for (const { key, keyNode } of members) {
    if (KEYS.includes(key)) continue;
    if (parameters.includes(key)) {
      reject(
        file,
        keyNode,
        `${key} stands at the top, where it says nothing`,
        `its indentation is lost: put ${key} under parameters:, two spaces in`,
      );
    } else if (!isMoe) {
      reject(
        file,
        keyNode,
        `a recipe has no key "${key}"${didYouMean(key, KEYS)}`,
        `its keys are ${KEYS.join(", ")}`,
      );
    }
  }
}

function readBase(file: YamlFile, members: readonly Entry[]): string | undefined {
  const node = memberValue(members, "base_model");
  return node === undefined ? undefined : readReference(file, node, "base_model");
}

/** `models:` as one slice without ranges, or the slices. */
function readLayers(
  file: YamlFile,
  members: readonly Entry[],
  method: MergeMethod,
  base: string | undefined,
): readonly PlacedSlice[] {
  const models = memberValue(members, "models");
  const slices = memberValue(members, "slices");
  if (models === undefined && slices === undefined) {
    complain(
      file,
      memberNode(members, "merge_method"),
      "the recipe has neither models nor slices",
      "list the models to merge under models:",
    );
    return [];
  }
  const whole = models === undefined ? [] : readSources(file, models, method, false);
  if (slices === undefined) {
    return [
      { sources: whole, base: undefined, parameters: {}, node: memberNode(members, "models") },
    ];
  }
  const read = readSlices(file, slices, method);
  if (read.length === 0) complain(file, slices, "slices is empty", "list at least one slice");
  const at = memberNode(members, "models");
  if (models !== undefined) compareForms(file, at, whole, read, base);
  return read;
}

/** Guides give both forms; the slices hold, if the list says nothing that they do not. */
function compareForms(
  file: YamlFile,
  at: Node | undefined,
  models: readonly PlacedSource[],
  slices: readonly PlacedSlice[],
  base: string | undefined,
): void {
  const inSlices = new Set(
    slices.flatMap((slice) => slice.sources.map(({ source }) => source.model)),
  );
  const inModels = new Set(models.map(({ source }) => source.model));
  const strangers = [...inSlices, ...inModels].filter(
    (model) => model !== base && !(inSlices.has(model) && inModels.has(model)),
  );
  const isSilent = models.every(({ source }) => Object.keys(source.parameters).length === 0);
  if (strangers.length === 0 && isSilent) {
    note(file, at, "models and slices name the same models: the slices hold");
  } else {
    const why =
      strangers.length === 0
        ? "models has parameters of its own"
        : `only one of them names ${strangers.join(", ")}`;
    complain(file, at, `models and slices are both given, and ${why}`, "keep one of the two");
  }
}

function readType(file: YamlFile, members: readonly Entry[], key: string): FloatType | undefined {
  const node = memberValue(members, key);
  if (node === undefined) return undefined;
  const type = isScalar(node) ? parseFloatType(String(node.value)) : undefined;
  if (type === undefined) {
    complain(file, node, `${key} is ${describe(file, node)}`, "write float32, float16 or bfloat16");
  }
  return type;
}

function readTypes(file: YamlFile, members: readonly Entry[]): Pick<Recipe, "dtype" | "outDtype"> {
  const dtype = readType(file, members, "dtype");
  const outDtype = readType(file, members, "out_dtype");
  return {
    ...(dtype === undefined ? {} : { dtype }),
    ...(outDtype === undefined ? {} : { outDtype }),
  };
}

const RECORD = z.looseObject({
  seed: z.int().nonnegative().optional(),
  parents: z.record(z.string(), z.string()).optional(),
});

/** The record of a `# tsmerge: {…}` comment; a spoilt one is noted and left out. */
function recordIn(file: YamlFile): z.infer<typeof RECORD> | undefined {
  const line = /^# tsmerge: (.*)$/m.exec(file.text)?.[1];
  if (line === undefined) return undefined;
  try {
    return RECORD.parse(JSON.parse(line));
  } catch {
    note(file, undefined, "its `# tsmerge:` comment is not readable: no seed is taken from it");
    return undefined;
  }
}
