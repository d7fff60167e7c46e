// The `genome:` part of a search file, with mergekit-evolve's keys and ours: which models, by which methods, in
// which groups of layers. Its models and methods are read-parents.ts's, its `parameters:` read-gene.ts's.

import { isMap, type Node } from "yaml";
import { z } from "zod";
import { type FloatType, parseFloatType } from "../../base/dtype.ts";
import { type MergeMethod, setsBaseApart } from "../../merge/method.ts";
import { readReference } from "../yaml/read-source.ts";
import { checkShape } from "../yaml/schema.ts";
import {
  complain,
  describe,
  membersOf,
  memberValue,
  note,
  plain,
  rejectUnknown,
  type YamlFile,
} from "../yaml/yaml-file.ts";
import { defaultOf, type Genome, type SearchGenome } from "./genome.ts";
import { readFlow } from "./read-flow.ts";
import { readParameters } from "./read-gene.ts";
import { checkModels, readMethods, readModels, readSubset } from "./read-parents.ts";

const TYPES = ["float32", "float16", "bfloat16"] as const;

const GENOME = z.object({
  models: z.unknown().optional(),
  merge_method: z.unknown().optional(),
  data_flow: z.unknown().optional(),
  base_model: z.unknown().optional(),
  tokenizer_source: z.enum(["base", "union"], { error: "is neither base nor union" }).optional(),
  layer_granularity: z.int().nonnegative().optional(),
  layer_groups: z.int().positive().optional(),
  normalize: z.boolean().optional(),
  allow_negative_weights: z.boolean().default(false),
  filters: z.array(z.string().min(1)).optional(),
  smooth: z
    .union([z.boolean(), z.int().min(2)], {
      error: "is neither true, false nor a number of points from 2 up",
    })
    .default(false),
  dtype: z.preprocess(
    (value) => (typeof value === "string" ? (parseFloatType(value) ?? value) : value),
    z.enum(TYPES, { error: `is not one of ${TYPES.join(", ")}` }).default("bfloat16"),
  ),
  parameters: z.unknown().optional(),
});

/** Reads the genome; problems and notes go to the file. Undefined after a problem. */
export function readGenome(
  file: YamlFile,
  node: Node | undefined,
  randomInit: boolean,
): SearchGenome | undefined {
  if (node === undefined) {
    complain(file, undefined, "the file has no genome", "add genome: with models and merge_method");
    return undefined;
  }
  const members = membersOf(file, node, "genome");
  rejectUnknown(file, members, Object.keys(GENOME.shape), "genome");
  const shape = checkShape(file, GENOME, node);
  const { listed, subsetNode } = readModels(file, memberValue(members, "models"));
  const flowNode = memberValue(members, "data_flow");
  if (flowNode !== undefined) {
    checkCopies(file, memberValue(members, "merge_method"), subsetNode);
    if (shape === undefined) return undefined;
    const { dtype } = shape;
    return readFlow(file, flowNode, members, { models: listed, dtype, randomInit });
  }
  const baseNode = memberValue(members, "base_model");
  const base = baseNode === undefined ? undefined : readReference(file, baseNode, "base_model");
  const methods = readMethods(file, node, memberValue(members, "merge_method"));
  if (methods.length === 0) return undefined;
  for (const twice of new Set(listed.filter((model, i) => listed.indexOf(model) < i))) {
    note(file, memberValue(members, "models"), `${twice} is listed twice and takes part once`);
  }
  const isApart = methods.some(setsBaseApart);
  const models = [...new Set(listed)].filter((model) => !(isApart && model === base));
  const subset = readSubset(file, subsetNode, methods, models.length);
  checkModels(file, members, methods, { listed, models, base, subset });
  const negative = shape?.allow_negative_weights ?? false;
  const block = memberValue(members, "parameters");
  const shares = sharesOf(file, block, methods, { normalize: shape?.normalize, negative });
  const context = { methods, models: models.length, negative, shares };
  const parameters = readParameters(file, block, context);
  if (shares && models.length > 1) {
    note(
      file,
      block,
      `weights are searched as shares that add up to 1: ${methods[0]!.name} divides them by their sum; genome.parameters.weight: {range: [0, 1.5]} gives each a gene`,
    );
  }
  if (shape === undefined) return undefined;
  const { smooth, normalize } = shape;
  if (shape.tokenizer_source !== undefined && subset !== undefined) {
    complain(
      file,
      memberValue(members, "tokenizer_source"),
      "tokenizer_source stands beside a subset: the models that take part would decide the tokens",
      "delete tokenizer_source, or list the models without a subset",
    );
  }
  const layers = layersOf(file, node, shape);
  const hasNormalize = methods.some((one) => one.parameters.some((p) => p.name === "normalize"));
  if (normalize !== undefined && hasNormalize && parameters.normalize !== undefined) {
    complain(file, node, "normalize is given twice", "keep genome.normalize or the parameter");
  }
  const genome: Genome = {
    models,
    ...(subset === undefined ? {} : { subset }),
    methods: methods.map((method) => method.name),
    ...(base !== undefined && methods.some((method) => method.base !== "none") ? { base } : {}),
    ...(layers === undefined ? {} : { layers }),
    smooth: smooth !== false,
    filters: shape.filters ?? [],
    parameters: {
      ...parameters,
      ...(normalize === undefined || !hasNormalize ? {} : { normalize: Number(normalize) }),
    },
    ...(shares ? { shares } : {}),
    dtype: shape.dtype satisfies FloatType,
    ...(shape.tokenizer_source === undefined ? {} : { tokenizerSource: shape.tokenizer_source }),
    randomInit,
  };
  if (file.problems.length === 0) refuseEmpty(file, node, genome);
  return genome;
}

