// One file from the hub into the cache's blobs: it goes on after a cut and after a kill, and has its final name
// only when every byte was checked against the hash that the hub lists.

import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { TsmergeError } from "../base/errors.ts";
import { ioError } from "../base/io-error.ts";
import { ifThere, type ListedFile } from "./cache.ts";
import { type Connection, reasonOf } from "./connection.ts";
import { refusal } from "./refusal.ts";
import { pagePath, type Repository } from "./repository.ts";

/** Connections that end without a byte, one after another, before the file is given up. */
const BARREN_ROUNDS = 6;

export interface Transfer {
  readonly repository: Repository;
  readonly commit: string;
  /** Path in the repository. */
  readonly path: string;
  readonly file: ListedFile;
  /** The repository's folder in the cache. */
  readonly directory: string;
  /** Told of bytes as they come; less than nothing when they must come again. */
  readonly onBytes: (bytes: number) => void;
}

/** The name of a file's blob, huggingface_hub's: the SHA-256 of large files, Git's SHA-1 of others. */
export function blobPath(directory: string, { sha256, blobId }: ListedFile): string {
  return join(directory, "blobs", sha256 ?? blobId);
}

function partialPath(directory: string, file: ListedFile): string {
  return `${blobPath(directory, file)}.incomplete`;
}

/** Bytes that the disk must have free for a file: what an earlier download brought lies there already. */
export async function missingBytes(directory: string, file: ListedFile): Promise<number> {
  const path = partialPath(directory, file);
  const found = await ifThere(stat(path), path);
  return Math.max(0, file.size - (found?.size ?? 0));
}

/**
 * Fetches a file.
 * @throws TsmergeError `data` when the bytes are not those the hub lists, twice; `io` when the disk or the
 * network refuses; `usage` for a file that is not ours to read
 */
export async function fetchBlob(connection: Connection, transfer: Transfer): Promise<void> {
  const { directory, file, onBytes } = transfer;
  const blob = blobPath(directory, file);
  const partial = partialPath(directory, file);
  await mkdir(join(directory, "blobs"), { recursive: true }).catch((cause: unknown) => {
    throw ioError("create", join(directory, "blobs"), cause);
  });
  let digest = "";
  for (let attempt = 1; attempt <= 2; attempt++) {
    digest = await complete(connection, transfer, partial);
    if (digest === (file.sha256 ?? file.blobId)) {
      await rename(partial, blob).catch((cause: unknown) => {
        throw ioError("rename", partial, cause);
      });
      return;
    }
    // the beginning may be another program's, or the line noisy: once more from nothing
    await rm(partial, { force: true });
    onBytes(-file.size);
  }
  throw new TsmergeError(
    "data",
    `${transfer.path} of ${transfer.repository.name} came with hash ${digest} instead of ${file.sha256 ?? file.blobId}`,
    { hint: "something between the hub and you changes files: try another network or HF_ENDPOINT" },
  );
}

/** Appends what is missing, and gives the hash of the whole. */
async function complete(
  connection: Connection,
  transfer: Transfer,
  partial: string,
): Promise<string> {
  const { file, onBytes } = transfer;
  const handle = await open(partial, "a").catch((cause: unknown) => {
    throw ioError("write", partial, cause);
  });
  try {
    const state = await resumed(handle, partial, file);
    onBytes(state.size);
    for (let barren = 0; state.size < file.size; ) {
      const before = state.size;
      const cut = await appendRound(connection, transfer, handle, state);
      barren = state.size > before ? 0 : barren + 1;
      if (cut === undefined) continue;
      if (barren >= BARREN_ROUNDS) {
        throw new TsmergeError(
          "io",
          `the download of ${transfer.path} keeps breaking off: ${cut}`,
          {
            hint: "run the command again later: it goes on where it was",
          },
        );
      }
      if (barren > 0) await connection.wait(connection.backoff(barren), cut);
    }
    await handle.sync();
    return state.hash.digest("hex");
  } finally {
    await handle.close();
  }
}

interface State {
  size: number;
  hash: Hash;
}

function emptyState({ sha256, size }: ListedFile): State {
  // Git hashes a header before the content (Pro Git, "Git Objects")
  const hash =
    sha256 === undefined ? createHash("sha1").update(`blob ${size}\0`) : createHash("sha256");
  return { size: 0, hash };
}

/** The state after the bytes that are there. */
async function resumed(handle: FileHandle, path: string, file: ListedFile): Promise<State> {
  const state = emptyState(file);
  const { size } = await handle.stat();
  if (size > file.size) {
    await handle.truncate(0);
    return state;
  }
  for await (const chunk of createReadStream(path)) state.hash.update(chunk as Buffer); // no encoding is set
  state.size = size;
  return state;
}

/** Appends what one connection brings. Gives the reason when it ended early. */
async function appendRound(
  connection: Connection,
  { repository, commit, path, file, directory, onBytes }: Transfer,
  handle: FileHandle,
  state: State,
): Promise<string | undefined> {
  const url = `${pagePath(repository)}/resolve/${commit}/${path.split("/").map(encodeURIComponent).join("/")}`;
  const range = state.size === 0 ? undefined : `bytes=${state.size}-`;
  const response = await connection.ask(url, range);
  if (!response.ok && response.status !== 416) throw refusal(response, repository, connection);
  const continues =
    response.headers.get("content-range")?.startsWith(`bytes ${state.size}-`) === true;
  if (range !== undefined && !continues) {
    // the server sends the whole, or another part: what is here counts no more
    await handle.truncate(0);
    onBytes(-state.size);
    Object.assign(state, emptyState(file));
    if (response.status !== 200) {
      await response.body?.cancel();
      return "the server does not continue files";
    }
  }
  try {
    for await (const chunk of response.body ?? []) {
      await append(handle, chunk, blobPath(directory, file));
      state.hash.update(chunk);
      state.size += chunk.byteLength;
      onBytes(chunk.byteLength);
      if (state.size > file.size) break; // the hash will say no
    }
  } catch (failure) {
    if (failure instanceof TsmergeError) throw failure;
    return reasonOf(failure);
  }
  return state.size < file.size ? "the connection ended early" : undefined;
}

async function append(handle: FileHandle, chunk: Uint8Array, path: string): Promise<void> {
  try {
    await handle.writeFile(chunk);
  } catch (cause) {
    throw ioError("write", path, cause);
  }
}
