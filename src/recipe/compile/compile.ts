// A recipe and the facts about its models become a MergePlan: every output tensor with its inputs and
// every parameter a number. Pure and quick (it runs once a candidate); reads no weights.

import type { FloatType } from "../../base/dtype.ts";
import { TsmergeError } from "../../base/errors.ts";
import { canonicalJson } from "../../base/hash.ts";
import type { FixName } from "../../merge/fixes.ts";
import { type MergeMethod, type ParameterSpec, setsBaseApart } from "../../merge/method.ts";
import { methodNamed } from "../../merge/methods/registry.ts";
import type { CopiedTensor, MergePlan, TensorPlan, TensorSource } from "../../merge/plan.ts";
import { unreadTensors } from "../../model/family/model-weights.ts";
import { filtersIn, idleFilters } from "../idle-filters.ts";
import { donorReference, mergedReferences, type Parameters, type Recipe } from "../recipe.ts";
import { settingAt } from "../setting.ts";
import { copiedTensor, isMergeable } from "./copied.ts";
import { type Leniency, layOut, type Row, type RowInput } from "./layout.ts";
import type { LoadedModel, LoadedModels } from "./models.ts";
import { configFixes, outputConfig } from "./output-config.ts";
import { type OutputTokenizer, rowMap } from "./output-tokenizer.ts";
import { checkQuantized } from "./quantized.ts";
import { type Fitted, fitShapes, type Present } from "./shapes.ts";

export interface CompileContext extends Leniency {
  readonly models: LoadedModels;
  /** Decides the masks of dare_linear and dare_ties. */
  readonly seed: number;
  /** mergekit's roundings (arithmetic in the work dtype, not in float32) and its leniency. */
  readonly compat: boolean;
  /** What outputTokenizer planned for the recipe; without it vocabularies are taken as they are. */
  readonly tokenizer?: OutputTokenizer | undefined;
  /** Is told of each tensor that is merged otherwise than by mergekit, and of the configuration. */
  readonly onFix?: (fix: FixName) => void;
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
  const { vocabulary, files, specials } = context.tokenizer ?? {};
  const donors = vocabulary?.donors.map((reference) => context.models.get(reference)!.location);
  const locations = [...new Set([...layout.locations, ...(donors ?? [])])];
  const keyed: { readonly key: string; readonly plan: TensorPlan }[] = [];
  const copies: CopiedTensor[] = [];
  for (const row of layout.rows) {
    const fitted = presentInputs(row, method, context);
    if (fitted.inputs.length === 0) continue;
    if (isMergeable(fitted)) {
      const plan = tensorPlan(row, fitted, recipe, method, context, locations);
      // mergekit runs (and draws masks) in the order of the greatest input name of each tensor
      keyed.push({ plan, key: greatest(fitted.inputs.map((one) => one.storedName)) });
    } else {
      const scale =
        method.name === "passthrough"
          ? modelParameters(row, row.t, fitted, recipe, method)[0]?.scale
          : 1;
      copies.push(copiedTensor(row.name, fitted, scale ?? 1, locations));
    }
  }
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  const tensors = keyed.map(({ plan }) => plan);
  const donor = context.models.get(donorReference(recipe))!;
  const byLocation = new Map([...context.models.values()].map((model) => [model.location, model]));
  const givers = locations.map((location) => byLocation.get(location)!);
  checkQuantized(givers, donor, method.name, tensors);
  if (copies.length > 0) context.onNote?.(noteOn(copies));
  if (context.onNote !== undefined) {
    noteUnread(givers, context.onNote);
    noteIdle(recipe, layout.rows, context.onNote);
  }
  const isResized = vocabulary !== undefined;
  const config = outputConfig(donor, layout, tensors, context.compat, isResized);
  if (!context.compat) {
    const merged = mergedReferences(recipe).map((reference) => context.models.get(reference)!);
    for (const fix of configFixes(
      recipe.base === undefined ? merged : [donor],
      config,
      isResized,
    )) {
      context.onFix?.(fix);
    }
  }
  return {
    models: locations,
    tensors,
    ...(copies.length === 0 ? {} : { copies }),
    seed: context.seed,
    compat: context.compat,
    config: { ...config, ...specials },
    donor: donor.directory,
    ...(donor.tokenizerDirectory === donor.directory
      ? {}
      : { tokenizer: donor.tokenizerDirectory }),
    ...(files === undefined || Object.keys(files).length === 0 ? {} : { files }),
  };
}

/** Nothing in a file is left out without a word, not even what transformers computes anew. */
function noteUnread(models: readonly LoadedModel[], onNote: (note: string) => void): void {
  const names = models.flatMap(({ weights, tensors }) => unreadTensors(weights, tensors));
  const [first, ...others] = new Set(names);
  if (first === undefined) return;
  const more = others.length === 0 ? "" : ` and ${others.length} more`;
  onNote(`left out, since every model computes them: ${first}${more}`);
}

/** A filter that means no tensor is most often a slip. */
function noteIdle(recipe: Recipe, rows: readonly Row[], onNote: (note: string) => void): void {
  const filters = filtersIn(recipe);
  if (filters.length === 0) return;
  const names = rows.flatMap(({ name, inputs }) => [name, ...inputs.map((one) => one.tensor.name)]);
  for (const filter of idleFilters(filters, names)) {
    onNote(`the filter ${JSON.stringify(filter)} matches no tensor and changes nothing`);
  }
}

