// A recipe and the facts about its models become a MergePlan: every output tensor with its inputs and
// every parameter a number. Pure and quick (it runs once a candidate); reads no weights.

import { type FloatType, isFloatType } from "../base/dtype.ts";
import { TsmergeError } from "../base/errors.ts";
import { type MergeMethod, type ParameterSpec, setsBaseApart } from "../merge/method.ts";
import { methodNamed } from "../merge/methods/registry.ts";
import type { MergePlan, TensorPlan, TensorSource } from "../merge/plan.ts";
import { type Leniency, layOut, type Row, type RowInput } from "./layout.ts";
import type { LoadedModels } from "./models.ts";
import { outputConfig } from "./output-config.ts";
import { type OutputTokenizer, rowMap } from "./output-tokenizer.ts";
import { donorReference, type Parameters, type Recipe } from "./recipe.ts";
import { settingAt } from "./setting.ts";
import { fitShapes, type Shaped } from "./shapes.ts";

export interface CompileContext extends Leniency {
  readonly models: LoadedModels;
  /** Decides the masks of dare_linear and dare_ties. */
  readonly seed: number;
  /** mergekit's roundings (arithmetic in the work dtype, not in float32) and its leniency. */
  readonly compat: boolean;
  /** What outputTokenizer planned for the recipe; without it vocabularies are taken as they are. */
  readonly tokenizer?: OutputTokenizer | undefined;
}

/** An input that is there, with its name in the model's files. */
interface Present extends Shaped {
  readonly storedName: string;
  readonly dtype: FloatType;
}

/** The inputs of an output tensor, and its shape. */
interface Fitted {
  readonly inputs: readonly Present[];
  readonly shape: readonly number[];
}

/**
 * Compiles a recipe. Parameters are looked up in the source (per-model ones), the slice, the recipe, then
 * the method's default; a filter list without a match falls through to the next.
 * @throws TsmergeError naming both models where shapes or architectures differ, and the tensor where a
 * model lacks one or no filter gives a required parameter
 */
