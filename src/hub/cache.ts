// The Hugging Face cache on disk, as huggingface_hub lays it out: models--org--name/{blobs,refs,snapshots,trees}.
// No network. A blob is named by its hash and never changes; a snapshot is links to blobs.

import { mkdir, readdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import writeFileAtomic from "write-file-atomic";
import { z } from "zod";
import { hasErrorCode, ioError } from "../base/io-error.ts";
import { cacheFolder, isCommit, type Repository } from "./repository.ts";

/** Environment variables, handed in by the command line. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The folder that holds the cached repositories, from the variables huggingface_hub honours, in its order. */
export function cacheRoot(environment: Environment): string {
  const named = environment.HF_HUB_CACHE || environment.HUGGINGFACE_HUB_CACHE; // empty means unset
  return named ? expandHome(named, environment) : join(hubHome(environment), "hub");
}

/** The folder of the cache and the token. */
export function hubHome(environment: Environment): string {
  if (environment.HF_HOME) return expandHome(environment.HF_HOME, environment);
  const cache = environment.XDG_CACHE_HOME || join(homeOf(environment), ".cache");
  return join(expandHome(cache, environment), "huggingface");
}

/** `~/models` with the home folder in place of the tilde. */
export function expandHome(path: string, environment: Environment): string {
  return path === "~" || path.startsWith("~/") ? join(homeOf(environment), path.slice(1)) : path;
}

function homeOf(environment: Environment): string {
  return environment.HOME || homedir();
}

/** A file of a commit, as the hub lists it. */
export interface ListedFile {
  readonly size: number;
  /** Git's SHA-1 of the file, or of the pointer that stands for it. */
  readonly blobId: string;
  /** Of large files only. */
  readonly sha256?: string | undefined;
}

/** A commit's files by path. A commit never changes, so a listing that is cached stays true. */
export type Tree = ReadonlyMap<string, ListedFile>;

export interface CachedRepository {
  /** The folder of the repository, there or not. */
  readonly directory: string;
  /** What the revision was when it was last asked for. */
  readonly commit: string | undefined;
  /** Commits the cache has files of, whatever was asked for. */
  readonly commits: readonly string[];
  /** The commit's files, where the listing is cached: not by older programs. */
  readonly tree: Tree | undefined;
}

/** The folder of a commit's files. */
export function snapshotFolder(directory: string, commit: string): string {
  return join(directory, "snapshots", commit);
}

/** Looks a repository up. Throws TsmergeError `io` for a cache that cannot be read. */
export async function cachedRepository(
  repository: Repository,
  root: string,
): Promise<CachedRepository> {
  const { revision } = repository;
  const directory = join(root, cacheFolder(repository));
  const commits = (await ifThere(readdir(join(directory, "snapshots")), directory)) ?? [];
  const reference = referencePath(directory, revision);
  const commit =
    isCommit(revision) || commits.includes(revision)
      ? revision
      : (await ifThere(readFile(reference, "utf8"), reference))?.trim();
  const tree = commit === undefined ? undefined : await readTree(directory, commit);
  return { directory, commit, commits, tree };
}

function referencePath(directory: string, revision: string): string {
  return join(directory, "refs", ...revision.split("/"));
}

function treePath(directory: string, commit: string): string {
  return join(directory, "trees", `${commit}.json`);
}

/** huggingface_hub's file of a commit's listing; another version of it is as good as none. */
const treeSchema = z.object({
  format_version: z.literal(1),
  files: z.record(
    z.string(),
    z.object({
      size: z.number(),
      blob_id: z.string(),
      lfs_sha256: z.string().optional(),
      lfs_size: z.number().optional(),
    }),
  ),
});

async function readTree(directory: string, commit: string): Promise<Tree | undefined> {
  const path = treePath(directory, commit);
  const text = await ifThere(readFile(path, "utf8"), path);
  if (text === undefined) return undefined;
  const parsed = treeSchema.safeParse(parseOrNothing(text));
  if (!parsed.success) return undefined;
  return new Map(
    Object.entries(parsed.data.files).map(([file, entry]) => [
      file,
      { size: entry.lfs_size ?? entry.size, blobId: entry.blob_id, sha256: entry.lfs_sha256 },
    ]),
  );
}

function parseOrNothing(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // a listing can be asked for again
  }
}

/** Keeps what a revision is and what it holds. Throws TsmergeError `io` when the disk refuses. */
export async function rememberTree(
  directory: string,
  revision: string,
  commit: string,
  tree: Tree,
): Promise<void> {
  const files = Object.fromEntries(
    [...tree].map(([file, { size, blobId, sha256 }]) => [
      file,
      {
        ...{ size, blob_id: blobId },
        ...(sha256 === undefined ? {} : { lfs_sha256: sha256, lfs_size: size }),
      },
    ]),
  );
  await writeWhole(
    treePath(directory, commit),
    JSON.stringify({ format_version: 1, files }, null, 1),
  );
  if (revision !== commit) await writeWhole(referencePath(directory, revision), commit);
}

async function writeWhole(path: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFileAtomic(path, text);
  } catch (cause) {
    throw ioError("write", path, cause);
  }
}

/** What a read of the file system gives, or undefined where there is nothing. */
export async function ifThere<T>(reading: Promise<T>, path: string): Promise<T | undefined> {
  try {
    return await reading;
  } catch (cause) {
    const isAbsent = ["ENOENT", "ENOTDIR", "EISDIR"].some((code) => hasErrorCode(cause, code));
    if (isAbsent) return undefined;
    throw ioError("read", path, cause);
  }
}
