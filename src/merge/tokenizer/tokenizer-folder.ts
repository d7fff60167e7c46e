// A model folder's tokenizer as plain data: tokenizer.json taken apart far enough to move its tokens, and
// the small files beside it. It tokenizes nothing (model/tokenizer.ts does), and writes nothing.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { TsmergeError } from "../../base/errors.ts";
import { ioError } from "../../base/io-error.ts";
import { readJson } from "../../base/json.ts";
import { schemaProblems } from "../../base/schema-problem.ts";
import { specialText } from "../../model/special-token.ts";

const added = z.looseObject({ id: z.int().nonnegative(), content: z.string() });

/** A token that is cut out of a text before the model sees it, with its flags. */
export type AddedToken = z.infer<typeof added>;

const schema = z.looseObject({
  added_tokens: z.array(added).nullish(),
  model: z.looseObject({ type: z.string().nullish() }),
});

/** The four vocabularies of tokenizer.json. */
export type VocabularyKind = "BPE" | "WordPiece" | "WordLevel" | "Unigram";

export interface TokenizerFolder {
  readonly directory: string;
  /** The whole tokenizer.json. */
  readonly json: z.infer<typeof schema>;
  readonly kind: VocabularyKind;
  /** The model's own tokens to their ids. */
  readonly tokens: ReadonlyMap<string, number>;
  /** Log-probabilities of Unigram tokens. */
  readonly scores: ReadonlyMap<string, number>;
  /** Pairs that BPE joins, first ones first. */
  readonly merges: readonly (readonly [string, string])[];
  readonly added: readonly AddedToken[];
  /** tokenizer_config.json; empty where there is none. */
  readonly config: Readonly<Record<string, unknown>>;
}

/** Any of the files that a tokenizer can be read from. */
export const TOKENIZER =
  /^(tokenizer\.(json|model)|vocab\.(json|txt)|spiece\.model|sentencepiece\.bpe\.model)$/;

const SPECIALS = ["bos", "eos", "pad"];

/** Ids of the special tokens that tokenizer_config.json names, by their keys in config.json. */
export function namedSpecials(folder: TokenizerFolder): Record<string, number> {
  const ids = idsOf(folder);
  return Object.fromEntries(
    SPECIALS.flatMap((name): [string, number][] => {
      const text = specialText(folder.config[`${name}_token`]);
      const id = text === undefined ? undefined : ids.get(text);
      return id === undefined ? [] : [[`${name}_token_id`, id]];
    }),
  );
}

/** Every token of a tokenizer to its id, added ones included. */
export function idsOf({ tokens, added }: TokenizerFolder): Map<string, number> {
  return new Map([...tokens, ...added.map(({ content, id }) => [content, id] as const)]);
}

/**
 * Reads a folder's tokenizer.
 * @throws TsmergeError `checkpoint` without tokenizer.json, `incompatible` for one that is no known kind
 */
export async function readTokenizerFolder(directory: string): Promise<TokenizerFolder> {
  const file = join(directory, "tokenizer.json");
  const present = await filesOf(directory);
  if (!present.includes("tokenizer.json")) {
    throw new TsmergeError("checkpoint", "tokenizer.json is missing", {
      where: directory,
      hint: "copy it from the model that this one was trained from, or let a current transformers write it",
    });
  }
  const parsed = schema.safeParse(await readJson(file));
  if (!parsed.success) throw malformed(file, schemaProblems(parsed.error));
  const { model, added_tokens: specials } = parsed.data;
  const kind = kindOf(model, file);
  return {
    directory,
    json: parsed.data,
    kind,
    ...(kind === "Unigram" ? pieces(model.vocab, file) : words(model.vocab, file)),
    merges: kind === "BPE" ? mergesOf(model.merges, file) : [],
    added: specials ?? [],
    config: await readObject(directory, "tokenizer_config.json", present),
  };
}

/** The members of a JSON file in a folder; none where it is absent. */
export async function readObject(
  directory: string,
  name: string,
  present?: readonly string[],
): Promise<Record<string, unknown>> {
  if (!(present ?? (await filesOf(directory))).includes(name)) return {};
  const file = join(directory, name);
  const parsed = z.record(z.string(), z.unknown()).safeParse(await readJson(file));
  if (parsed.success) return parsed.data;
  throw malformed(file, "it holds no object");
}

/** The bytes of a folder's tokenizer.json: equal ones are equal tokenizers. Throws TsmergeError `io`. */
export async function tokenizerBytes(directory: string): Promise<Uint8Array> {
  const file = join(directory, "tokenizer.json");
  return readFile(file).catch((cause: unknown) => {
    throw ioError("read", file, cause);
  });
}

/** The names in a folder. Throws TsmergeError `io`. */
export async function filesOf(directory: string): Promise<string[]> {
  return readdir(directory).catch((cause: unknown) => {
    throw ioError("read", directory, cause);
  });
}

function malformed(file: string, why: string): TsmergeError {
  return new TsmergeError("incompatible", `this tokenizer cannot be read: ${why}`, {
    where: file,
    hint: "save it again with a current transformers, or download it again",
  });
}

/** Old files name no type: merges make BPE, a list of pairs Unigram. */
function kindOf(model: z.infer<typeof schema>["model"], file: string): VocabularyKind {
  const type = model.type ?? (model.merges ? "BPE" : Array.isArray(model.vocab) ? "Unigram" : "?");
  if (type === "BPE" || type === "WordPiece" || type === "WordLevel" || type === "Unigram") {
    return type;
  }
  throw malformed(file, `its model is ${JSON.stringify(type)}`);
}

function words(vocab: unknown, file: string): Pick<TokenizerFolder, "tokens" | "scores"> {
  if (vocab === null || typeof vocab !== "object" || Array.isArray(vocab)) {
    throw malformed(file, "model.vocab is no map of tokens");
  }
  const tokens = new Map<string, number>();
  for (const [token, id] of Object.entries(vocab)) {
    if (!Number.isSafeInteger(id) || id < 0) {
      throw malformed(file, `the id of ${JSON.stringify(token)} is ${JSON.stringify(id)}`);
    }
    tokens.set(token, id);
  }
  return { tokens, scores: new Map() };
}

function pieces(vocab: unknown, file: string): Pick<TokenizerFolder, "tokens" | "scores"> {
  const parsed = z.array(z.tuple([z.string(), z.number()])).safeParse(vocab);
  if (!parsed.success) throw malformed(file, "model.vocab is no list of [token, score]");
  return {
    tokens: new Map(parsed.data.map(([token], id) => [token, id])),
    scores: new Map(parsed.data),
  };
}

/** Both spellings: "a b", and ["a", "b"] of newer files. By hand: a schema takes seconds for 300,000 pairs. */
function mergesOf(merges: unknown, file: string): [string, string][] {
  if (!Array.isArray(merges ?? [])) throw malformed(file, "model.merges is no list");
  const list: unknown[] = Array.isArray(merges) ? merges : [];
  return list.map((merge) => {
    const parts: unknown[] =
      typeof merge === "string" ? merge.split(" ") : Array.isArray(merge) ? merge : [];
    const [left, right] = parts;
    if (
      typeof left === "string" &&
      typeof right === "string" &&
      parts.length === 2 &&
      left + right
    ) {
      return [left, right];
    }
    throw malformed(file, `${JSON.stringify(merge)} is no pair to join`);
  });
}