/** A data flow copies layers, of all its models. */
function checkCopies(file: YamlFile, method: Node | undefined, subset: Node | undefined): void {
  if (method !== undefined && plain(file, method) !== "passthrough") {
    complain(
      file,
      method,
      `data_flow copies layers, and merge_method is ${describe(file, method)}`,
      "write merge_method: passthrough, or delete data_flow",
    );
  }
  if (subset !== undefined) {
    complain(
      file,
      subset,
      "subset means nothing beside data_flow",
      "its genes take layers or leave them",
    );
  }
}

/** Whether weights are searched as shares: nobody asked for a range, and every method divides them by their sum. */
function sharesOf(
  file: YamlFile,
  block: Node | undefined,
  methods: readonly MergeMethod[],
  { normalize, negative }: { readonly normalize: boolean | undefined; readonly negative: boolean },
): boolean {
  const given = isMap(block) ? membersOf(file, block, "parameters") : [];
  const weighted = methods.flatMap((method) =>
    method.parameters.flatMap((spec) => (spec.name === "weight" ? [{ method, spec }] : [])),
  );
  const isRelative = ({ method, spec: { relative } }: (typeof weighted)[number]): boolean => {
    if (typeof relative !== "string") return relative === true;
    const switched = method.parameters.find(({ name }) => name === relative);
    const set =
      plain(file, memberValue(given, relative)) ??
      (relative === "normalize" ? normalize : undefined);
    if (typeof set === "object") return false; // it is searched itself
    return Boolean(set ?? (switched && defaultOf(method, switched)));
  };
  const asked = memberValue(given, "weight") !== undefined || negative;
  return !asked && weighted.length > 0 && weighted.every(isRelative);
}

function layersOf(
  file: YamlFile,
  node: Node,
  { layer_granularity: granularity = 0, layer_groups: groups, smooth }: z.infer<typeof GENOME>,
): Genome["layers"] | undefined {
  const given = [granularity > 0, groups !== undefined, typeof smooth === "number"];
  if (given.filter(Boolean).length > 1) {
    const names = ["layer_granularity", "layer_groups", "smooth with a number"];
    const both = names.filter((_, i) => given[i]).join(" and ");
    complain(file, node, `${both} are both given`, "keep one of them");
  }
  if (granularity > 0) return { granularity };
  const count = typeof smooth === "number" ? smooth : groups;
  return count === undefined ? undefined : { groups: count };
}

function refuseEmpty(file: YamlFile, node: Node, genome: Genome): void {
  const { methods, subset, models, parameters, shares } = genome;
  const isSearched = Object.values(parameters).some((value) => typeof value === "object");
  const hasShares = shares === true && models.length > 1;
  if (isSearched || hasShares || subset !== undefined || methods.length > 1) return;
  const fixed = Object.keys(parameters).filter((name) => name !== "normalize");
  const why =
    shares === true
      ? `${methods[0]} is to weigh one model alone`
      : fixed.length > 0
        ? `${fixed.join(" and ")} of ${methods[0]} ${fixed.length === 1 ? "is" : "are"} fixed`
        : `${methods[0]} has no parameter with a range`;
  complain(
    file,
    node,
    `nothing is left to search: ${why}`,
    "give a parameter a range or choices, let the search choose the models with models: {from: […], subset: {min: 2}}, or merge with tsmerge merge",
  );
}
