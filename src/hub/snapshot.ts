// A commit of a repository as a folder in the cache: what is missing comes from the hub, and what is there is
// not asked for again. A branch stays what it was when it was first asked for, unless it is asked for on purpose.

import { mkdir, readdir, realpath, stat, statfs, symlink } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { TsmergeError } from "../base/errors.ts";
import { hasErrorCode, ioError } from "../base/io-error.ts";
import {
  type CachedRepository,
  cachedRepository,
  cacheRoot,
  ifThere,
  rememberTree,
  snapshotFolder,
  type Tree,
} from "./cache.ts";
import { Connection } from "./connection.ts";
import { listRepository } from "./listing.ts";
import { underLock } from "./lock.ts";
import { cacheFolder, downloadCommand, isCommit, type Repository } from "./repository.ts";
import { type HubAccess, isOffline } from "./settings.ts";
import { blobPath, fetchBlob, missingBytes } from "./transfer.ts";

/** Files that come at once: a connection to a CDN is slower than most lines. */
const AT_ONCE = 4;

export interface Snapshot {
  /** The folder of the commit, by its real path; holds nothing before files are asked for. */
  readonly folder: string;
  /** Every file of the commit, with slashes, or those that are cached where nobody listed it. */
  readonly paths: readonly string[];
  /** Sees to it that files are there. Throws as a download does. */
  ensure(paths: readonly string[]): Promise<void>;
}

export type Freshness = "cached" | "asked";

/**
 * Opens a commit: from the cache where it knows its files, else from the hub.
 * @param suffices whether a cached folder of unknown completeness (another program's) will do as it is
 * @param freshness `asked` asks the hub what a branch is now; `cached` takes what it was when it was cached
 * @throws TsmergeError `usage` for what the hub does not have or does not show, and offline for what the cache
 * does not have; `io`, `data` and `interrupted` as the network, the disk and the user would have it
 */
export async function openSnapshot(
  repository: Repository,
  access: HubAccess,
  suffices: (paths: readonly string[]) => boolean,
  freshness: Freshness = "cached",
): Promise<Snapshot> {
  const root = cacheRoot(access.environment);
  const cached = await cachedRepository(repository, root);
  const { directory, commit, tree } = cached;
  const offline = isOffline(access.environment);
  const mayBeCached = freshness === "cached" || offline;
  if (
    commit !== undefined &&
    tree !== undefined &&
    (mayBeCached || isCommit(repository.revision))
  ) {
    return listed(repository, access, { directory, commit, tree });
  }
  if (commit !== undefined && cached.commits.includes(commit)) {
    const folder = snapshotFolder(directory, commit);
    const paths = await readdir(folder, { recursive: true });
    if (offline || (mayBeCached && suffices(paths))) {
      return { folder: await realpath(folder), paths, ensure: async () => {} };
    }
  }
  if (offline) throw notCached(repository, cached);
  const connection = await Connection.open(access);
  try {
    const listing = await listRepository(connection, repository);
    await rememberTree(directory, repository.revision, listing.commit, listing.tree);
    return listed(repository, access, { directory, ...listing });
  } finally {
    await connection.close();
  }
}

interface Listed {
  readonly directory: string;
  readonly commit: string;
  readonly tree: Tree;
}

async function listed(
  repository: Repository,
  access: HubAccess,
  { directory, commit, tree }: Listed,
): Promise<Snapshot> {
  const folder = snapshotFolder(directory, commit);
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw ioError("create", folder, cause);
  });
  return {
    folder: await realpath(folder),
    paths: [...tree.keys()],
    async ensure(paths) {
      if ((await absent(folder, paths)).length === 0) return;
      if (isOffline(access.environment)) {
        throw new TsmergeError(
          "usage",
          `${repository.name} is cached without ${(await absent(folder, paths))[0]}, and HF_HUB_OFFLINE is set`,
          { hint: `unset it, or run \`${downloadCommand(repository)}\` where there is a network` },
        );
      }
      await download(repository, access, { directory, commit, tree }, paths);
    },
  };
}

/** Paths that a snapshot does not have. */
async function absent(folder: string, paths: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    paths.map((path) => ifThere(stat(join(folder, path)), join(folder, path))),
  );
  return paths.filter((_, index) => found[index] === undefined);
}

