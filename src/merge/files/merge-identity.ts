// What must be equal for a merge to go on where another stopped. Cheaper than planHash: files count by size
// and time of change, not by what they hold.

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { contentHash } from "../../base/hash.ts";
import { ioError } from "../../base/io-error.ts";
import { splitLocation } from "../../hub/location.ts";
import { PLAN_VERSION } from "../fingerprint.ts";
import type { MergePlan } from "../plan.ts";

/** A hash of the plan, the parents' files and the size of shards. Throws TsmergeError `io`. */
export async function mergeIdentity(
  plan: MergePlan,
  shardBytes: number | undefined,
): Promise<string> {
  const parents = await Promise.all(plan.models.map(filesOf));
  return contentHash({ version: PLAN_VERSION, plan, parents, shardBytes: shardBytes ?? null });
}

/** Name, size and time of change of a model's files: quicker than a hash of what they hold. */
async function filesOf(location: string): Promise<[string, number, number][]> {
  const { folder, adapter } = splitLocation(location);
  const own = await filesIn(folder);
  return adapter === undefined ? own : [...own, ...(await filesIn(adapter))];
}

async function filesIn(directory: string): Promise<[string, number, number][]> {
  try {
    const names = (await readdir(directory)).sort();
    return await Promise.all(
      names.map(async (name) => {
        const { size, mtimeMs } = await stat(join(directory, name));
        return [name, size, mtimeMs] as [string, number, number];
      }),
    );
  } catch (cause) {
    throw ioError("read", directory, cause);
  }
}
