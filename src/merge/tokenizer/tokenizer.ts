// Tokenizer surgery, planned: the output's vocabulary and its files, and for every model where the rows of
// its embeddings come from. Weights are not read; rows.ts moves them while they are merged.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { TsmergeError } from "../../base/errors.ts";
import { contentHash } from "../../base/hash.ts";
import { ioError } from "../../base/io-error.ts";
import { VOCABULARY_FILES } from "../../checkpoint/donor-files.ts";
import type { RowOrigin } from "../plan.ts";
import {
  filesOf,
  idsOf,
  namedSpecials,
  readObject,
  readTokenizerFolder,
  type TokenizerFolder,
} from "./tokenizer-folder.ts";
import { type TokenRequest, tokenRows } from "./tokenizer-rows.ts";
import { strippedTo, tokenizerText, unionOf, withTokens } from "./tokenizer-vocabulary.ts";

/** What a recipe asks of the output's tokenizer. */
export interface TokenizerRequest {
  /** `base`, `union`, or a model's reference. */
  readonly source: string;
  readonly tokens: readonly TokenRequest[];
  readonly padToMultipleOf?: number;
}

/** A model that gives embeddings, or only rows or its tokenizer. */
export interface TokenizerParent {
  readonly reference: string;
  /** The folder of its config.json. */
  readonly directory: string;
  readonly tokenizerDirectory: string;
  /** Rows of its embeddings. */
  readonly rows: number;
  /** False for a model that the recipe names for its tokens only. */
  readonly isMerged: boolean;
}

/** Where the rows of one model's tables come from. */
export interface MovedRows {
  /** Equal for equal origins. */
  readonly key: string;
  readonly origins: readonly RowOrigin[];
}

export interface TokenizerPlan {
  /** Rows of the output's embeddings. */
  readonly rows: number;
  /** By reference; a model whose tables are taken as they are stored is left out. */
  readonly moved: ReadonlyMap<string, MovedRows>;
  /** References that the origins' donors count. */
  readonly donors: readonly string[];
  /** Special token ids of config.json that the tokenizer changes. */
  readonly specials: Readonly<Record<string, unknown>>;
  /** Files that stand in for the donor's; null leaves one out. */
  readonly files: Readonly<Record<string, string | null>>;
  /** What was done that the user may not expect. */
  readonly notes: readonly string[];
}

/** Files of a tokenizer that surgery takes over as they are. */
const KEPT = ["special_tokens_map.json", "chat_template.jinja"];
const SPECIAL_IDS = ["bos_token_id", "eos_token_id", "pad_token_id"];

/**
 * Plans a recipe's tokenizer.
 * @param base the model whose configuration the output takes
 * @param compat as mergekit: other tokenizers' tokens are added tokens, rows without a token go, special
 * token ids stay the base's
 * @throws TsmergeError where a model has no tokenizer.json, or no token that the request names
 */
export async function planTokenizer(
  request: TokenizerRequest,
  parents: readonly TokenizerParent[],
  base: string,
  compat: boolean,
): Promise<TokenizerPlan> {
  const models = await Promise.all(
    parents.map(async (parent) => ({
      ...parent,
      folder: await readTokenizerFolder(parent.tokenizerDirectory),
    })),
  );
  const named = (reference: string) => {
    const found = models.find((model) => model.reference === reference);
    if (found !== undefined) return found;
    throw new TsmergeError("internal", `the tokenizer of ${reference} was not loaded`);
  };
  const merged = models.filter(({ isMerged }) => isMerged);
  const isNamed = request.source !== "base" && request.source !== "union";
  const source = named(isNamed ? request.source : base);
  const start = isNamed ? source.folder : strippedTo(source);
  const joined = request.source === "union" ? unionOf(start, merged, compat) : start;
  const output = withTokens(
    joined,
    request.tokens.map(({ token }) => token),
  );
  const vocabulary = idsOf(output);
  // a tokenizer that stays as it is keeps the rows that its model has beyond the last token
  const keepsNameless = !compat && output === source.folder;
  const count = rowsFor(vocabulary, keepsNameless ? source.rows : 0);
  const multiple = request.padToMultipleOf ?? 1;
  const rows = Math.ceil(count / multiple) * multiple;
  const withIds = models.map((model) => ({ ...model, ids: idsOf(model.folder) }));
  const table = tokenRows({
    vocabulary,
    models: withIds.filter(({ isMerged }) => isMerged),
    donors: withIds.filter(({ isMerged }) => !isMerged),
    base,
    tokens: request.tokens,
    rows: count,
    paddedRows: rows,
    namelessFrom: keepsNameless ? source.reference : undefined,
  });
  const moved = new Map(
    [...table.rows].map(([reference, origins]) => {
      return [reference, { key: contentHash([origins, table.donors]), origins }] as const;
    }),
  );
  const isForeign = source.reference !== base;
  const specials = compat ? {} : await specialIds(source, isForeign);
  return {
    rows,
    moved,
    donors: table.donors,
    specials,
    files: {
      ...(isForeign || output !== source.folder ? await filesFor(output, isForeign) : {}),
      ...(await generationFile(named(base).directory, specials)),
    },
    notes: notesOn(start, output, merged, compat),
  };
}

