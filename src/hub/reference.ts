// Model references as recipes write them: a folder, or org/name[@revision] in the Hugging Face cache, and after
// a plus the LoRA adapter to merge into it, as base+adapter.
// Nothing is downloaded here; a model that is not on this machine is an error with the command that gets it.

import { realpath, stat } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import { TsmergeError } from "../base/errors.ts";
import { hasErrorCode, ioError } from "../base/io-error.ts";
import { cachedRepository, cacheRoot, type Environment, expandHome } from "./cache.ts";
import { joinLocation } from "./location.ts";

export interface ResolveOptions {
  /** Folders that a relative path may start from, the first that has it wins: usually the working folder, then the recipe's. */
  readonly searchRoots: readonly string[];
  readonly environment: Environment;
}

const CHECK_PATH = "check the path: relative ones start from the working folder or the recipe's";

/** Hugging Face's rule for repository names, at most one slash. */
const REPOSITORY = /^[\w][\w.-]*(\/[\w][\w.-]*)?$/;
/** Branches, tags and commits; no part may be `..`, for revisions become paths. */
const REVISION = /^(?!.*\.\.)[\w][\w./-]*$/;

/**
 * The location of a model: its folder, and for `base+adapter` its adapter's too (see joinLocation). A folder
 * whose own name holds the plus comes first.
 * @throws TsmergeError `usage` for what is nowhere, saying where it was looked for and how to get it
 */
export async function resolveModel(reference: string, options: ResolveOptions): Promise<string> {
  const [base, adapter, ...rest] = reference.split("+");
  if (base === undefined || adapter === undefined) return resolveFolder(reference, options);
  const { found } = await lookForFolder(reference, options);
  if (found !== undefined) return found;
  if (rest.length > 0) {
    throw new TsmergeError("usage", `"${reference}" names ${rest.length + 1} adapters`, {
      hint: "merge the model with one of them first, then write thatModel+adapter",
    });
  }
  const folder = await resolveFolder(base, options);
  return joinLocation(folder, await resolveFolder(adapter, options));
}

/**
 * The real path of the folder a reference without adapter means: a path under the search roots or an absolute
 * one, else the cached snapshot of a repository, at `@revision` or main.
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
  const { name, revision } = repository;
  const root = cacheRoot(options.environment);
  const { snapshot, commits, directory } = await cachedRepository(name, revision ?? "main", root);
  if (snapshot !== undefined) return realpath(snapshot);
  looked.push(join(directory, "snapshots"));
  const download = `hf download ${name}${revision === undefined ? "" : ` --revision ${revision}`}`;
  const cached = commits.length === 0 ? "" : `, or write ${name}@${commits[0]}, which is cached`;
  throw notFound(reference, looked, `run \`${download}\`${cached}`);
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

function parseRepository(
  reference: string,
): { name: string; revision: string | undefined } | undefined {
  const [name, revision, ...rest] = reference.split("@");
  if (name === undefined || rest.length > 0 || !REPOSITORY.test(name)) return undefined;
  if (revision !== undefined && !REVISION.test(revision)) return undefined;
  return { name, revision };
}

function notFound(reference: string, looked: readonly string[], hint: string): TsmergeError {
  const places = looked.join(", ");
  return new TsmergeError("usage", `model "${reference}" is not at ${places}`, { hint });
}
