// One split of a data set from local files: a known layout under --data, a folder laid out as on the hub, or
// the files that a task names. Nothing is fetched.

import { stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { TsmergeError } from "../../base/errors.ts";
import { didYouMean } from "../../base/suggest.ts";
import { FOLDER_LAYOUT, readFolder, type Split } from "./folder.ts";
import { KNOWN_DATASETS, type Layout, layoutOf, type Source } from "./layouts.ts";
import { FILE_FORMATS, readNamedFiles } from "./named-files.ts";
import { parseRows, readText } from "./records.ts";

export interface DatasetReference {
  /** dataset_path of the task file. */
  readonly path: string;
  /** dataset_name. */
  readonly name: string | undefined;
  /** dataset_kwargs.data_files: one file, several, or either by split. */
  readonly dataFiles: unknown;
  /** Rows of each split, where the task file says them. */
  readonly rows?: Readonly<Record<string, number>> | undefined;
  /** The task file; data files are relative to its folder. */
  readonly where: string;
}

/**
 * Reads a split and asserts its number of rows where it is known.
 * @param dataDir the user's folder of benchmark data (`--data`)
 * @throws TsmergeError `data` for missing or malformed files, a split that the data set does not have, or
 * another number of rows than the release has
 */
export async function readSplit(
  reference: DatasetReference,
  split: string,
  dataDir: string | undefined,
): Promise<Split> {
  const { path, name, where } = reference;
  const rows = reference.rows?.[split];
  if (FILE_FORMATS.includes(path)) {
    return withRows(await readNamedFiles(reference.dataFiles, split, where), rows, where);
  }
  if (/^\.{0,2}\//.test(path)) return withRows(await readOwnFolder(reference, split), rows, where);
  const layout = layoutOf(path, name);
  const known = layout?.splits[split];
  const source = known && { ...known, rows: rows ?? known.rows };
  if (layout !== undefined && source === undefined) {
    throw new TsmergeError("data", `${path} has no split ${split}`, {
      where,
      hint: `its splits are ${Object.keys(layout.splits).join(", ")}`,
    });
  }
  const looked: string[] = [];
  if (layout !== undefined && source !== undefined && dataDir !== undefined) {
    for (const root of [join(dataDir, layout.folder), dataDir]) {
      looked.push(root);
      const found = await readLayout(layout, source, root);
      if (found !== undefined) return found;
    }
  }
  for (const folder of dataDir === undefined ? [] : new Set([path, basename(path)])) {
    const root = join(dataDir!, folder);
    looked.push(root);
    const found = await readFolder(root, name, split);
    if (found === undefined) continue;
    return source === undefined ? withRows(found, rows, root) : assertRows(found, source, root);
  }
  const places = looked.length === 0 ? "" : `; looked in ${[...new Set(looked)].join(", ")}`;
  const slip = layout === undefined ? didYouMean(path, KNOWN_DATASETS) : "";
  throw new TsmergeError("data", `no data found for ${path}${slip}${places}`, {
    where,
    hint: missingHint(reference, layout, source),
  });
}

/** dataset_path as a path: a folder laid out as on the hub. */
async function readOwnFolder(
  { path, name, where }: DatasetReference,
  split: string,
): Promise<Split> {
  const folder = resolve(dirname(where), path);
  const found = await readFolder(folder, name, split);
  if (found !== undefined) return found;
  throw new TsmergeError("data", `no data of the split ${split} found in ${folder}`, {
    where,
    hint: `dataset_path is relative to the task file, and its folder holds ${FOLDER_LAYOUT}`,
  });
}

/** What to put where, and the commands that do it. */
function missingHint(
  { path, name }: DatasetReference,
  layout: Layout | undefined,
  source: Source | undefined,
): string {
  const own =
    layout === undefined || source === undefined
      ? ""
      : `DIR or DIR/${layout.folder} holds ${source.names.join(" or ")} (${layout.origin}), or `;
  const config = name === undefined ? "" : ` with the configuration ${name}`;
  const download = `hf download --repo-type dataset ${path} --local-dir DIR/${path}`;
  return `--data DIR, where ${own}DIR/${path} holds a copy of the hub's data set${config} (\`${download}\`)`;
}

/** A split's own file with the one beside it; undefined where there is none. */
async function readLayout(
  layout: Layout,
  source: Source,
  root: string,
): Promise<Split | undefined> {
  const path = await firstFile(source.names.map((name) => join(root, name)));
  if (path === undefined) return undefined;
  const file = await readText(path);
  const files: Record<string, string> = { [keyOf(layout, path)]: file.sha256 };
  const besidePath = source.beside?.(path);
  const beside = besidePath === undefined ? undefined : await readText(besidePath);
  if (besidePath !== undefined && beside !== undefined) {
    files[keyOf(layout, besidePath)] = beside.sha256;
  }
  const rows =
    source.rowsFrom?.(
      { text: file.text, path },
      beside && besidePath !== undefined ? { text: beside.text, path: besidePath } : undefined,
    ) ?? parseRows(file.text, path);
  return assertRows({ rows, files }, source, path);
}

function assertRows(found: Split, source: Source, path: string): Split {
  const release = Object.keys(source.rowsOf ?? {}).find((word) => path.includes(word));
  return withRows(found, release === undefined ? source.rows : source.rowsOf![release], path);
}

/** @param expected undefined or NaN where nothing says it */
function withRows(found: Split, expected: number | undefined, where: string): Split {
  const count = found.rows.length;
  if (expected === undefined || Number.isNaN(expected) || count === expected) return found;
  throw new TsmergeError("data", `found ${count} rows instead of ${expected}`, {
    where,
    hint: "the file is cut short or of another release; fetch the data again",
  });
}

/** A file's name below its layout's folder: the same wherever the data lies. */
function keyOf(layout: Layout, path: string): string {
  const parts = path.split(/[/\\]/);
  const start = parts.lastIndexOf(layout.folder);
  return start < 0 ? parts.at(-1)! : parts.slice(start).join("/");
}

async function firstFile(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const found = await stat(path).catch(() => undefined); // absence is an answer here, not a failure
    if (found?.isFile() === true) return path;
  }
  return undefined;
}
