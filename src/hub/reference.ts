// Model references as recipes write them: a folder, or org/name[@revision] in the Hugging Face cache or on the
// hub, and after a plus the LoRA adapter to merge into it, as base+adapter. A folder goes before a name.

import { realpath, stat } from "node:fs/promises";
import { isAbsolute, resolve } from "node:path";
import { TsmergeError } from "../base/errors.ts";
import { hasErrorCode, ioError } from "../base/io-error.ts";
import { expandHome } from "./cache.ts";
import { ensureModel, openModel } from "./fetch.ts";
import { joinLocation } from "./location.ts";
import { parseRepository } from "./repository.ts";
import type { HubAccess } from "./settings.ts";

export interface ResolveOptions extends HubAccess {
  /** Folders that a relative path may start from, the first that has it wins: usually the working folder, then the recipe's. */
  readonly searchRoots: readonly string[];
}

const CHECK_PATH = "check the path: relative ones start from the working folder or the recipe's";

/**
 * The location of a model: its folder, and for `base+adapter` its adapter's too (see joinLocation). A folder
 * whose own path holds a plus comes first.
 * @throws TsmergeError `usage` for what is nowhere, saying where it was looked for and how to get it
 */
export async function resolveModel(reference: string, options: ResolveOptions): Promise<string> {
  const plus = reference.lastIndexOf("+");
  if (plus < 0) return resolveFolder(reference, options);
  const { found } = await lookForFolder(reference, options);
  if (found !== undefined) return found;
  const [base, adapter] = [reference.slice(0, plus), reference.slice(plus + 1)];
  if (base.includes("+") && (await lookForFolder(base, options)).found === undefined) {
    const adapters = reference.split("+").length - 1;
    throw new TsmergeError("usage", `"${reference}" names ${adapters} adapters`, {
      hint: "merge the model with one of them first, then write thatModel+adapter",
    });
  }
  const folder = await resolveFolder(base, options);
  return joinLocation(folder, await resolveFolder(adapter, options));
}

/**
 * The real path of the folder a reference without adapter means: a path under the search roots or an absolute
 * one, else the snapshot of a repository at `@revision` or main, downloaded where the cache does not have it.
 */
async function resolveFolder(reference: string, options: ResolveOptions): Promise<string> {
  if (reference.trim() === "") {
    throw new TsmergeError("usage", "a model's name is empty", {
      hint: "give a folder or org/name",
    });
  }
  const { found, looked } = await lookForFolder(reference, options);
  if (found !== undefined) return found;
  const repository = parseRepository(reference);
  if (repository === undefined) throw notFound(reference, looked, CHECK_PATH);
  const snapshot = await openModel(repository, options).catch((error: unknown) => {
    if (!(error instanceof TsmergeError) || error.code === "interrupted") throw error;
    // a path with a slip in it reads as a repository, so both places are named
    const message = `model "${reference}" is not at ${looked.join(", ")}, and ${error.message}`;
    const { code, hint = CHECK_PATH } = error;
    throw new TsmergeError(code, message, { hint, cause: error });
  });
  return ensureModel(snapshot);
}

/** The first folder of that path under the search roots, and where it was looked for in vain. */
async function lookForFolder(
  reference: string,
  { searchRoots, environment }: ResolveOptions,
): Promise<{ found?: string; looked: string[] }> {
  const path = expandHome(reference, environment);
  const looked: string[] = [];
  for (const root of isAbsolute(path) ? [""] : searchRoots) {
    const candidate = resolve(root, path);
    const found = await folderAt(candidate);
    if (found !== undefined) return { found, looked };
    if (!looked.includes(candidate)) looked.push(candidate);
  }
  return { looked };
}

/** The real path of a folder, undefined where nothing is. */
async function folderAt(path: string): Promise<string | undefined> {
  try {
    const real = await realpath(path);
    if ((await stat(real)).isDirectory()) return real;
  } catch (cause) {
    if (hasErrorCode(cause, "ENOENT") || hasErrorCode(cause, "ENOTDIR")) return undefined;
    throw ioError("read", path, cause);
  }
  throw new TsmergeError("usage", `${path} is a file, and a model is a folder`, {
    hint: "give the folder that holds config.json and the weights",
  });
}

function notFound(reference: string, looked: readonly string[], hint: string): TsmergeError {
  const places = looked.join(", ");
  return new TsmergeError("usage", `model "${reference}" is not at ${places}`, { hint });
}
