// A data set as a folder that is laid out as the hub's repositories are: shards of Parquet or lines of JSON
// by configuration and split, with or without a card. splits.ts knows the names; this module reads.

import { readdir, readFile } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";
import { TsmergeError } from "../../base/errors.ts";
import { hasErrorCode, ioError } from "../../base/io-error.ts";
import { type Row, readRows } from "./records.ts";
import { cardConfigs, filesOfSplit, missingShards } from "./splits.ts";

export interface Split {
  readonly rows: readonly Row[];
  /** SHA-256 of each file that was read, by its name under the data folder. */
  readonly files: Readonly<Record<string, string>>;
}

/** What a folder without its README.md looks like, for hints. */
export const FOLDER_LAYOUT =
  "<config>/<split>-00000-of-00001.parquet, data/<split>.jsonl or the like";

/**
 * A split from a folder.
 * @param config dataset_name of the task file
 * @returns undefined where there is no such folder, or nothing in it for this split
 * @throws TsmergeError `data` for shards that are missing, and as readRows
 */
export async function readFolder(
  folder: string,
  config: string | undefined,
  split: string,
): Promise<Split | undefined> {
  const paths = await filesBelow(folder);
  const card = paths.includes("README.md")
    ? cardConfigs(await readFile(join(folder, "README.md"), "utf8"))
    : [];
  const { files } = filesOfSplit(paths, config, split, card);
  if (files.length === 0) return undefined;
  const missing = missingShards(files);
  if (missing > 0) {
    throw new TsmergeError("data", `${missing} more files of the split ${split} are needed`, {
      where: join(folder, files[0]!),
      hint: "download the data set again",
    });
  }
  return readFiles(folder, files);
}

/** The rows of several files, one after another. */
export async function readFiles(folder: string, names: readonly string[]): Promise<Split> {
  const rows: Row[] = [];
  const files: Record<string, string> = {};
  for (const name of names) {
    const file = await readRows(resolve(folder, name));
    files[name] = file.sha256;
    for (const row of file.rows) rows.push(row); // a spread of all would overflow the stack
  }
  return { rows, files };
}

/** Paths of the files below a folder, with slashes; none where there is no folder. */
export async function filesBelow(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory())
      .map(({ parentPath, name }) => relative(folder, join(parentPath, name)).split(sep).join("/"));
  } catch (cause) {
    if (hasErrorCode(cause, "ENOENT") || hasErrorCode(cause, "ENOTDIR")) return [];
    throw ioError("read", folder, cause);
  }
}
