// One split of a data set: the files that a task names, else a known layout or a copy of the hub's under --data,
// else the hub's own, by way of its cache.

import { stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { TsmergeError } from "../../base/errors.ts";
import { didYouMean } from "../../base/suggest.ts";
import type { HubAccess } from "../../hub/settings.ts";
import { FOLDER_LAYOUT, readFolder, type Split } from "./folder.ts";
import { readFromHub } from "./hub.ts";
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

/** Where data may come from, in this order. */
export interface DataAccess {
  /** The user's folder of benchmark data (`--data`). */
  readonly dataDir?: string | undefined;
  /** The hub and its cache; nothing is fetched without it. */
  readonly hub?: HubAccess | undefined;
}

/**
 * Reads a split and asserts its number of rows where it is known.
 * @throws TsmergeError `data` for missing or malformed files, a split that the data set does not have, or
 * another number of rows than the release has; `io` and `interrupted` for downloads
 */
export async function readSplit(
  reference: DatasetReference,
  split: string,
  access: DataAccess,
): Promise<Split> {
  const { path, where } = reference;
  const rows = reference.rows?.[split];
  if (FILE_FORMATS.includes(path)) {
    return withRows(await readNamedFiles(reference.dataFiles, split, where), rows, where);
  }
  if (/^\.{0,2}\//.test(path)) return withRows(await readOwnFolder(reference, split), rows, where);
  const known = knownSplit(reference, split);
  const local = access.dataDir && (await readLocal(reference, split, access.dataDir, known));
  if (local) return local;
  const missing = missingData(reference, access.dataDir, known);
  if (access.hub === undefined || known?.layout.isLocalOnly === true) throw missing;
  try {
    const found = named(path, await readFromHub(path, reference.name, split, access.hub));
    return withRows(found, rows ?? known?.source.rows, path);
  } catch (error) {
    if (!(error instanceof TsmergeError) || !["usage", "io"].includes(error.code)) throw error;
    const hint = `${error.hint}; or ${missing.hint}`;
    const message = `${missing.message}, and ${error.message}`;
    throw new TsmergeError("data", message, { where, hint, cause: error });
  }
}

interface KnownSplit {
  readonly layout: Layout;
  readonly source: Source;
}

/** A split of a benchmark whose layout we know; undefined for other data sets. */
function knownSplit(
  { path, name, rows, where }: DatasetReference,
  split: string,
): KnownSplit | undefined {
  const layout = layoutOf(path, name);
  if (layout === undefined) return undefined;
  const source = layout.splits[split];
  if (source !== undefined) {
    return { layout, source: { ...source, rows: rows?.[split] ?? source.rows } };
  }
  throw new TsmergeError("data", `${path} has no split ${split}`, {
    where,
    hint: `its splits are ${Object.keys(layout.splits).join(", ")}`,
  });
}

/** A split under --data: as its authors laid it out, or as the hub's copies are. */
async function readLocal(
  { path, name, rows }: DatasetReference,
  split: string,
  dataDir: string,
  known: KnownSplit | undefined,
): Promise<Split | undefined> {
  for (const root of layoutRoots(dataDir, known)) {
    const found = known && (await readLayout(known.layout, known.source, root));
    if (found !== undefined) return found;
  }
  for (const root of copyRoots(dataDir, path)) {
    const found = await readFolder(root, name, split);
    if (found === undefined) continue;
    return withRows(named(path, found), known?.source.rows ?? rows?.[split], root);
  }
  return undefined;
}

function layoutRoots(dataDir: string, known: KnownSplit | undefined): string[] {
  return known === undefined ? [] : [join(dataDir, known.layout.folder), dataDir];
}

function copyRoots(dataDir: string, path: string): string[] {
  return [...new Set([path, basename(path)])].map((folder) => join(dataDir, folder));
}

/** Names of files of which many data sets have their own. */
function named(path: string, { rows, files }: Split): Split {
  const hashes = Object.entries(files).map(([name, hash]) => [`${path}/${name}`, hash]);
  return { rows, files: Object.fromEntries(hashes) };
}

function missingData(
  reference: DatasetReference,
  dataDir: string | undefined,
  known: KnownSplit | undefined,
): TsmergeError {
  const { path, where } = reference;
  const looked =
    dataDir === undefined ? [] : [...layoutRoots(dataDir, known), ...copyRoots(dataDir, path)];
  const places = looked.length === 0 ? "" : `; looked in ${[...new Set(looked)].join(", ")}`;
  const slip = known === undefined ? didYouMean(path, KNOWN_DATASETS) : "";
  return new TsmergeError("data", `no data found for ${path}${slip}${places}`, {
    where,
    hint: missingHint(reference, known),
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
function missingHint({ path, name }: DatasetReference, known: KnownSplit | undefined): string {
  const own =
    known &&
    `DIR or DIR/${known.layout.folder} holds ${known.source.names.join(" or ")} (${known.layout.origin})`;
  const config = name === undefined ? "" : ` with the configuration ${name}`;
  const download = `hf download --repo-type dataset ${path} --local-dir DIR/${path}`;
  const copy = `DIR/${path} holds a copy of the hub's data set${config} (\`${download}\`)`;
  const ways = known?.layout.isLocalOnly === true ? [own] : [own, copy];
  return `--data DIR, where ${ways.filter(Boolean).join(", or ")}`;
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
