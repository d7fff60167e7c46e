// `parameters:` blocks read from YAML: numbers, gradients and filter lists, checked against the merge
// method's own table. It does not know which model a block belongs to; read.ts does.

import { isMap, isScalar, isSeq, type Node } from "yaml";
import { didYouMean } from "../../base/suggest.ts";
import type { MergeMethod, ParameterSpec } from "../../merge/method.ts";
import { MERGE_METHODS } from "../../merge/methods/registry.ts";
import { filterProblem } from "../filter.ts";
import {
  type Conditional,
  isConditional,
  type Parameters,
  type Setting,
  type Value,
} from "../recipe.ts";
import { isCatchAll, numbersIn } from "../setting.ts";
import {
  complain,
  describe,
  type Entry,
  isNothing,
  itemsOf,
  membersOf,
  note,
  plain,
  reject,
  rejectUnknown,
  type YamlFile,
} from "./yaml-file.ts";

/** Where a block stands: under a model, under a slice, or at the top. */
type Level = "source" | "slice" | "recipe";

const DECIMAL = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

/** A finite number; booleans are 0 or 1 and numbers in quotes count, as in mergekit. NaN after a complaint. */
function readNumber(file: YamlFile, node: Node, what: string): number {
  const value = plain(file, node);
  if (typeof value === "boolean") return Number(value);
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (typeof value === "string" && DECIMAL.test(value.trim())) return Number(value);
  complain(file, node, `${what} is ${describe(file, node)}, not a number`);
  return Number.NaN;
}

function readValue(file: YamlFile, node: Node, what: string): Value {
  if (!isSeq(node)) return readNumber(file, node, what);
  const numbers = itemsOf(file, node, what).map((item) => readNumber(file, item, what));
  if (numbers.length === 0)
    complain(file, node, `${what} is an empty list`, "write at least one number");
  return numbers;
}

function readConditional(file: YamlFile, node: Node, what: string): Conditional {
  const members = rejectUnknown(
    file,
    membersOf(file, node, `an entry of ${what}`),
    ["filter", "value"],
    `an entry of ${what}`,
  );
  const filter = members.find((member) => member.key === "filter")?.value;
  const value = members.find((member) => member.key === "value")?.value;
  if (value === undefined) {
    complain(file, node, `an entry of ${what} has no value`, "write {filter: …, value: …}");
    return { value: Number.NaN };
  }
  const number = readValue(file, value, what);
  if (isNothing(filter)) return { value: number };
  if (!isScalar(filter)) {
    complain(
      file,
      filter,
      `a filter of ${what} is ${describe(file, filter)}`,
      "write part of a tensor name, such as self_attn",
    );
  }
  const text = String(plain(file, filter));
  const problem = filterProblem(text);
  if (problem !== undefined) {
    complain(
      file,
      filter,
      `a filter of ${what} is ${describe(file, filter)}: ${problem}`,
      "write part of a tensor name (mlp), a glob (*mlp*), a regular expression (/layers\\.[0-3]\\./), or one of these behind ! for all other tensors",
    );
  }
  return { filter: text, value: number };
}

function readConditionals(file: YamlFile, items: readonly Node[], what: string): Conditional[] {
  const entries = items.map((item) => readConditional(file, item, what));
  const last = entries.findIndex(isCatchAll);
  if (last >= 0 && last < entries.length - 1) {
    note(
      file,
      items[last + 1],
      `this entry of ${what} is never reached: the one before it has no filter`,
    );
  }
  return entries;
}

/** A setting; problems are collected in the file. */
function readSetting(file: YamlFile, node: Node, what: string): Setting {
  if (isMap(node)) {
    note(
      file,
      node,
      `${what} is one {filter, value} entry; it is read as a list of one, which mergekit needs`,
    );
    return readConditionals(file, [node], what);
  }
  if (isSeq(node) && node.items.some((item) => isMap(item))) {
    return readConditionals(file, itemsOf(file, node, what), what);
  }
  return readValue(file, node, what);
}

