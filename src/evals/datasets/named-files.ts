// The files that a task names itself: dataset_path json, csv or parquet with dataset_kwargs.data_files, one
// file, several or a pattern, for all or by split. Relative ones start from the task file's folder.

import { dirname, join, resolve } from "node:path";
import picomatch from "picomatch";
import { TsmergeError } from "../../base/errors.ts";
import { filesBelow, readFiles, type Split } from "./folder.ts";

/** The `dataset_path`s that mean files of a format instead of a data set. */
export const FILE_FORMATS: readonly string[] = ["json", "csv", "parquet"];

/**
 * A split of named files.
 * @param dataFiles dataset_kwargs.data_files
 * @param where the task file
 * @throws TsmergeError `data` when the split names no files or a pattern finds none, and as readRows
 */
export async function readNamedFiles(
  dataFiles: unknown,
  split: string,
  where: string,
): Promise<Split> {
  const folder = dirname(where);
  const files: string[] = [];
  for (const name of namedFiles(dataFiles, split, where)) {
    files.push(...(await expand(name, folder, where)));
  }
  return readFiles(folder, files);
}

/** A pattern's files in ascending order; a plain name is itself, there or not. */
async function expand(name: string, folder: string, where: string): Promise<string[]> {
  const { isGlob, base, glob } = picomatch.scan(name.replace(/^\.\//, ""));
  if (!isGlob) return [name];
  const matches = picomatch(glob);
  const found = (await filesBelow(resolve(folder, base))).filter((path) => matches(path)).sort();
  if (found.length > 0) return found.map((path) => join(base, path));
  throw new TsmergeError("data", `dataset_kwargs.data_files: ${name} matches no file`, {
    where,
    hint: `patterns are relative to ${folder}`,
  });
}

/** Files of a split; files that stand under no split are the split `train`, as the `datasets` library has it. */
function namedFiles(dataFiles: unknown, split: string, where: string): readonly string[] {
  const bySplit: Readonly<Record<string, unknown>> =
    typeof dataFiles === "object" && dataFiles !== null && !Array.isArray(dataFiles)
      ? (dataFiles as Readonly<Record<string, unknown>>) // a mapping from YAML
      : { train: dataFiles };
  const named = bySplit[split];
  const list = typeof named === "string" ? [named] : Array.isArray(named) ? named : [];
  if (list.length > 0 && list.every((name) => typeof name === "string")) return list;
  throw new TsmergeError(
    "data",
    `dataset_kwargs.data_files names no files for the split ${split}`,
    {
      where,
      hint: `write dataset_kwargs: { data_files: { ${split}: questions.jsonl } }`,
    },
  );
}
