// The small files that make weights usable: tokenizer and generation settings, copied from the parent that
// donates them. config.json is not among them; a merge writes its own.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import writeFileAtomic from "write-file-atomic";
import { ioError } from "../base/io-error.ts";

/**
 * What a tokenizer's vocabulary is called where it is not, or not only, in tokenizer.json: by transformers'
 * classes.
 */
export const VOCABULARY_FILES = [
  "tokenizer.model",
  "vocab.json",
  "merges.txt",
  "vocab.txt", // BERT's
  "spiece.model", // T5's
  "sentencepiece.bpe.model", // XLM-R's
  "added_tokens.json",
] as const;

export const TOKENIZER_FILES = [
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  ...VOCABULARY_FILES,
  "chat_template.jinja",
] as const;

export const GENERATION_FILES = ["generation_config.json"] as const;

/**
 * Copies those of `names` that `donor` has into `output`, each appearing whole or not at all.
 * @returns the names copied
 * @throws TsmergeError `io`
 */
export async function copyFiles(
  donor: string,
  output: string,
  names: readonly string[],
): Promise<string[]> {
  const present = await attempt("read", donor, readdir(donor));
  const copied = names.filter((file) => present.includes(file));
  for (const file of copied) {
    const content = await attempt("read", join(donor, file), readFile(join(donor, file)));
    await attempt("write", join(output, file), writeFileAtomic(join(output, file), content));
  }
  return copied;
}

async function attempt<T>(doing: string, path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw ioError(doing, path, cause);
  }
}
