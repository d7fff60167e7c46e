// The `parameters:` of a genome: each a number to fix it, a range or choices to search it. Which models and
// methods there are is read-genome.ts's.

import { isMap, type Node } from "yaml";
import { z } from "zod";
import type { MergeMethod, ParameterSpec } from "../../merge/method.ts";
import { checkShape } from "../yaml/schema.ts";
import {
  complain,
  describe,
  type Entry,
  isNothing,
  membersOf,
  note,
  plain,
  rejectUnknown,
  type YamlFile,
} from "../yaml/yaml-file.ts";
import type { Gene, RangeGene } from "./gene.ts";
import { searchableParameters } from "./genome.ts";

const SCALES = ["linear", "log", "integer"] as const;

const GENE = z.object({
  range: z.tuple([z.number(), z.number()]).optional(),
  start: z.union([z.number(), z.boolean()]).optional(),
  scale: z.enum(SCALES, { error: `is not one of ${SCALES.join(", ")}` }).optional(),
  choices: z
    .array(z.union([z.number(), z.boolean()]))
    .min(2, { error: "has fewer than two choices; write a number to fix it" })
    .optional(),
});

/** Densities are multiples of 2^-12, and none is 0. */
const SMALLEST_DENSITY = 2 ** -12;
/** Where weights may start being negative. */
const NEGATIVE_WEIGHT = -0.5;

/** What the genes of a file depend on besides its `parameters:`. */
export interface GeneContext {
  readonly methods: readonly MergeMethod[];
  readonly models: number;
  readonly negative: boolean;
  /** True: weights that the file does not mention are searched as shares. */
  readonly shares: boolean;
}

/** Reads the block; a parameter that several of the methods have holds for all of them. */
export function readParameters(
  file: YamlFile,
  node: Node | undefined,
  context: GeneContext,
): Record<string, Gene | number> {
  const { methods, shares } = context;
  const members = membersOf(file, node, "parameters");
  const specs = methods.flatMap(searchableParameters);
  const names = [...new Set(specs.map(({ name }) => name))];
  rejectUnknown(file, members, names, `a search with ${methods.map((m) => m.name).join(" or ")}`);
  const parameters: Record<string, Gene | number> = {};
  for (const name of names) {
    const same = specs.filter((spec) => spec.name === name);
    const member = members.find(({ key }) => key === name);
    const byDefault = defaultGene(same, context);
    if (member !== undefined && !isNothing(member.value)) {
      const read = readGene(file, member, same, context);
      if (read !== undefined) parameters[name] = read;
    } else if (same.some(({ search }) => search?.always) && !(shares && name === "weight")) {
      if (byDefault === undefined) {
        const many = methods.map((method) => method.name).join(" and ");
        const hint = `add parameters: {${name}: {range: [lowest, highest]}}`;
        complain(file, node, `${name} is not the same in ${many}`, hint);
        continue;
      }
      parameters[name] = byDefault;
      const { lower, upper, start } = byDefault;
      note(
        file,
        node,
        `${name} is searched in [${lower}, ${upper}] from ${Number(start.toFixed(4))}; genome.parameters.${name}: {range: […], start: …} changes that`,
      );
    }
  }
  return parameters;
}

/** Where a parameter is searched unless the file says; undefined if it does not say, or its methods differ. */
function defaultGene(
  specs: readonly ParameterSpec[],
  { models, negative }: Pick<GeneContext, "models" | "negative">,
): RangeGene | undefined {
  const [first, ...others] = specs.map(({ search }) => search);
  if (first === undefined) return undefined;
  if (others.some((other) => JSON.stringify(other) !== JSON.stringify(first))) return undefined;
  const { lower, upper, start, scale } = first;
  return {
    lower: negative && specs[0]!.name === "weight" ? NEGATIVE_WEIGHT : lower,
    upper,
    start: start === "share" ? 1 / models : start,
    ...(scale === undefined ? {} : { scale }),
  };
}

/**
 * A fixed value, a range with a start, or choices; undefined after a complaint.
 * @param specs of one parameter, as each method has it
 */
