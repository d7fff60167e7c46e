// The tokenizer and the chat template that a recipe asks for, planned from the models' files: what
// compileRecipe, which reads no files, is handed.

import { TsmergeError } from "../../base/errors.ts";
import { chatTemplate, templateFiles } from "../../merge/chat-template.ts";
import type { RowMap } from "../../merge/plan.ts";
import {
  broughtSpecials,
  generationFile,
  planTokenizer,
  type TokenizerParent,
  type TokenizerPlan,
  type TokenizerRequest,
} from "../../merge/tokenizer/tokenizer.ts";
import {
  filesOf,
  readObject,
  readTokenizerFolder,
} from "../../merge/tokenizer/tokenizer-folder.ts";
import type { Weight } from "../../model/family/model-weights.ts";
import { donorReference, mergedReferences, modelReferences, type Recipe } from "../recipe.ts";
import type { LoadedModel, LoadedModels } from "./models.ts";

export interface OutputTokenizer {
  /** Undefined where the recipe leaves vocabulary and embeddings alone. */
  readonly vocabulary: TokenizerPlan | undefined;
  /** Special token ids of config.json that the tokenizer changes. */
  readonly specials: Readonly<Record<string, unknown>>;
  /** Files that stand in for the donor's; null leaves one out. */
  readonly files: Readonly<Record<string, string | null>>;
  readonly notes: readonly string[];
}

/**
 * Plans what a recipe says about tokenizer and chat template; undefined where it says nothing.
 * @throws TsmergeError as planTokenizer and chatTemplate
 */
export async function outputTokenizer(
  recipe: Recipe,
  models: LoadedModels,
  compat: boolean,
): Promise<OutputTokenizer | undefined> {
  const { tokenizer, chatTemplate: wanted } = recipe;
  const base = donorReference(recipe);
  const donor = models.get(base)!; // loaded: it is one of the recipe's references, here and below
  if (tokenizer === undefined && wanted === undefined) return broughtTokenizer(donor, compat);
  const merged = mergedReferences(recipe);
  let unread: string | undefined;
  let vocabulary: TokenizerPlan | undefined;
  if (tokenizer !== undefined) {
    const parents = modelReferences(recipe).map((reference) => {
      const model = models.get(reference)!;
      const { directory, tokenizerDirectory } = model;
      const isMerged = merged.includes(reference);
      return { reference, directory, tokenizerDirectory, rows: rowsOf(model), isMerged };
    });
    unread = await withoutTokenizer(tokenizer, parents);
    if (unread === undefined) vocabulary = await planTokenizer(tokenizer, parents, base, compat);
  }
  const kept = vocabulary ?? (await broughtTokenizer(donor, compat));
  const { files = {}, specials = {} } = kept ?? {};
  const notes =
    unread === undefined
      ? (kept?.notes ?? [])
      : [`${unread} has no tokenizer.json: embeddings are merged row by row, as they are stored`];
  if (wanted === undefined) return { vocabulary, specials, files, notes };
  const directories = merged.map((reference) => models.get(reference)!.tokenizerDirectory);
  const template = await chatTemplate(wanted, directories);
  if (template === undefined) {
    const note = "chat_template auto: no model has a chat template, so none is written";
    return { vocabulary, specials, files, notes: [...notes, note] };
  }
  const planned = files["tokenizer_config.json"];
  const config: Record<string, unknown> =
    typeof planned === "string"
      ? JSON.parse(planned)
      : await readObject(donor.tokenizerDirectory, "tokenizer_config.json");
  return { vocabulary, specials, files: { ...files, ...templateFiles(template, config) }, notes };
}

/** What an adapter's own tokenizer changes besides itself; undefined where the base's is taken. */
async function broughtTokenizer(
  { reference, directory, tokenizerDirectory }: LoadedModel,
  compat: boolean,
): Promise<OutputTokenizer | undefined> {
  const isBrought = tokenizerDirectory !== directory && !compat;
  if (!isBrought || !(await filesOf(tokenizerDirectory)).includes("tokenizer.json"))
    return undefined;
  const specials = await broughtSpecials(await readTokenizerFolder(tokenizerDirectory), directory);
  const changed = Object.entries(specials).map(([key, id]) => `${key} ${id}`);
  const notes =
    changed.length === 0
      ? []
      : [`config.json gets ${changed.join(", ")} from the tokenizer of ${reference}'s adapter`];
  return {
    vocabulary: undefined,
    specials,
    files: await generationFile(directory, specials),
    notes,
  };
}

/**
 * The first model whose tokens cannot be read where that does no harm: the base's tokenizer is asked for, and
 * all embeddings have its size, as those of models have that were tuned from it.
 */
async function withoutTokenizer(
  { source, tokens, padToMultipleOf }: TokenizerRequest,
  parents: readonly TokenizerParent[],
): Promise<string | undefined> {
  const isPlain = source === "base" && tokens.length === 0 && padToMultipleOf === undefined;
  if (!isPlain || new Set(parents.map(({ rows }) => rows)).size > 1) return undefined;
  for (const { reference, tokenizerDirectory } of parents) {
    if (!(await filesOf(tokenizerDirectory)).includes("tokenizer.json")) return reference;
  }
  return undefined;
}

/** Rows of a model's embeddings. */
function rowsOf({ weights, tensors, reference, directory }: LoadedModel): number {
  const table = [...weights.pre.values()].find(({ isEmbed, name }) => isEmbed && tensors.has(name));
  const rows = table && tensors.get(table.name)?.shape[0];
  if (rows !== undefined) return rows;
  throw new TsmergeError("incompatible", `${reference} has no embeddings for a tokenizer to move`, {
    where: directory,
    hint: "delete tokenizer and tokenizer_source: the tokenizer is copied from the base",
  });
}

/** What a table's place in the merge decides of its rows. */
export interface MovedTable {
  readonly model: LoadedModel;
  readonly tensor: Weight;
  /** The type its rows are read in. */
  readonly type: RowMap["type"];
  /** The tables of the same output tensor by their model's reference. */
  readonly peers: ReadonlyMap<string, string>;
}

/** The row map of one model's table; undefined for a tensor that is taken as it is stored. */
export function rowMap(
  { vocabulary }: OutputTokenizer,
  { model, tensor, type, peers }: MovedTable,
  models: LoadedModels,
  locations: readonly string[],
  isStepwise: boolean,
): RowMap | undefined {
  const moved = tensor.isEmbed ? vocabulary?.moved.get(model.reference) : undefined;
  if (vocabulary === undefined || moved === undefined) return undefined;
  const donors = vocabulary.donors.map((reference) => {
    const donor = models.get(reference)!; // loaded with the recipe's references
    const name = peers.get(reference) ?? tableOf(donor, tensor);
    return { model: locations.indexOf(donor.location), name };
  });
  const key = `${moved.key} ${type} ${isStepwise} ${JSON.stringify(donors)}`;
  return { key, type, rows: moved.origins, donors, isStepwise };
}

/** The table of a model that gives rows to this tensor without being merged into it. */
function tableOf({ tensors, reference, directory }: LoadedModel, tensor: Weight): string {
  const name = [tensor.name, tensor.tiedTo].find((one) => one !== undefined && tensors.has(one));
  if (name !== undefined) return name;
  throw new TsmergeError("incompatible", `${reference} has no tensor ${tensor.name}`, {
    where: directory,
    hint: "take the rows of new tokens from a model of the same architecture",
  });
}
