// One split of a data set from local files: a known layout under --data, or the files that a task names
// (dataset_path json or csv). Nothing is fetched.

import { stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { TsmergeError } from "../../base/errors.ts";
import { didYouMean } from "../../base/suggest.ts";
import { KNOWN_DATASETS, type Layout, layoutOf, type Source } from "./layouts.ts";
import { parseRows, type Row, readText } from "./records.ts";

export interface DatasetReference {
  /** dataset_path of the task file. */
  readonly path: string;
  /** dataset_name. */
  readonly name: string | undefined;
  /** dataset_kwargs.data_files: one file, several, or either by split. */
  readonly dataFiles: unknown;
  /** The task file; data files are relative to its folder. */
  readonly where: string;
}

export interface Split {
  readonly rows: readonly Row[];
  /** SHA-256 of each file that was read, by its name under the data folder. */
  readonly files: Readonly<Record<string, string>>;
}

/**
 * Reads a split and asserts its number of rows.
 * @param dataDir the user's folder of benchmark data (`--data`)
 * @throws TsmergeError `data` for missing or malformed files, a split that the layout does not have, or
 * another number of rows than the release has
 */
export async function readSplit(
  reference: DatasetReference,
  split: string,
  dataDir: string | undefined,
): Promise<Split> {
  if (["json", "csv"].includes(reference.path)) return readNamedFiles(reference, split);
  const layout = layoutOf(reference.path, reference.name);
  if (layout === undefined) {
    const name = reference.name === undefined ? "" : `, ${reference.name}`;
    throw new TsmergeError(
      "data",
      `no local layout is known for the data set ${reference.path}${name}${didYouMean(reference.path, KNOWN_DATASETS)}`,
      {
        where: reference.where,
        hint: "set dataset_path to json or csv and name the files in dataset_kwargs.data_files",
      },
    );
  }
  const source = layout.splits[split];
  if (source === undefined) {
    throw new TsmergeError("data", `${reference.path} has no split ${split}`, {
      where: reference.where,
      hint: `its splits are ${Object.keys(layout.splits).join(", ")}`,
    });
  }
  const path = await find(layout, source, dataDir, reference);
  return readSource(layout, source, path);
}

async function readSource(layout: Layout, source: Source, path: string): Promise<Split> {
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
  const release = Object.keys(source.rowsOf ?? {}).find((word) => path.includes(word));
  const expected = release === undefined ? source.rows : source.rowsOf![release]!;
  if (rows.length !== expected && !Number.isNaN(expected)) {
    throw new TsmergeError("data", `found ${rows.length} rows instead of ${expected}`, {
      where: path,
      hint: "the file is cut short or of another release; fetch the data again",
    });
  }
  return { rows, files };
}

/** A file's name below its layout's folder: the same wherever the data lies. */
function keyOf(layout: Layout, path: string): string {
  const parts = path.split(/[/\\]/);
  const start = parts.lastIndexOf(layout.folder);
  return start < 0 ? parts.at(-1)! : parts.slice(start).join("/");
}

async function find(
  layout: Layout,
  source: Source,
  dataDir: string | undefined,
  reference: DatasetReference,
): Promise<string> {
  const roots = dataDir === undefined ? [] : [join(dataDir, layout.folder), dataDir];
  for (const root of roots) {
    for (const name of source.names) {
      const path = join(root, name);
      if (await isFile(path)) return path;
    }
  }
  const looked = roots.length === 0 ? "" : `; looked in ${roots.join(", ")}`;
  throw new TsmergeError("data", `no data found for ${reference.path}${looked}`, {
    where: reference.where,
    hint: `--data DIR, where DIR or DIR/${layout.folder} holds ${source.names.join(" or ")}`,
  });
}

async function readNamedFiles(reference: DatasetReference, split: string): Promise<Split> {
  const rows: Row[] = [];
  const files: Record<string, string> = {};
  for (const name of namedFiles(reference, split)) {
    const path = resolve(dirname(reference.where), name);
    const file = await readText(path);
    files[name] = file.sha256;
    rows.push(...parseRows(file.text, path));
  }
  return { rows, files };
}

/** Files of a split; files that stand under no split are the split `train`, as the `datasets` library has it. */
function namedFiles(reference: DatasetReference, split: string): readonly string[] {
  const { dataFiles } = reference;
  const bySplit: Readonly<Record<string, unknown>> =
    typeof dataFiles === "object" && dataFiles !== null && !Array.isArray(dataFiles)
      ? (dataFiles as Readonly<Record<string, unknown>>) // a mapping from YAML
      : { train: dataFiles };
  const named = bySplit[split];
  const list = typeof named === "string" ? [named] : Array.isArray(named) ? named : [];
  if (list.length === 0 || !list.every((name) => typeof name === "string")) {
    throw new TsmergeError(
      "data",
      `dataset_kwargs.data_files names no files for the split ${split}`,
      {
        where: reference.where,
        hint: `write dataset_kwargs: { data_files: { ${split}: questions.jsonl } }`,
      },
    );
  }
  return list;
}

async function isFile(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined); // absence is an answer here, not a failure
  return found?.isFile() === true;
}