export function readGene(
  file: YamlFile,
  { keyNode, value }: Entry,
  specs: readonly ParameterSpec[],
  context: Pick<GeneContext, "models" | "negative">,
): Gene | number | undefined {
  const byDefault = defaultGene(specs, context);
  const at = value ?? keyNode;
  const { name, kind } = specs[0]!; // a name has at least one
  if (!isMap(value)) {
    const fixed: unknown = plain(file, value);
    const number = typeof fixed === "boolean" ? Number(fixed) : fixed;
    if (typeof number === "number" && checkBounds(file, at, specs, [number])) return number;
    if (typeof number !== "number") {
      complain(
        file,
        at,
        `${name} is ${describe(file, value)}`,
        "write a number to fix it, {range: [lowest, highest], start: …} or {choices: […]} to search it",
      );
    }
    return undefined;
  }
  rejectUnknown(file, membersOf(file, value, name), Object.keys(GENE.shape), name);
  const shape = checkShape(file, GENE, value);
  if (shape === undefined) return undefined;
  if (shape.choices !== undefined) return choiceGene(file, at, specs, shape);
  if (kind === "boolean") {
    const hint = `write ${name}: true, or ${name}: {choices: [true, false]} to search it`;
    complain(file, at, `${name} is true or false and has no range`, hint);
    return undefined;
  }
  return rangeGene(file, at, specs, shape, byDefault);
}

type GeneShape = z.infer<typeof GENE>;

function choiceGene(
  file: YamlFile,
  at: Node,
  specs: readonly ParameterSpec[],
  { choices = [], range, scale, start }: GeneShape,
): Gene | undefined {
  const { name } = specs[0]!;
  if (range !== undefined || scale !== undefined) {
    complain(file, at, `${name} has choices and a range`, "keep one of them");
    return undefined;
  }
  const numbers = choices.map(Number);
  const twice = numbers.find((one, i) => numbers.indexOf(one) < i);
  if (twice !== undefined) {
    complain(file, at, `${name} lists the choice ${twice} twice`, "list every choice once");
    return undefined;
  }
  const from = start === undefined ? 0 : numbers.indexOf(Number(start));
  if (from < 0) {
    complain(file, at, `${name} starts at ${start}, which is no choice`, "start at one of them");
    return undefined;
  }
  return checkBounds(file, at, specs, numbers) ? { choices: numbers, start: from } : undefined;
}

function rangeGene(
  file: YamlFile,
  at: Node,
  specs: readonly ParameterSpec[],
  shape: GeneShape,
  byDefault: RangeGene | undefined,
): Gene | undefined {
  const { name } = specs[0]!;
  if (shape.range === undefined && byDefault === undefined) {
    complain(file, at, `${name} has no range`, "write {range: [lowest, highest]}");
    return undefined;
  }
  const [lower, upper] = shape.range ?? [byDefault!.lower, byDefault!.upper];
  const scale = shape.scale ?? byDefault?.scale ?? "linear";
  const isInside = byDefault !== undefined && byDefault.start > lower && byDefault.start < upper;
  const start = Number(shape.start ?? (isInside ? byDefault.start : middleOf(lower, upper, scale)));
  if (!(lower < upper)) {
    const hint = "write [lowest, highest], or a single number to fix it";
    complain(file, at, `${name} has the empty range [${lower}, ${upper}]`, hint);
    return undefined;
  }
  if (start < lower || start > upper) {
    complain(
      file,
      at,
      `${name} starts at ${start} in [${lower}, ${upper}]`,
      "write a range [lowest, highest] and a start inside it",
    );
    return undefined;
  }
  if (scale === "log" && lower <= 0) {
    const hint = "begin it above 0, or write scale: linear";
    complain(file, at, `${name} has a log scale and the range [${lower}, ${upper}]`, hint);
    return undefined;
  }
  if (scale === "integer" && ![lower, upper].every(Number.isInteger)) {
    const message = `${name} is an integer with the range [${lower}, ${upper}]`;
    complain(file, at, message, "bound it by whole numbers");
    return undefined;
  }
  if (scale !== "integer" && (start === lower || start === upper)) {
    note(file, at, `${name} starts on its bound ${start}: the search begins half a step inside`);
  }
  if (!checkBounds(file, at, specs, [lower, upper])) return undefined;
  return { lower, upper, start, ...(scale === "linear" ? {} : { scale }) };
}

function middleOf(lower: number, upper: number, scale: (typeof SCALES)[number]): number {
  if (scale === "log" && lower > 0) return Math.sqrt(lower * upper);
  return scale === "integer" ? Math.round((lower + upper) / 2) : (lower + upper) / 2;
}

/** Complains about values that one of the methods would refuse. */
function checkBounds(
  file: YamlFile,
  at: Node,
  specs: readonly ParameterSpec[],
  values: readonly number[],
): boolean {
  for (const { name, kind, min: least, max: most, summary } of specs) {
    const isBoolean = kind === "boolean";
    const min = name === "density" ? SMALLEST_DENSITY : isBoolean ? 0 : (least ?? -Infinity);
    const max = isBoolean ? 1 : (most ?? Infinity);
    const outside = values.find((value) => !(value >= min && value <= max));
    if (outside === undefined) continue;
    complain(file, at, `${name} ${outside} is outside [${min}, ${max}]`, summary);
    return false;
  }
  return true;
}