/** Rows that hold every token, and at least `least`. */
function rowsFor(vocabulary: ReadonlyMap<string, number>, least: number): number {
  let rows = least;
  for (const id of vocabulary.values()) rows = Math.max(rows, id + 1);
  return rows;
}

/** The special token ids of the model whose tokenizer is taken: its tokens keep their ids. */
async function specialIds(
  source: TokenizerParent & { readonly folder: TokenizerFolder },
  isForeign: boolean,
): Promise<Record<string, unknown>> {
  if (source.tokenizerDirectory !== source.directory) {
    return broughtSpecials(source.folder, source.directory);
  }
  if (!isForeign) return {};
  const config = await readObject(source.directory, "config.json");
  return Object.fromEntries(
    SPECIAL_IDS.filter((key) => key in config).map((key) => [key, config[key]]),
  );
}

/** The special token ids of an adapter's own tokenizer that the config.json beside its base does not have. */
export async function broughtSpecials(
  folder: TokenizerFolder,
  directory: string,
): Promise<Record<string, unknown>> {
  const config = await readObject(directory, "config.json");
  const named = Object.entries(namedSpecials(folder));
  return Object.fromEntries(named.filter(([key, id]) => ![config[key]].flat().includes(id)));
}

/** The base's generation settings with the ids of the tokenizer that is taken; none where they are the same. */
export async function generationFile(
  directory: string,
  specials: Readonly<Record<string, unknown>>,
): Promise<Record<string, string>> {
  const settings = await readObject(directory, "generation_config.json");
  if (Object.keys(settings).length === 0 || Object.keys(specials).length === 0) return {};
  const text = `${JSON.stringify({ ...settings, ...specials }, null, 2)}\n`;
  return { "generation_config.json": text };
}

async function filesFor(
  output: TokenizerFolder,
  isForeign: boolean,
): Promise<Record<string, string | null>> {
  const files: Record<string, string | null> = { "tokenizer.json": tokenizerText(output) };
  for (const name of VOCABULARY_FILES) files[name] = null; // older forms, which would contradict the new one
  const present = await filesOf(output.directory);
  if (isForeign) {
    for (const name of KEPT) {
      files[name] = present.includes(name) ? await textOf(join(output.directory, name)) : null;
    }
  }
  const hasConfig = present.includes("tokenizer_config.json");
  if (hasConfig || isForeign) {
    const config = configOf(output);
    files["tokenizer_config.json"] = hasConfig ? `${JSON.stringify(config, null, 2)}\n` : null;
  }
  return files;
}

/** tokenizer_config.json with the list of added tokens, where it has one, as tokenizer.json gives them. */
function configOf({ config, added }: TokenizerFolder): Record<string, unknown> {
  if (config.added_tokens_decoder === undefined) return { ...config };
  const decoder = Object.fromEntries(added.map(({ id, ...flags }) => [String(id), flags]));
  return { ...config, added_tokens_decoder: decoder };
}

async function textOf(file: string): Promise<string> {
  return readFile(file, "utf8").catch((cause: unknown) => {
    throw ioError("read", file, cause);
  });
}

function notesOn(
  start: TokenizerFolder,
  output: TokenizerFolder,
  models: readonly { reference: string; folder: TokenizerFolder }[],
  compat: boolean,
): string[] {
  const before = idsOf(start).size;
  const gained = idsOf(output).size - before;
  if (gained === 0) return [];
  const notes = [`the tokenizer has ${gained} tokens more than the ${before} it starts from`];
  const foreign = models.filter(({ folder }) => folder.kind !== start.kind);
  if (compat || foreign.length === 0) return notes;
  const list = foreign.map(({ reference, folder }) => `${reference} (${folder.kind})`).join(", ");
  return [
    ...notes,
    `the tokens of ${list} cannot join a ${start.kind} model: they are added tokens, cut out of any text`,
  ];
}
