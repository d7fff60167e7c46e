// The `genome:` part of a search file, with mergekit-evolve's keys and ours: which models, by which
// method, and the range and start of every parameter that is searched.

import { isMap, type Node } from "yaml";
import { z } from "zod";
import { type FloatType, parseFloatType } from "../base/dtype.ts";
import { didYouMean } from "../base/suggest.ts";
import { type MergeMethod, type ParameterSpec, setsBaseApart } from "../merge/method.ts";
import { MERGE_METHODS } from "../merge/methods/registry.ts";
import type { Gene, Genome } from "./genome.ts";
import { readReference } from "./read-source.ts";
import { checkShape } from "./schema.ts";
import {
  complain,
  describe,
  type Entry,
  isNothing,
  itemsOf,
  membersOf,
  memberValue,
  note,
  plain,
  rejectUnknown,
  type YamlFile,
} from "./yaml-file.ts";

/** passthrough has nothing to search. */
const METHODS = MERGE_METHODS.filter((method) => method.name !== "passthrough");
const METHOD_NAMES = METHODS.map((method) => method.name);

const TYPES = ["float32", "float16", "bfloat16"] as const;

const GENOME = z.object({
  models: z.unknown().optional(),
  merge_method: z.enum(METHOD_NAMES, {
    error: ({ input }) =>
      `is not one of ${METHOD_NAMES.join(", ")}${didYouMean(String(input), METHOD_NAMES)}`,
  }),
  base_model: z.unknown().optional(),
  tokenizer_source: z
    .literal("base", { error: "arrives later; write base, or delete the line" })
    .optional(),
  layer_granularity: z.int().nonnegative().optional(),
  layer_groups: z.int().positive().optional(),
  normalize: z.boolean().optional(),
  allow_negative_weights: z.boolean().default(false),
  filters: z.array(z.string().min(1)).optional(),
  smooth: z.boolean().default(false),
  dtype: z.preprocess(
    (value) => (typeof value === "string" ? (parseFloatType(value) ?? value) : value),
    z.enum(TYPES, { error: `is not one of ${TYPES.join(", ")}` }).default("bfloat16"),
  ),
  parameters: z.unknown().optional(),
});

const GENE = z.object({
  range: z.tuple([z.number(), z.number()]).optional(),
  start: z.number().optional(),
});

/** Densities are multiples of 2^-12, and none is 0. */
const SMALLEST_DENSITY = 2 ** -12;

/** Where a parameter is searched unless the file says. */
function defaultGene(spec: ParameterSpec, models: number, negative: boolean): Gene {
  switch (spec.name) {
    case "weight": // 1/M is mergekit-evolve's start; task vectors seldom want more than 1.5 of themselves
      return { lower: negative ? -0.5 : 0, upper: 1.5, start: 1 / models };
    case "density": // an empty task vector is a weight of 0, so the range ends above 0
      return { lower: 0.05, upper: 1, start: 0.7 };
    case "t":
      return { lower: 0, upper: 1, start: 0.5 };
    case "lambda":
      return { lower: 0, upper: 2, start: 1 };
    default: {
      const { min: lower = 0, max: upper = 1, default: start = lower } = spec;
      return { lower, upper, start };
    }
  }
}

/** Parameters that are searched when the file does not mention them. */
const ALWAYS_SEARCHED = ["weight", "density", "t"];

/** Reads the genome; problems and notes go to the file. Undefined after a problem. */
export function readGenome(
  file: YamlFile,
  node: Node | undefined,
  randomInit: boolean,
): Genome | undefined {
  if (node === undefined) {
    complain(file, undefined, "the file has no genome", "add genome: with models and merge_method");
    return undefined;
  }
  const members = membersOf(file, node, "genome");
  rejectUnknown(file, members, Object.keys(GENOME.shape), "genome");
  const shape = checkShape(file, GENOME, node);
  const listed = itemsOf(file, memberValue(members, "models"), "models").flatMap(
    (item) => readReference(file, item, "a model") ?? [],
  );
  const baseNode = memberValue(members, "base_model");
  const base = baseNode === undefined ? undefined : readReference(file, baseNode, "base_model");
  const named = plain(file, memberValue(members, "merge_method"));
  const method = METHODS.find((one) => one.name === named);
  if (method === undefined) return undefined;
  const models = checkModels(file, members, method, listed, base);
  const negative = shape?.allow_negative_weights ?? false;
  const block = memberValue(members, "parameters");
  const parameters = readParameters(file, block, method, models.length, negative);
  if (shape === undefined) return undefined;
  const granularity = shape.layer_granularity ?? 0;
  if (granularity > 0 && shape.layer_groups) {
    complain(file, node, "layer_granularity and layer_groups are both given", "keep one of them");
  }
  const layers =
    granularity > 0
      ? { granularity }
      : shape.layer_groups
        ? { groups: shape.layer_groups }
        : undefined;
  const hasBase = base !== undefined && method.base !== "none";
  return {
    models,
    method: method.name,
    ...(hasBase ? { base } : method.base === "firstSource" ? { base: models[0]! } : {}),
    ...(layers === undefined ? {} : { layers }),
    smooth: shape.smooth,
    filters: shape.filters ?? [],
    parameters: {
      ...parameters,
      ...normalizeOf(method, shape.normalize),
    },
    dtype: shape.dtype satisfies FloatType,
    ...(shape.tokenizer_source === "base" && hasBase ? { tokenizerSource: "base" as const } : {}),
    randomInit,
  };
}