async function download(
  repository: Repository,
  access: HubAccess,
  { directory, commit, tree }: Listed,
  wanted: readonly string[],
): Promise<void> {
  const stop = new AbortController(); // the first file that fails stops the others
  const signal = AbortSignal.any([stop.signal, ...(access.signal ? [access.signal] : [])]);
  const connection = await Connection.open({ ...access, signal });
  const folder = snapshotFolder(directory, commit);
  const lock = join(dirname(directory), ".locks", cacheFolder(repository), "tsmerge.lock");
  try {
    await underLock(lock, waitFor(connection, repository), async () => {
      const paths = await absent(folder, wanted); // another process may have brought them meanwhile
      // equal files are one blob, which two workers must not write at once
      const blobs = new Map(paths.map((path) => [blobPath(directory, tree.get(path)!), path]));
      for (const blob of [...blobs.keys()]) {
        if ((await ifThere(stat(blob), blob)) !== undefined) blobs.delete(blob); // of another commit
      }
      const files = [...blobs.values()].map((path) => tree.get(path)!);
      const totalBytes = sumOf(files.map(({ size }) => size));
      const missing = await Promise.all(files.map((file) => missingBytes(directory, file)));
      await refuseFullDisk(directory, sumOf(missing), repository);
      let bytes = 0;
      const onBytes = (more: number): void => {
        bytes += more;
        const counts = { bytes, totalBytes, files: blobs.size };
        access.onHubEvent?.({ type: "download", repository: repository.name, ...counts });
      };
      const queue = blobs.values();
      const work = async (): Promise<void> => {
        for (const path of queue) {
          const file = tree.get(path)!; // the wanted paths are of the tree
          await fetchBlob(connection, { repository, commit, path, file, directory, onBytes });
        }
      };
      const workers = Array.from({ length: AT_ONCE }, () =>
        work().catch((error: unknown) => {
          stop.abort();
          throw error;
        }),
      );
      const failed = (await Promise.allSettled(workers)).flatMap((outcome) =>
        outcome.status === "rejected" ? [outcome.reason as unknown] : [],
      );
      const first = failed.find((error) => !isInterruption(error)) ?? failed[0];
      if (first !== undefined) throw first;
      for (const path of paths)
        await link(blobPath(directory, tree.get(path)!), join(folder, path));
    });
  } finally {
    await connection.close();
  }
}

function sumOf(sizes: readonly number[]): number {
  return sizes.reduce((sum, size) => sum + size, 0);
}

function isInterruption(error: unknown): boolean {
  return error instanceof TsmergeError && error.code === "interrupted";
}

/** Sleeps between looks at the lock, and says so once. */
function waitFor(connection: Connection, { name }: Repository) {
  let isSaid = false;
  return async (delayMs: number, holder: string): Promise<void> => {
    await connection.wait(
      delayMs,
      isSaid ? undefined : `another process (${holder}) downloads ${name}`,
    );
    isSaid = true;
  };
}

async function refuseFullDisk(
  directory: string,
  neededBytes: number,
  { name }: Repository,
): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  if (neededBytes <= bavail * bsize) return;
  const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(1);
  throw new TsmergeError(
    "io",
    `${name} needs ${gigabytes(neededBytes)} GB, and ${gigabytes(bavail * bsize)} GB are free at ${directory}`,
    { hint: "free some space, or choose a folder on another disk with HF_HUB_CACHE" },
  );
}

/** Links a snapshot's file to its blob, relative, so that a cache can be moved. */
async function link(blob: string, path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await symlink(relative(dirname(path), blob), path);
  } catch (cause) {
    if (!hasErrorCode(cause, "EEXIST")) throw ioError("link", path, cause);
  }
}

/** What a cache without network says. */
function notCached(repository: Repository, { directory, commits }: CachedRepository): TsmergeError {
  const { kind, name, revision } = repository;
  const other = commits.length === 0 ? "" : `, or write ${name}@${commits[0]}, which is cached`;
  return new TsmergeError(
    "usage",
    `the ${kind} ${name} at ${revision} is not in ${directory}, and HF_HUB_OFFLINE is set`,
    {
      hint: `unset it, or run \`${downloadCommand(repository)}\` where there is a network${other}`,
    },
  );
}
