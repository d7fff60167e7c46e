// Whether the inputs of an output tensor fit together. Where they do not, the error names what a user can
// change: the configuration's field, or the vocabulary. mergekit crops some tensors instead; compat does
// what it does, with a note.

import type { DType } from "../../base/dtype.ts";
import { TsmergeError } from "../../base/errors.ts";
import type { MergeMethod } from "../../merge/method.ts";
import { configDifference } from "./differences.ts";
import type { Leniency, RowInput } from "./layout.ts";

/** An input with the shape of its tensor. */
export interface Shaped extends RowInput {
  readonly shape: readonly number[];
}

/** An input that is there, with its name and type in the model's files. */
export interface Present<Type extends DType = DType> extends Shaped {
  readonly storedName: string;
  readonly dtype: Type;
}

/** The inputs of an output tensor, and its shape. */
export interface Fitted<Type extends DType = DType> {
  readonly inputs: readonly Present<Type>[];
  readonly shape: readonly number[];
}

/** Methods for which mergekit crops every input's token table to the rows that all have. */
const CROPS_TO_COMMON = new Set(["linear", "slerp", "nuslerp", "model_stock", "arcee_fusion"]);
/** Methods of its task arithmetic, which crop to the base's rows and leave out what fits no other way. */
const CROPS_TO_BASE = new Set([
  ...["task_arithmetic", "ties", "dare_linear", "dare_ties", "della", "della_linear"],
  ...["breadcrumbs", "breadcrumbs_ties"],
]);

/**
 * The inputs that take part, and the shape they have in common.
 * @param name the output tensor, for errors
 * @throws TsmergeError `incompatible` naming both models and the field of config.json that differs
 */
export function fitShapes<Input extends Shaped>(
  name: string,
  inputs: readonly Input[],
  method: MergeMethod,
  leniency: Leniency,
): { inputs: readonly Input[]; shape: readonly number[] } {
  const first = inputs[0];
  const other = inputs.find(({ shape }) => shape.join() !== first?.shape.join());
  if (first === undefined || other === undefined) return { inputs, shape: first?.shape ?? [] };
  const isVocabulary =
    inputs.every(({ tensor }) => tensor.isEmbed) &&
    inputs.every(({ shape }) => shape.slice(1).join() === first.shape.slice(1).join());
  const fitted = leniency.compat ? asMergekit(name, inputs, method, isVocabulary) : undefined;
  if (fitted !== undefined) {
    leniency.onNote?.(fitted.note);
    return fitted;
  }
  throw isVocabulary ? vocabularyError(name, inputs) : sizeError(name, first, other);
}

/** What mergekit makes of unlike shapes; undefined where it would fail too. */
function asMergekit<Input extends Shaped>(
  name: string,
  inputs: readonly Input[],
  method: MergeMethod,
  isVocabulary: boolean,
): { inputs: readonly Input[]; shape: readonly number[]; note: string } | undefined {
  const base = inputs.find(({ isBase }) => isBase);
  const rowsOf = ({ shape }: Shaped) => shape[0] ?? 0;
  if (isVocabulary && CROPS_TO_COMMON.has(method.name)) {
    const rows = Math.min(...inputs.map(rowsOf));
    const shape = [rows, ...inputs[0]!.shape.slice(1)]; // there are two unlike inputs at least
    return { inputs, shape, note: `${name} is cropped to the ${rows} rows that all models have` };
  }
  if (base === undefined || !CROPS_TO_BASE.has(method.name)) return undefined;
  if (isVocabulary) {
    if (inputs.some((input) => rowsOf(input) < rowsOf(base))) return undefined;
    return {
      inputs,
      shape: base.shape,
      note: `${name} is cropped to the base's ${rowsOf(base)} rows`,
    };
  }
  const kept = inputs.filter(({ shape }) => shape.join() === base.shape.join());
  const left = inputs.filter((input) => !kept.includes(input)).map(({ model }) => model.reference);
  return {
    inputs: kept,
    shape: base.shape,
    note: `${name} is merged without ${left.join(" and ")}, where it has another shape than the base's`,
  };
}

function vocabularyError(name: string, inputs: readonly Shaped[]): TsmergeError {
  const rows = inputs.map(({ model, shape }) => `${model.reference} ${shape[0]}`);
  return new TsmergeError(
    "incompatible",
    `the vocabularies differ: ${name} has these rows: ${[...new Set(rows)].join(", ")}`,
    {
      hint: "add `tokenizer_source: union` (or base) to the recipe, which matches rows token by token",
    },
  );
}

function sizeError(name: string, first: Shaped, other: Shaped): TsmergeError {
  const shapes = `${name} is [${first.shape.join(", ")}] in ${first.model.reference} and [${other.shape.join(", ")}] in ${other.model.reference}`;
  const fields = configDifference(first.model, other.model);
  return new TsmergeError(
    "incompatible",
    fields === undefined
      ? shapes
      : `${first.model.reference} and ${other.model.reference} differ in ${fields} (${shapes})`,
    { hint: "merge models of one size" },
  );
}
