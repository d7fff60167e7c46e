// A model as a Checkpoint, by its location: a Hugging Face model folder, or one with a LoRA adapter that is
// merged into its tensors as they are read.

import { realpath } from "node:fs/promises";
import { ioError } from "../base/io-error.ts";
import { splitLocation } from "../hub/location.ts";
import { openAdapted } from "./adapted.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { openFiles } from "./files.ts";
import { weightFiles } from "./folder.ts";

/**
 * Opens a model, reading headers only.
 * @param location as of joinLocation
 * @throws TsmergeError `checkpoint` or `io` with the file that is wrong, `incompatible` for an adapter that
 * does not fit
 */
export async function openCheckpoint(location: string): Promise<Checkpoint> {
  const { folder, adapter } = splitLocation(location);
  const directory = await realFolder(folder);
  const base = await openFiles(directory, await weightFiles(directory));
  if (adapter === undefined) return base;
  try {
    return await openAdapted(base, await realFolder(adapter));
  } catch (error) {
    await base.close();
    throw error;
  }
}

async function realFolder(path: string): Promise<string> {
  return realpath(path).catch((cause: unknown) => {
    throw ioError("open", path, cause);
  });
}