export function compileRecipe(recipe: Recipe, context: CompileContext): MergePlan {
  const method = methodNamed(recipe.method);
  const layout = layOut(recipe, method, context.models, context);
  const { vocabulary, files } = context.tokenizer ?? {};
  const donors = vocabulary?.donors.map((reference) => context.models.get(reference)!.location);
  const locations = [...new Set([...layout.locations, ...(donors ?? [])])];
  const keyed = layout.rows
    .map((row) => ({ row, fitted: presentInputs(row, method, context) }))
    .filter(({ fitted }) => fitted.inputs.length > 0)
    .map(({ row, fitted }) => ({
      plan: tensorPlan(row, fitted, recipe, method, context, locations),
      // mergekit runs (and draws masks) in the order of the greatest input name of each tensor
      key: greatest(fitted.inputs.map((one) => one.storedName)),
    }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  const tensors = keyed.map(({ plan }) => plan);
  const donor = context.models.get(donorReference(recipe))!;
  const config = outputConfig(donor, layout, tensors, context.compat, vocabulary !== undefined);
  return {
    models: locations,
    tensors,
    seed: context.seed,
    compat: context.compat,
    config: { ...config, ...vocabulary?.specials },
    donor: donor.directory,
    ...(files === undefined || Object.keys(files).length === 0 ? {} : { files }),
  };
}

/** The last of some names in string order: `layers.10.` stands before `layers.2.`. */
function greatest(names: readonly string[]): string {
  return names.toSorted().at(-1)!; // a kept row has at least one input
}

/** The inputs that hold the tensor. Optional tensors may be absent; a tied one is read from its twin. */
function presentInputs(row: Row, method: MergeMethod, context: CompileContext): Fitted {
  const { compat, tokenizer } = context;
  // a tied model may store a head that nothing reads; mergekit merges it all the same
  const isTiedAway = ({ model, tensor }: RowInput) =>
    tensor.tiedTo !== undefined && model.weights.isTied && !compat;
  const isHeld = (input: RowInput) =>
    input.model.tensors.has(input.tensor.name) && !isTiedAway(input);
  const anyHolds = row.inputs.some(isHeld);
  const present = row.inputs.flatMap((input): Present[] => {
    const { model, tensor } = input;
    if (isHeld(input)) return [found(input, tensor.name, tokenizer)];
    // mergekit drops an input whose optional tensor is absent even where a tied twin holds its values
    const mayTie = !tensor.optional || (anyHolds && !compat);
    if (mayTie && tensor.tiedTo !== undefined && model.tensors.has(tensor.tiedTo)) {
      return [found(input, tensor.tiedTo, tokenizer)];
    }
    if (tensor.optional) return [];
    throw new TsmergeError("incompatible", `${model.reference} has no tensor ${tensor.name}`, {
      where: model.directory,
      hint: model.weights.isInferred
        ? "merge models whose tensors have the same names"
        : "download the model again: its weights are incomplete for its config.json",
    });
  });
  const fitted = fitShapes(row.name, present, method, context);
  const base = row.inputs.find((one) => one.isBase)?.model.reference;
  const needsBase = method.base === "required" || (setsBaseApart(method) && base !== undefined);
  if (needsBase && present.length > 0 && !present.some((one) => one.isBase)) {
    throw new TsmergeError(
      "incompatible",
      `the base ${base} has no tensor ${row.name}, and ${present[0]?.model.reference} has`,
      { hint: "choose a base_model of the same shape, or merge with linear" },
    );
  }
  return fitted;
}

function found(input: RowInput, storedName: string, tokenizer?: OutputTokenizer): Present {
  const { dtype, shape: stored } = input.model.tensors.get(storedName)!;
  const { moved, rows = 0 } = tokenizer?.vocabulary ?? {};
  const isMoved = input.tensor.isEmbed && moved?.has(input.model.reference) === true;
  const shape = isMoved ? [rows, ...stored.slice(1)] : stored;
  if (isFloatType(dtype)) return { ...input, storedName, dtype, shape };
  throw new TsmergeError(
    "incompatible",
    `tensor ${storedName} of ${input.model.reference} is stored as ${dtype}`,
    { where: input.model.directory, hint: "use weights in float32, float16 or bfloat16" },
  );
}

function tensorPlan(
  row: Row,
  { inputs: present, shape }: Fitted,
  recipe: Recipe,
  method: MergeMethod,
  { compat, tokenizer, models }: CompileContext,
  locations: readonly string[],
): TensorPlan {
  const base = present.findIndex((one) => one.isBase);
  const returned = returnedType(present, present[base], recipe);
  const work = method.arithmetic ?? returned;
  // mergekit casts task vectors' models to the base's type; native float32 takes the stored values as they are
  const loadAs = recipe.dtype ?? (compat && method.base === "required" ? returned : undefined);
  const peers = new Map(present.map((one) => [one.model.reference, one.storedName]));
  const sources = present.map(({ model, tensor, storedName, dtype }): TensorSource => {
    const table = { model, tensor, type: loadAs ?? dtype, peers };
    const rows = tokenizer && rowMap(tokenizer, table, models, locations, compat);
    const source = { model: locations.indexOf(model.location), name: storedName };
    return rows === undefined ? source : { ...source, rows };
  });
  return {
    name: row.name,
    shape,
    method: method.name,
    sources,
    base: base < 0 ? undefined : base,
    global: lookUp(method, "global", row.name, row, [row.slice.parameters, recipe.parameters]),
    perModel: present.map(({ source, tensor, isBase }) => {
      const levels = [source.parameters, row.slice.parameters, recipe.parameters];
      if (isBase && setsBaseApart(method)) return {};
      return lookUp(method, "model", tensor.name, row, levels, source.model);
    }),
    loadAs,
    arithmetic: compat ? work : "float32",
    dtype: recipe.outDtype ?? (compat && method.promotes ? "float32" : returned),
  };
}

/** The type the method returns: the recipe's, else the base's, else what the inputs promote to. */
function returnedType(
  present: readonly Present[],
  base: Present | undefined,
  recipe: Recipe,
): FloatType {
  if (recipe.dtype !== undefined) return recipe.dtype;
  const types = new Set((base === undefined ? present : [base]).map((one) => one.dtype));
  // float16 and bfloat16 together promote to float32, as does anything with float32
  return types.size === 1 ? [...types][0]! : "float32";
}

function lookUp(
  method: MergeMethod,
  scope: ParameterSpec["scope"],
  tensor: string,
  row: Row,
  levels: readonly Parameters[],
  model?: string,
): Record<string, number> {
  const values: Record<string, number> = {};
  for (const spec of method.parameters) {
    if (spec.scope !== scope) continue;
    let value: number | undefined;
    for (const level of levels) {
      const setting = level[spec.name];
      if (setting !== undefined) value ??= settingAt(setting, tensor, row.t);
    }
    value ??= spec.default;
    if (value === undefined) {
      const whose = model === undefined ? method.name : model;
      throw new TsmergeError(
        "config",
        `${whose} has no ${spec.name} for ${tensor}: no filter matches`,
        {
          hint: `end the list of ${spec.name} with an entry that has no filter`,
        },
      );
    }
    values[spec.name] = value;
  }
  return values;
}