/** The parents; a base that a method treats apart is not one of them. */
function checkModels(
  file: YamlFile,
  members: readonly Entry[],
  method: MergeMethod,
  listed: readonly string[],
  base: string | undefined,
): readonly string[] {
  const at = members.find(({ key }) => key === "models")?.keyNode;
  const baseAt = members.find(({ key }) => key === "base_model")?.keyNode;
  const isApart = setsBaseApart(method);
  const models = [...new Set(listed)].filter((model) => !(isApart && model === base));
  const methodAt = members.find(({ key }) => key === "merge_method")?.value;
  if (method.base === "required" && base === undefined) {
    complain(
      file,
      methodAt,
      `${method.name} needs a base_model`,
      "add base_model: the model that the others were tuned from",
    );
  }
  if (isApart && base !== undefined && listed.includes(base)) {
    note(file, at, `${base} is the base_model: it gets no weight of its own`);
  }
  if (method.base === "none" && base !== undefined) {
    note(file, baseAt, `${method.name} has no base: base_model ${base} is not used`);
  }
  if (method.base === "firstSource" && base !== undefined && !models.includes(base)) {
    complain(
      file,
      baseAt,
      `base_model ${base} is not one of the models`,
      `${method.name} starts at one of its two models: name that one`,
    );
  }
  if (method.base === "firstSource" && base === undefined && models[0] !== undefined) {
    note(file, at, `no base_model is given: ${models[0]}, the first model, is t = 0`);
  }
  const { minModels, maxModels } = method;
  if (models.length < minModels || models.length > maxModels) {
    const wanted = maxModels === minModels ? `exactly ${minModels}` : `at least ${minModels}`;
    complain(
      file,
      at,
      `${method.name} merges ${wanted} models, and ${models.length} are listed`,
      maxModels < models.length
        ? "list two, or choose linear, which takes any number"
        : "list them under genome.models",
    );
  }
  return models;
}

/** mergekit-evolve's default, true for linear, ties and dare_ties; the method's own for methods that it does not search. */
function normalizeOf(method: MergeMethod, asked: boolean | undefined): Record<string, number> {
  const spec = method.parameters.find(({ name }) => name === "normalize");
  if (spec === undefined) return {};
  const byDefault = method.name === "dare_ties" ? 1 : spec.default;
  return { normalize: asked === undefined ? (byDefault ?? 0) : Number(asked) };
}

function readParameters(
  file: YamlFile,
  node: Node | undefined,
  method: MergeMethod,
  models: number,
  negative: boolean,
): Record<string, Gene | number> {
  const members = membersOf(file, node, "parameters");
  // normalize is a key of the genome; int8_mask and task_arithmetic's density change nothing
  const specs = method.parameters.filter(
    ({ name, summary }) => name !== "normalize" && !summary.includes("without effect"),
  );
  rejectUnknown(
    file,
    members,
    specs.map((spec) => spec.name),
    `a search with ${method.name}`,
  );
  const parameters: Record<string, Gene | number> = {};
  for (const spec of specs) {
    const member = members.find(({ key }) => key === spec.name);
    const byDefault = defaultGene(spec, models, negative);
    if (member !== undefined && !isNothing(member.value)) {
      const read = readGene(file, member, spec, byDefault);
      if (read !== undefined) parameters[spec.name] = read;
    } else if (ALWAYS_SEARCHED.includes(spec.name)) {
      parameters[spec.name] = byDefault;
      const { lower, upper, start } = byDefault;
      note(
        file,
        node,
        `${spec.name} is searched in [${lower}, ${upper}] from ${Number(start.toFixed(4))}; genome.parameters.${spec.name}: {range: […], start: …} changes that`,
      );
    }
  }
  return parameters;
}

/** A fixed value, or a range with a start. */
function readGene(
  file: YamlFile,
  { keyNode, value }: Entry,
  spec: ParameterSpec,
  byDefault: Gene,
): Gene | number | undefined {
  const at = value ?? keyNode;
  if (!isMap(value)) {
    const fixed: unknown = plain(file, value);
    const number = typeof fixed === "boolean" ? Number(fixed) : fixed;
    if (typeof number === "number" && checkBounds(file, at, spec, [number])) return number;
    if (typeof number !== "number") {
      complain(
        file,
        at,
        `${spec.name} is ${describe(file, value)}`,
        "write a number to fix it, or {range: [lowest, highest], start: …} to search it",
      );
    }
    return undefined;
  }
  rejectUnknown(file, membersOf(file, value, spec.name), Object.keys(GENE.shape), spec.name);
  const gene = checkShape(file, GENE, value);
  if (gene === undefined) return undefined;
  if (spec.kind === "boolean") {
    complain(
      file,
      at,
      `${spec.name} is true or false and cannot be searched`,
      `write ${spec.name}: true`,
    );
    return undefined;
  }
  const [lower, upper] = gene.range ?? [byDefault.lower, byDefault.upper];
  const isInside = byDefault.start > lower && byDefault.start < upper;
  const start = gene.start ?? (isInside ? byDefault.start : (lower + upper) / 2);
  if (!(lower < upper) || start < lower || start > upper) {
    complain(
      file,
      at,
      `${spec.name} starts at ${start} in [${lower}, ${upper}]`,
      "write a range [lowest, highest] and a start inside it",
    );
    return undefined;
  }
  return checkBounds(file, at, spec, [lower, upper]) ? { lower, upper, start } : undefined;
}

function checkBounds(
  file: YamlFile,
  at: Node,
  spec: ParameterSpec,
  values: readonly number[],
): boolean {
  const min = spec.name === "density" ? SMALLEST_DENSITY : (spec.min ?? Number.NEGATIVE_INFINITY);
  const max = spec.max ?? Number.POSITIVE_INFINITY;
  const outside = values.find((value) => !(value >= min && value <= max));
  if (outside === undefined) return true;
  complain(file, at, `${spec.name} ${outside} is outside [${min}, ${max}]`, spec.summary);
  return false;
}
