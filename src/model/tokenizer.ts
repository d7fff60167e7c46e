// A model's own tokenizer, from tokenizer.json and tokenizer_config.json. Not a tokenizer: the work is
// @huggingface/tokenizers'. What is added here is refusing what that cannot reproduce, and the BOS policy.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { z } from "zod";
import { TsmergeError } from "../base/errors.ts";
import { sha256 } from "../base/hash.ts";
import { hasErrorCode, ioError } from "../base/io-error.ts";
import { parseJson, readJson } from "../base/json.ts";
import { schemaProblems } from "../base/schema-problem.ts";
import { specialText, specialToken } from "./special-token.ts";
import { unsupportedParts } from "./tokenizer-parts.ts";

export interface Tokenizer {
  /**
   * Token ids of a text. With `specials`, what the tokenizer adds by itself (BOS, mostly) is added,
   * unless the text begins with the BOS text already.
   * @throws TsmergeError `data` for a character that the vocabulary cannot express
   */
  encode(text: string, options: { readonly specials: boolean }): number[];
  /** The text of token ids; without `specials`, special tokens are left out. */
  decode(ids: readonly number[], options: { readonly specials: boolean }): string;
  readonly bosId: number | undefined;
  readonly eosId: number | undefined;
  /** What an empty context is replaced by: BOS, or else EOS. */
  readonly prefixId: number | undefined;
  /** True if `specials` puts BOS in front. */
  readonly addsBos: boolean;
  /** Undefined where tokenizer_config.json gives none, or the "no limit" number of transformers. */
  readonly modelMaxLength: number | undefined;
}

/** transformers writes 1e30 (as int(1e30)) where a tokenizer knows no limit. */
const NO_LIMIT = 1e29;

const configSchema = z.looseObject({
  bos_token: specialToken,
  eos_token: specialToken,
  add_bos_token: z.boolean().nullish(),
  model_max_length: z.number().positive().nullish(),
});

/**
 * The tokenizer of a model folder.
 * @param addsBos whether `specials` puts BOS in front; as the folder's files say when absent
 * @param files texts that stand in for the folder's files, by name; null for one that is left out
 * @throws TsmergeError `io` if a file is missing, `incompatible` for parts that would be tokenised differently
 */
export async function loadTokenizer(
  directory: string,
  addsBos?: boolean,
  files: Readonly<Record<string, string | null>> = {},
): Promise<Tokenizer> {
  const read = async (name: string) => {
    const path = join(directory, name);
    const text = files[name];
    if (text !== undefined) return text === null ? {} : parseJson(text, path);
    return readMember(directory, name);
  };
  const file = join(directory, "tokenizer.json");
  const configFile = join(directory, "tokenizer_config.json");
  const json = await read("tokenizer.json");
  const parsed = configSchema.safeParse(await read("tokenizer_config.json"));
  if (!parsed.success) {
    throw new TsmergeError("incompatible", schemaProblems(parsed.error), {
      where: configFile,
      hint: "copy tokenizer_config.json from the model's repository again",
    });
  }
  const problems = unsupportedParts(json);
  if (problems.length > 0) {
    throw new TsmergeError("incompatible", `this tokenizer has ${problems.join(", ")}`, {
      where: file,
      hint: "tsmerge cannot reproduce that; use models with a BPE or Unigram tokenizer without it",
    });
  }
  const { add_bos_token } = parsed.data;
  const config = { ...parsed.data, add_bos_token: addsBos ?? add_bos_token };
  return wrap(construct(json, parsed.data, file), config, file);
}

async function readMember(directory: string, name: string): Promise<unknown> {
  try {
    return await readJson(join(directory, name));
  } catch (error) {
    if (!(error instanceof TsmergeError && hasErrorCode(error.cause, "ENOENT"))) throw error;
    throw new TsmergeError("io", `${name} is missing, without which no text becomes tokens`, {
      where: directory,
      hint: "copy it from the model that this one was trained from, or let a current transformers write it",
      cause: error,
    });
  }
}

/**
 * SHA-256 of what decides the tokens of a text: tokenizer.json and tokenizer_config.json as they are.
 * @throws TsmergeError `io` if one is missing
 */
export async function tokenizerDigest(directory: string): Promise<string> {
  const files = ["tokenizer.json", "tokenizer_config.json"];
  const digests = files.map(async (file) => sha256(await readBytes(join(directory, file))));
  return sha256((await Promise.all(digests)).join());
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw ioError("read", path, cause);
  }
}

function construct(json: unknown, config: object, file: string): HuggingFaceTokenizer {
  if (json === null || typeof json !== "object") {
    throw new TsmergeError("incompatible", "the file holds no object", { where: file });
  }
  return attempt(file, () => new HuggingFaceTokenizer(json, config));
}

/** The library's work. Malformed parts of the file throw where they are used first, with the library's own errors. */
function attempt<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TsmergeError("incompatible", `this tokenizer cannot be used: ${reason}`, {
      where: file,
      hint: "save it again with a current transformers, or use another model",
      cause,
    });
  }
}

function wrap(
  inner: HuggingFaceTokenizer,
  config: z.infer<typeof configSchema>,
  file: string,
): Tokenizer {
  const idOf = (text: string | undefined) =>
    text === undefined ? undefined : inner.token_to_id(text);
  const bosText = specialText(config.bos_token);
  const bosId = idOf(bosText);
  const eosId = idOf(specialText(config.eos_token));
  const ids = (text: string, specials: boolean): number[] => {
    const { ids: encoded } = attempt(file, () =>
      inner.encode(text, { add_special_tokens: specials }),
    );
    // the library's types say number; a missing <unk> makes it undefined
    const unknown = encoded.findIndex((id: number | undefined) => id === undefined);
    if (unknown === -1) return encoded;
    throw new TsmergeError("data", `the vocabulary has no token for part of ${excerpt(text)}`, {
      hint: "use a model whose tokenizer has byte fallback or an unknown token",
    });
  };

  // add_bos_token overrules what tokenizer.json's post-processor does, as in transformers 5.
  const adds = bosId !== undefined && ids("a", true)[0] === bosId && ids("a", false)[0] !== bosId;
  const addsBos = bosId !== undefined && (config.add_bos_token ?? adds);
  const limit = config.model_max_length ?? undefined;
  return {
    encode: (text, { specials }) => {
      const hasBos = bosText !== undefined && bosText !== "" && text.startsWith(bosText);
      const encoded = ids(text, specials && !hasBos);
      if (!specials || hasBos || addsBos === adds || bosId === undefined) return encoded;
      return addsBos ? [bosId, ...encoded] : encoded.slice(1);
    },
    decode: (tokens, { specials }) =>
      tokens.length === 0
        ? ""
        : attempt(file, () =>
            inner.decode([...tokens], {
              skip_special_tokens: !specials,
              clean_up_tokenization_spaces: false, // transformers 5 does none for BPE, whatever the file says
            }),
          ),
    bosId,
    eosId,
    prefixId: bosId ?? eosId,
    addsBos,
    modelMaxLength: limit === undefined || limit > NO_LIMIT ? undefined : limit,
  };
}

function excerpt(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
