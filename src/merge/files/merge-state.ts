// What an interrupted merge leaves for the next one: which shards are complete, what is known of their
// tensors, and where mergekit's sequential draws go on. It lies in the staging folder and never in a finished model.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import writeFileAtomic from "write-file-atomic";
import { z } from "zod";
import { hasErrorCode, ioError } from "../../base/io-error.ts";
import { FIX_NAMES } from "../fixes.ts";

/** Its name in the staging folder. */
export const STATE_FILE = ".tsmerge-merge.json";

/** A PlacedTensor. */
const placedSchema = z.strictObject({
  sha256: z.string(),
  fixes: z.array(z.enum(FIX_NAMES)).readonly(),
});

const stateSchema = z.strictObject({
  /** Of plan, parents' files and shard size: another one starts anew. */
  identity: z.string(),
  /** The process that is, or was, at work here. */
  pid: z.number(),
  /** The tensors of each shard that is complete, by name. */
  shards: z.record(z.string(), z.record(z.string(), placedSchema)),
  /** MaskGenerator.state() after the last complete shard. */
  masks: z.array(z.number()).optional(),
});

export type MergeState = z.infer<typeof stateSchema>;

/**
 * The state that lies in a staging folder; undefined when there is none, or none that can be read: then
 * the merge starts anew.
 * @throws TsmergeError `io` when the disk fails
 */
export async function readState(staging: string): Promise<MergeState | undefined> {
  let text: string;
  try {
    text = await readFile(join(staging, STATE_FILE), "utf8");
  } catch (cause) {
    if (hasErrorCode(cause, "ENOENT")) return undefined;
    throw ioError("read", join(staging, STATE_FILE), cause);
  }
  try {
    return stateSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined; // no JSON: written by something else
  }
}

/** Replaces the state whole. Throws TsmergeError `io`. */
export async function writeState(staging: string, state: MergeState): Promise<void> {
  try {
    await writeFileAtomic(join(staging, STATE_FILE), JSON.stringify(state));
  } catch (cause) {
    throw ioError("write", join(staging, STATE_FILE), cause);
  }
}
