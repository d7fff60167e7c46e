// What a merge needs of a config.json, of any architecture: who the model is and how its head is tied. What
// a forward pass needs besides, and refuses, is config.ts's.

import { join } from "node:path";
import { z } from "zod";
import { TsmergeError } from "../../base/errors.ts";
import { memberOf, readJson } from "../../base/json.ts";

export interface StoredConfig {
  /** The one entry of `architectures`, or model_type where that list is absent. */
  readonly architecture: string;
  readonly raw: Readonly<Record<string, unknown>>;
}

const schema = z.looseObject({
  architectures: z.array(z.string()).nullish(),
  model_type: z.string().nullish(),
});

/**
 * The configuration in `directory/config.json`. Throws as {@link parseStoredConfig}, and `io` if there is no such
 * file.
 */
export async function readStoredConfig(directory: string): Promise<StoredConfig> {
  const file = join(directory, "config.json");
  return parseStoredConfig(await readJson(file), file);
}

/**
 * @param where the file, for errors
 * @throws TsmergeError `incompatible` for what is no object, and for several architectures
 */
export function parseStoredConfig(json: unknown, where: string): StoredConfig {
  const fail = (message: string, hint: string) =>
    new TsmergeError("incompatible", message, { where, hint });
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const path = parsed.error.issues[0]?.path.join(".") || "the whole file";
    throw fail(`${path} is malformed`, "download the model's config.json again");
  }
  const raw = parsed.data;
  const names = raw.architectures ?? [];
  if (names.length > 1) {
    throw fail(
      `architectures is ${JSON.stringify(names)}: one model has one`,
      "keep the class that the weights were saved from",
    );
  }
  return { architecture: names[0] ?? raw.model_type ?? "an unnamed architecture", raw };
}

/** Whether the weights are stored as numbers that mean something only with their scales. */
export function isQuantized({ raw }: StoredConfig): boolean {
  return raw.quantization_config !== undefined && raw.quantization_config !== null;
}

/** The value at a key such as `hidden_size` or, with a dot, in a nested object. */
export function configValue(raw: Readonly<Record<string, unknown>>, key: string): unknown {
  return key.split(".").reduce<unknown>((at, part) => memberOf(at, part), raw);
}

/** A copy with the value at a key as of {@link configValue} replaced. */
export function withConfigValue(
  raw: Readonly<Record<string, unknown>>,
  key: string,
  value: unknown,
): Record<string, unknown> {
  const [first, ...rest] = key.split(".");
  if (rest.length === 0) return { ...raw, [key]: value };
  const inner = raw[first!]; // split gives at least one part
  const object = inner !== null && typeof inner === "object" ? { ...inner } : {};
  return { ...raw, [first!]: withConfigValue(object, rest.join("."), value) };
}