function noteOn(copies: readonly CopiedTensor[]): string {
  const types = [...new Set(copies.map(({ dtype }) => dtype))].sort().join(", ");
  const tensors = copies.length === 1 ? "1 tensor is" : `${copies.length} tensors are`;
  return `${tensors} copied as stored, not merged: ${types}`;
}

/** The last of some names in string order: `layers.10.` stands before `layers.2.`. */
function greatest(names: readonly string[]): string {
  return names.toSorted().at(-1)!; // a kept row has at least one input
}

/** The inputs that hold the tensor. Optional tensors may be absent; a tied one is read from its twin. */
function presentInputs(row: Row, method: MergeMethod, context: CompileContext): Fitted {
  const { compat, tokenizer, onFix } = context;
  // a tied model may store a head that nothing reads; mergekit merges it all the same
  const isTiedAway = ({ model, tensor }: RowInput) =>
    tensor.tiedTo !== undefined && model.weights.isTied && !compat;
  const isHeld = (input: RowInput) =>
    input.model.tensors.has(input.tensor.name) && !isTiedAway(input);
  const anyHolds = row.inputs.some(isHeld);
  const fixes = new Set<FixName>();
  const stores = ({ model, tensor }: RowInput) => model.tensors.has(tensor.name);
  if (!anyHolds && row.inputs.some(stores)) fixes.add("unread");
  const present = row.inputs.flatMap((input): Present[] => {
    const { model, tensor } = input;
    if (isHeld(input)) return [found(input, tensor.name, tokenizer)];
    // mergekit drops an input whose optional tensor is absent even where a tied twin holds its values
    const mayTie = !tensor.optional || (anyHolds && !compat);
    if (mayTie && tensor.tiedTo !== undefined && model.tensors.has(tensor.tiedTo)) {
      if (tensor.optional) fixes.add("tied");
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
  for (const fix of fixes) onFix?.(fix);
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
  return { ...input, storedName, dtype, shape };
}

function tensorPlan(
  row: Row,
  fitted: Fitted<FloatType>,
  recipe: Recipe,
  method: MergeMethod,
  { compat, tokenizer, models, onFix }: CompileContext,
  locations: readonly string[],
): TensorPlan {
  const { inputs: present, shape } = fitted;
  const base = present.findIndex((one) => one.isBase);
  const returned = returnedType(present, present[base], recipe);
  const work = method.arithmetic ?? returned;
  // mergekit casts task vectors' models to the base's type; native float32 takes the stored values as they are
  const loadAs = recipe.dtype ?? (compat && method.base === "required" ? returned : undefined);
  const peers = new Map(present.map((one) => [one.model.reference, one.storedName]));
  const sources = present.map(({ model, tensor, storedName, dtype }): TensorSource => {
    const table = { model, tensor, type: loadAs ?? dtype, peers };
    const rows = tokenizer && rowMap(tokenizer, table, models, locations, compat);
    const parts = model.views?.get(storedName);
    return {
      ...{ model: locations.indexOf(model.location), name: storedName },
      ...(parts === undefined ? {} : { parts }),
      ...(rows === undefined ? {} : { rows }),
    };
  });
  const numbersAt = (t: number) => ({
    global: lookUp(method, "global", row.name, t, [row.slice.parameters, recipe.parameters]),
    perModel: modelParameters(row, t, fitted, recipe, method),
  });
  const numbers = numbersAt(row.t);
  const isPromoted = method.promotes === true && recipe.outDtype === undefined;
  if (!compat) {
    if (row.isAfter && canonicalJson(numbers) !== canonicalJson(numbersAt(0))) onFix?.("depth");
    if (isPromoted && returned !== "float32" && present.length > 1) onFix?.("type");
  }
  return {
    name: row.name,
    shape,
    method: method.name,
    sources,
    base: base < 0 ? undefined : base,
    ...numbers,
    loadAs,
    arithmetic: compat ? work : "float32",
    dtype: recipe.outDtype ?? (compat && isPromoted ? "float32" : returned),
  };
}

/** The type the method returns: the recipe's, else the base's, else what the inputs promote to. */
function returnedType(
  present: readonly Present<FloatType>[],
  base: Present<FloatType> | undefined,
  recipe: Recipe,
): FloatType {
  if (recipe.dtype !== undefined) return recipe.dtype;
  const types = new Set((base === undefined ? present : [base]).map((one) => one.dtype));
  // float16 and bfloat16 together promote to float32, as does anything with float32
  return types.size === 1 ? [...types][0]! : "float32";
}

function modelParameters(
  row: Row,
  t: number,
  { inputs }: Fitted,
  recipe: Recipe,
  method: MergeMethod,
): Record<string, number>[] {
  return inputs.map(({ source, tensor, isBase }) => {
    if (isBase && setsBaseApart(method)) return {};
    const levels = [source.parameters, row.slice.parameters, recipe.parameters];
    return lookUp(method, "model", tensor.name, t, levels, source.model);
  });
}

function lookUp(
  method: MergeMethod,
  scope: ParameterSpec["scope"],
  tensor: string,
  t: number,
  levels: readonly Parameters[],
  model?: string,
): Record<string, number> {
  const values: Record<string, number> = {};
  for (const spec of method.parameters) {
    if (spec.scope !== scope) continue;
    let value: number | undefined;
    for (const level of levels) {
      const setting = level[spec.name];
      if (setting !== undefined) value ??= settingAt(setting, tensor, t);
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