function checkRange(file: YamlFile, node: Node, setting: Setting, spec: ParameterSpec): void {
  const { name, kind, min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = spec;
  for (const number of numbersIn(setting)) {
    if (Number.isNaN(number)) continue; // was no number, which is told already
    if (kind === "boolean" && number !== 0 && number !== 1) {
      complain(file, node, `${name} is ${number}`, "write true or false");
    } else if (number < min || number > max) {
      complain(file, node, `${name} ${number} is outside [${min}, ${max}]`, spec.summary);
    }
  }
}

/** The same setting with every number replaced. */
function mapSetting(setting: Setting, change: (x: number) => number): Setting {
  const value = (one: Value): Value => (typeof one === "number" ? change(one) : one.map(change));
  if (typeof setting === "number") return change(setting);
  if (isConditional(setting))
    return setting.map((entry) => ({ ...entry, value: value(entry.value) }));
  return setting.map(change);
}

/** 1 − x without the last-bit dust of binary fractions: 1 − 0.9 is 0.1. */
function complement(x: number): number {
  return Number((1 - x).toFixed(12));
}

/** `dare: {drop_rate: 0.4}`, as guides write it: density 0.6. Undefined when nothing usable stands there. */
function readDropRate(
  file: YamlFile,
  dare: Entry,
  density: Setting | undefined,
): Setting | undefined {
  const members = rejectUnknown(file, membersOf(file, dare.value, "dare"), ["drop_rate"], "dare");
  const node = members[0]?.value;
  if (node === undefined) return undefined;
  const dropRate = readSetting(file, node, "drop_rate");
  const meant = mapSetting(dropRate, complement);
  if (numbersIn(dropRate).some((rate) => rate < 0 || rate >= 1)) {
    complain(
      file,
      node,
      `drop_rate ${describe(file, node)} is outside [0, 1)`,
      "write density instead",
    );
    return undefined;
  }
  if (density === undefined || JSON.stringify(density) === JSON.stringify(meant)) {
    note(
      file,
      dare.keyNode,
      `drop_rate ${describe(file, node)} is read as density ${JSON.stringify(meant)}`,
    );
    return meant;
  }
  const message = `drop_rate ${describe(file, node)} means density ${JSON.stringify(meant)}, but density is ${JSON.stringify(density)}`;
  reject(file, dare.keyNode, message, "keep density and delete dare");
  return undefined;
}

/** What to write instead of a parameter that the method does not have. */
function hintFor(key: string, method: MergeMethod): string {
  if (MERGE_METHODS.some((one) => one.name === key))
    return `${key} is a merge method: write merge_method: ${key} at the top`;
  const names = method.parameters.map((spec) => spec.name);
  const tail = key.slice(key.lastIndexOf("_") + 1);
  if (names.includes(tail)) return `write ${tail}`;
  return names.length === 0
    ? `delete it: ${method.name} has no parameters`
    : `delete it: the parameters of ${method.name} are ${names.join(", ")}`;
}

/**
 * A `parameters:` block. `int8_mask` is accepted and dropped: it has no effect on results. `dare: {drop_rate}`
 * becomes a density. Everything else must be a parameter of the method that can stand at this level.
 */
export function readParameters(
  file: YamlFile,
  node: Node | undefined,
  method: MergeMethod,
  level: Level,
): Parameters {
  const parameters: Record<string, Setting> = {};
  const members = membersOf(file, node, "parameters").filter(({ key }) => key !== "int8_mask");
  const isDare = method.name.startsWith("dare_");
  for (const { key, keyNode, value } of members) {
    const spec = method.parameters.find((one) => one.name === key);
    if (key === "dare" && isDare) continue;
    if (spec === undefined) {
      const known = method.parameters.map((one) => one.name);
      const message = `${method.name} has no parameter "${key}"${didYouMean(key, known)}`;
      reject(file, keyNode, message, hintFor(key, method));
    } else if (spec.scope === "global" && level === "source") {
      const message = `${key} holds for all models of a tensor, so under one model it says nothing`;
      reject(file, keyNode, message, `move ${key} to the parameters of the slice or the file`);
    } else if (isNothing(value) || value === undefined) {
      complain(file, keyNode, `${key} has no value`, "write a number after the colon");
    } else {
      const setting = readSetting(file, value, key);
      checkRange(file, value, setting, spec);
      parameters[key] = setting;
    }
  }
  const dare = isDare ? members.find((member) => member.key === "dare") : undefined;
  const density = dare && readDropRate(file, dare, parameters.density);
  return density === undefined ? parameters : { ...parameters, density };
}
