// A model folder that appears whole or not at all: built beside its place and renamed into it.

import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { TsmergeError } from "../base/errors.ts";
import { hasErrorCode, ioError } from "../base/io-error.ts";

export interface OutputFolder {
  /** Where files are written until commit(). */
  readonly staging: string;
  /** Puts the folder in its place; what stood there goes. */
  commit(): Promise<void>;
  /** Removes what was written. */
  discard(): Promise<void>;
}

/**
 * Starts the folder `output` as `output.tmp-<pid>`.
 * Throws TsmergeError `io` when `output` holds files, unless `force` is set and they are a model's: what
 * stands there is deleted, and a slip of the finger must not cost a home folder.
 */
export async function stageFolder(output: string, force: boolean): Promise<OutputFolder> {
  const place = resolve(output);
  const staging = `${place}.tmp-${process.pid}`;
  const aside = `${place}.old-${process.pid}`;
  const files = await filesIn(place);
  const isTaken = files.length > 0;
  const isModel = files.includes("config.json");
  if (isTaken && !(force && isModel)) {
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
      throw ioError(doing, place, cause);
    }
  };
  await attempt("write", async () => {
    await rm(staging, { recursive: true, force: true });
    await mkdir(staging, { recursive: true });
  });
  return {
    staging,
    commit: () =>
      attempt("write", async () => {
        if (isTaken) await rename(place, aside);
        await rename(staging, place); // an empty folder gives way to a rename
        await rm(aside, { recursive: true, force: true });
        await syncFolder(dirname(place));
      }),
    discard: () => attempt("remove", () => rm(staging, { recursive: true, force: true })),
  };
}

async function filesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    if (hasErrorCode(cause, "ENOENT")) return [];
    throw ioError("read", folder, cause);
  }
}

/** Makes the rename durable: a folder is flushed like a file. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
