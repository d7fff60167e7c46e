// A model folder that appears whole or not at all: built beside its place and renamed into it. What an
// interrupted merge built stays beside it, so that the next one goes on from there.

import { lstat, mkdir, readdir, realpath, rename, rm } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { TsmergeError } from "../../base/errors.ts";
import { hasErrorCode, ioError } from "../../base/io-error.ts";
import { syncFolder } from "../../checkpoint/durable.ts";
import { type MergeState, readState, STATE_FILE, writeState } from "./merge-state.ts";

export interface OutputFolder {
  /** Where files are written until commit(). */
  readonly staging: string;
  /** What an interrupted merge of the same identity left. */
  readonly resumed: MergeState | undefined;
  /** As it lies in the staging folder now. */
  readonly state: MergeState;
  /** Puts the folder in its place; what stood there goes. */
  commit(): Promise<void>;
  /** Removes what was written. */
  discard(): Promise<void>;
}

export interface StageOptions {
  /** Replace a folder that holds a model. */
  readonly force: boolean;
  /** Go on from what an interrupted merge left; false deletes it. */
  readonly resume: boolean;
  /** What must be equal for the next merge to go on from here. */
  readonly identity: string;
  /** Folders that the merge reads. */
  readonly sources: readonly string[];
}

/** Where the model of `output` is built. */
export function stagingOf(output: string): string {
  return `${resolve(output)}.tsmerge-partial`;
}

/**
 * Starts the folder `output` as `output.tsmerge-partial`.
 * Throws TsmergeError `io` when `output` holds files, unless `force` is set and they are a model's: what
 * stands there is deleted, and a slip of the finger must not cost a home folder. `io` too when another
 * process is at work on the same output; `usage` when the merge reads what it would replace.
 */
export async function stageFolder(output: string, options: StageOptions): Promise<OutputFolder> {
  const place = await placeOf(output);
  await refuseSource(place, options.sources);
  const staging = stagingOf(place);
  const aside = `${place}.tsmerge-replaced`;
  const left = await readState(staging);
  if (left !== undefined) refuseLiveOwner(left, staging);
  await moveBack(aside, place);
  const files = await filesIn(place);
  const isTaken = files.length > 0;
  const isModel = files.includes("config.json");
  if (isTaken && !(options.force && isModel)) {
    throw new TsmergeError("io", "the output folder is not empty", {
      where: place,
      hint: isModel
        ? "choose another folder, or replace this model with --force"
        : "choose another folder: this one holds no model, so it is not replaced",
    });
  }
  const attempt = async (doing: string, work: () => Promise<unknown>) => {
    try {
      await work();
    } catch (cause) {
      throw cause instanceof TsmergeError ? cause : ioError(doing, place, cause);
    }
  };
  await refuseUnmovable(place, aside);
  const resumed = options.resume && left?.identity === options.identity ? left : undefined;
  const { pid } = process;
  const state = { identity: options.identity, shards: {}, ...resumed, pid };
  await attempt("write", async () => {
    if (resumed === undefined) await rm(staging, { recursive: true, force: true });
    await mkdir(staging, { recursive: true });
    if (resumed !== undefined) await keepShardsOnly(staging);
    await writeState(staging, state);
  });
  return {
    staging,
    resumed,
    state,
    commit: () =>
      attempt("write", async () => {
        await rm(aside, { recursive: true, force: true });
        if (isTaken) await rename(place, aside);
        await rename(staging, place); // an empty folder gives way to a rename
        // only now: were the rename refused, the next merge would go on from the state
        await rm(join(place, STATE_FILE), { force: true });
        await rm(aside, { recursive: true, force: true });
        await syncFolder(dirname(place));
      }),
    discard: () => attempt("remove", () => rm(staging, { recursive: true, force: true })),
  };
}

/** A merge into one of its parents, or around one, would end with the parent gone. */
async function refuseSource(place: string, sources: readonly string[]): Promise<void> {
  for (const source of sources) {
    const read = await realpath(source).catch(() => source); // one that is missing is told where it is opened
    if (read !== place && !read.startsWith(place + sep)) continue;
    throw new TsmergeError("usage", `the output folder would replace ${source}, which is merged`, {
      where: place,
      hint: "choose another folder",
    });
  }
}

/** The folder itself where a link stands for it: a rename would meet the link, perhaps from another disk. */
async function placeOf(output: string): Promise<string> {
  try {
    return await realpath(output);
  } catch (cause) {
    if (!hasErrorCode(cause, "ENOENT")) throw ioError("read", output, cause);
  }
  const isLink = await lstat(output).then(
    (found) => found.isSymbolicLink(),
    () => false, // there is nothing, as it should be
  );
  if (!isLink) return resolve(output);
  throw new TsmergeError("io", "the output is a link that leads nowhere", {
    where: output,
    hint: "make the folder that it leads to, or give another one",
  });
}

/** Undoes a replacement that was killed between its renames: a place where something stands stays as it is. */
async function moveBack(aside: string, place: string): Promise<void> {
  try {
    await rename(aside, place);
  } catch (cause) {
    const isDone = ["ENOENT", "ENOTEMPTY", "EEXIST"].some((code) => hasErrorCode(cause, code));
    if (!isDone) throw ioError("write", place, cause);
  }
}

/** A merge ends with a rename, which is refused to a mounted folder: better known before the merge than after. */
async function refuseUnmovable(place: string, aside: string): Promise<void> {
  try {
    await rename(place, aside);
    await rename(aside, place);
  } catch (cause) {
    if (hasErrorCode(cause, "ENOENT")) return;
    const isMounted = hasErrorCode(cause, "EBUSY") || hasErrorCode(cause, "EXDEV");
    if (!isMounted) throw ioError("replace", place, cause);
    throw new TsmergeError("io", "the output folder is where a disk is mounted", {
      where: place,
      hint: "give a folder inside it: the model's own is put in its place when it is complete",
      cause,
    });
  }
}

function refuseLiveOwner({ pid }: MergeState, staging: string): void {
  if (pid === process.pid || !isAlive(pid)) return;
  throw new TsmergeError("io", `process ${pid} is merging into this folder`, {
    where: staging,
    hint: "wait for it; if that process is no merge, delete the folder",
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return hasErrorCode(cause, "EPERM"); // it is there and somebody else's
  }
}

/** Brings a staging folder back to shards under temporary names: the merge may have died while finishing. */
async function keepShardsOnly(staging: string): Promise<void> {
  for (const name of await readdir(staging)) {
    const path = join(staging, name);
    if (name === STATE_FILE || name.endsWith(".safetensors.tmp")) continue;
    if (name.endsWith(".safetensors")) await rename(path, `${path}.tmp`);
    else await rm(path, { recursive: true });
  }
}

async function filesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    if (hasErrorCode(cause, "ENOENT")) return [];
    throw ioError("read", folder, cause);
  }
}
