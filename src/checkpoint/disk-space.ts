// Room on the disks that folders lie on, or would lie on, compared with what is to be written there.

import { stat, statfs } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { TsmergeError } from "../base/errors.ts";
import { hasErrorCode, ioError } from "../base/io-error.ts";

export interface DiskSpace {
  /** Equal for folders on one disk. */
  readonly device: number;
  /** Infinity where the file system does not tell. */
  readonly freeBytes: number;
}

/** What is to be written into a folder, which need not exist. */
export interface Demand {
  readonly folder: string;
  readonly bytes: number;
}

/** The disk that a folder would lie on. Throws TsmergeError `io`. */
export async function diskSpace(folder: string): Promise<DiskSpace> {
  for (let path = resolve(folder); ; path = dirname(path)) {
    try {
      const { bavail, bsize, blocks } = await statfs(path);
      const { dev } = await stat(path);
      return { device: dev, freeBytes: blocks === 0 ? Number.POSITIVE_INFINITY : bavail * bsize };
    } catch (cause) {
      if (!hasErrorCode(cause, "ENOENT") || path === dirname(path))
        throw ioError("look at", path, cause);
    }
  }
}

/** A sentence for each disk that lacks room for all that is to be written to it. Throws as diskSpace. */
export async function roomProblems(demands: readonly Demand[]): Promise<string[]> {
  const disks = new Map<number, Demand & DiskSpace>();
  for (const { folder, bytes } of demands) {
    const disk = await diskSpace(folder);
    const { bytes: more = 0 } = disks.get(disk.device) ?? {};
    disks.set(disk.device, { ...disk, folder, bytes: bytes + more });
  }
  return [...disks.values()].flatMap(({ folder, bytes, freeBytes }) =>
    bytes > freeBytes
      ? [`the disk of ${folder} has ${mebibytes(freeBytes)} free of ${mebibytes(bytes)} needed`]
      : [],
  );
}

/** Throws TsmergeError `io` with the sentences of {@link roomProblems}. */
export async function requireRoom(demands: readonly Demand[]): Promise<void> {
  const problems = await roomProblems(demands);
  if (problems.length === 0) return;
  throw new TsmergeError("io", problems.join("; "), {
    hint: "free some space, or choose a folder on another disk",
  });
}

/** Whole MiB, rounded up. */
export function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}
