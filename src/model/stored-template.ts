// The chat templates that a model folder holds, as text: chat_template.jinja, and tokenizer_config.json's, one or
// several by name. Nothing is rendered here (chat-template.ts does).

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { TsmergeError } from "../base/errors.ts";
import { hasErrorCode, ioError } from "../base/io-error.ts";
import { readJson } from "../base/json.ts";
import { schemaProblems } from "../base/schema-problem.ts";
import { specialText, specialToken } from "./special-token.ts";

interface NamedTemplate {
  readonly name: string;
  readonly template: string;
}

export interface StoredTemplates {
  /** chat_template.jinja: goes before the others. */
  readonly alone: string | undefined;
  /** Those of tokenizer_config.json; a single one without a name is called `default`. */
  readonly named: readonly NamedTemplate[];
  /** The special tokens that templates may name, by key. */
  readonly tokens: Readonly<Record<string, string>>;
}

const TOKENS = ["bos_token", "eos_token", "unk_token", "pad_token", "sep_token"] as const;

const schema = z.looseObject({
  chat_template: z
    .union([z.string(), z.array(z.object({ name: z.string(), template: z.string() }))])
    .nullish(),
  ...Object.fromEntries(TOKENS.map((name) => [name, specialToken])),
});

/** @throws TsmergeError `incompatible` for a malformed tokenizer_config.json; `io` and `data` as readJson */
export async function storedTemplates(directory: string): Promise<StoredTemplates> {
  const where = join(directory, "tokenizer_config.json");
  const json = await ifThere(readJson(where));
  const parsed = schema.safeParse(json ?? {});
  if (!parsed.success) {
    throw new TsmergeError("incompatible", schemaProblems(parsed.error), {
      where,
      hint: "copy tokenizer_config.json from the model's repository again",
    });
  }
  const { chat_template: listed } = parsed.data;
  const config: Readonly<Record<string, unknown>> = parsed.data;
  const tokens = TOKENS.flatMap((key) => {
    const text = specialText(config[key]);
    return text === undefined ? [] : [[key, text]];
  });
  return {
    alone: await readAlone(join(directory, "chat_template.jinja")),
    named: typeof listed === "string" ? [{ name: "default", template: listed }] : (listed ?? []),
    tokens: Object.fromEntries(tokens),
  };
}

/** The template that is taken where none is asked for by name; undefined where there is none, or no such one. */
export function usualTemplate({ alone, named }: StoredTemplates): string | undefined {
  const usual = named.length === 1 ? named[0] : named.find(({ name }) => name === "default");
  return alone ?? usual?.template;
}

async function readAlone(path: string): Promise<string | undefined> {
  return ifThere(
    readFile(path, "utf8").catch((cause: unknown) => {
      throw ioError("read", path, cause);
    }),
  );
}

/** What a file holds; undefined where there is no such file. */
async function ifThere<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof TsmergeError && hasErrorCode(error.cause, "ENOENT")) return undefined;
    throw error;
  }
}
