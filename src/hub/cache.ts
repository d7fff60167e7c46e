// The Hugging Face cache on disk: models--org--name/{blobs,refs,snapshots}. Read only, and no network.

import { readdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { hasErrorCode, ioError } from "../base/io-error.ts";

/** Environment variables, handed in by the command line. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The folder that holds the cached repositories, from the variables huggingface_hub honours, in its order. */
export function cacheRoot(environment: Environment): string {
  const named = environment.HF_HUB_CACHE || environment.HUGGINGFACE_HUB_CACHE; // empty means unset
  if (named) return expandHome(named, environment);
  if (environment.HF_HOME) return join(expandHome(environment.HF_HOME, environment), "hub");
  const cache = environment.XDG_CACHE_HOME || join(homeOf(environment), ".cache");
  return join(expandHome(cache, environment), "huggingface", "hub");
}

/** `~/models` with the home folder in place of the tilde. */
export function expandHome(path: string, environment: Environment): string {
  return path === "~" || path.startsWith("~/") ? join(homeOf(environment), path.slice(1)) : path;
}

function homeOf(environment: Environment): string {
  return environment.HOME || homedir();
}

export interface CachedRepository {
  /** The folder of the revision asked for, if the cache has it. */
  readonly snapshot: string | undefined;
  /** Commits the cache has, whatever was asked for. */
  readonly commits: readonly string[];
  /** Where it was looked for. */
  readonly directory: string;
}

/**
 * Looks a repository up.
 * @param name `org/name`, or `name` for the few without an organisation
 * @param revision a branch, a tag, or a commit of 40 digits
 */
export async function cachedRepository(
  name: string,
  revision: string,
  root: string,
): Promise<CachedRepository> {
  const directory = join(root, `models--${name.replace("/", "--")}`);
  const commits = await absentAs([], readdir(join(directory, "snapshots")), directory);
  const reference = join(directory, "refs", ...revision.split("/"));
  const commit = commits.includes(revision)
    ? revision
    : (await absentAs("", readFile(reference, "utf8"), reference)).trim();
  const snapshot = commits.includes(commit) ? join(directory, "snapshots", commit) : undefined;
  return { snapshot, commits, directory };
}

/** What a read of the file system gives, or `fallback` where there is nothing. */
async function absentAs<T>(fallback: T, reading: Promise<T>, path: string): Promise<T> {
  try {
    return await reading;
  } catch (cause) {
    const isAbsent = ["ENOENT", "ENOTDIR", "EISDIR"].some((code) => hasErrorCode(cause, code));
    if (isAbsent) return fallback;
    throw ioError("read", path, cause);
  }
}
