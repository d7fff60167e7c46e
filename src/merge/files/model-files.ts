// The small files of a merged model: config.json, tokenizer and generation settings. Weights are execute.ts's.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import writeFileAtomic from "write-file-atomic";
import { ioError } from "../../base/io-error.ts";
import { stringifyLike } from "../../base/json-text.ts";
import { copyFiles, GENERATION_FILES, TOKENIZER_FILES } from "../../checkpoint/donor-files.ts";
import type { MergePlan } from "../plan.ts";
import { TOKENIZER } from "../tokenizer/tokenizer-folder.ts";

export interface ModelFilesOptions {
  /** Whether tokenizer and generation files of the donor are copied; they are by default. */
  readonly copyDonor?: boolean;
  /** Is told in a sentence when the model has no tokenizer. */
  readonly onNote?: (note: string) => void;
}

/**
 * Writes them into `folder`, which is there, with further `texts` by name.
 * @returns the names written
 * @throws TsmergeError `io`
 */
export async function writeModelFiles(
  plan: MergePlan,
  folder: string,
  texts: Readonly<Record<string, string>>,
  { copyDonor = true, onNote }: ModelFilesOptions = {},
): Promise<string[]> {
  const { donor, tokenizer = donor, files: replaced = {} } = plan;
  const except = Object.keys(replaced);
  const copy = (from: string, names: readonly string[]) =>
    copyFiles(
      from,
      folder,
      names.filter((name) => !except.includes(name)),
    );
  const donated = copyDonor
    ? [...(await copy(tokenizer, TOKENIZER_FILES)), ...(await copy(donor, GENERATION_FILES))]
    : [];
  if (copyDonor && ![...donated, ...except].some((name) => TOKENIZER.test(name))) {
    onNote?.(`${tokenizer} holds no tokenizer, so the merged model has none`);
  }
  const all = { ...replaced, "config.json": await configText(plan), ...texts };
  const written = Object.entries(all).flatMap(([name, text]) =>
    text === null ? [] : [{ name, text }],
  );
  for (const { name, text } of written) await writeText(join(folder, name), text);
  return [...donated, ...written.map(({ name }) => name)];
}

/** config.json as the donor writes it: some readers tell 0 from 0.0. */
async function configText({ config, donor }: MergePlan): Promise<string> {
  const path = join(donor, "config.json");
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw ioError("read", path, cause);
  });
  return `${stringifyLike(config, text)}\n`;
}

async function writeText(path: string, text: string): Promise<void> {
  try {
    await writeFileAtomic(path, text);
  } catch (cause) {
    throw ioError("write", path, cause);
  }
}
