// Which files of a repository or folder are one split of one configuration, as the `datasets` library finds
// them: what the card (README.md) says, else what the names say. Works on paths alone and opens nothing.
// Source: huggingface.co/docs/hub/datasets-data-files-configuration and datasets-file-names-and-splits.

import picomatch from "picomatch";
import { parseDocument } from "yaml";
import { z } from "zod";
import { ROW_FILE } from "./records.ts";

/** Where the card says that a configuration's files are. */
export interface CardConfig {
  readonly name: string;
  readonly isDefault: boolean;
  /** Patterns by split; undefined leaves it to the names, below `folder`. */
  readonly patterns: Readonly<Record<string, readonly string[]>> | undefined;
  /** Ends in a slash unless it is empty. */
  readonly folder: string;
}

export interface SplitFiles {
  /** In ascending order; empty when nothing matches. */
  readonly files: readonly string[];
  /** Configurations to choose from, for messages. */
  readonly configs: readonly string[];
}

const pathList = z.union([z.string(), z.array(z.string())]).transform((paths) => [paths].flat());
const dataFiles = z.union([
  pathList.transform((paths) => ({ train: paths })),
  z
    .array(z.object({ split: z.string(), path: pathList }))
    .transform((list) => Object.fromEntries(list.map(({ split, path }) => [split, path]))),
  z.record(z.string(), pathList),
]);
const cardSchema = z.object({
  configs: z
    .array(
      z.object({
        config_name: z.string().default("default"),
        default: z.boolean().default(false),
        data_files: dataFiles.optional(),
        data_dir: z.string().default(""),
      }),
    )
    .default([]),
});

/** The configurations that a data set's card lists between its `---` lines; none where it lists none. */
export function cardConfigs(card: string): CardConfig[] {
  const front = /^---\r?\n(.*?)\r?\n---/s.exec(card)?.[1];
  if (front === undefined) return [];
  const parsed = cardSchema.safeParse(parseDocument(front).toJS());
  if (!parsed.success) return []; // a card is prose first: one that says nothing usable leaves it to the names
  return parsed.data.configs.map((config) => {
    const folder = config.data_dir.replace(/^\.?\/+|\/+$/g, "");
    return {
      name: config.config_name,
      isDefault: config.default,
      patterns: config.data_files,
      folder: folder === "" ? "" : `${folder}/`,
    };
  });
}

/**
 * The files of a split.
 * @param paths every file, relative to the top, with slashes
 * @param config the configuration asked for (`dataset_name`)
 * @param card what cardConfigs read
 */
export function filesOfSplit(
  paths: readonly string[],
  config: string | undefined,
  split: string,
  card: readonly CardConfig[] = [],
): SplitFiles {
  const rows = paths.filter((path) => ROW_FILE.test(path) && !isMetadata(path)).sort();
  const configs = card.length > 0 ? card.map(({ name }) => name) : foldersOf(rows);
  const chosen =
    config === undefined
      ? (card.find(({ isDefault }) => isDefault) ??
        card.find(({ name }) => name === "default") ??
        (card.length === 1 ? card[0] : undefined))
      : card.find(({ name }) => name === config);
  if (chosen?.patterns !== undefined) {
    const matches = picomatch([...(chosen.patterns[split] ?? [])].map(withoutDot));
    return { files: oneFormat(rows.filter((path) => matches(path))), configs };
  }
  const folder = chosen?.folder ?? folderWithoutCard(config, configs, card);
  if (folder === undefined) return { files: [], configs };
  const below = rows.filter((path) => path.startsWith(folder));
  const named = below.map((path) => path.slice(folder.length));
  const files = oneFormat(namesOfSplit(named, split)).map((path) => folder + path);
  return { files, configs };
}

/** A configuration without a card is a folder, or the whole; undefined is neither. */
function folderWithoutCard(
  config: string | undefined,
  configs: readonly string[],
  card: readonly CardConfig[],
): string | undefined {
  if (card.length > 0) return undefined;
  if (config !== undefined && configs.includes(config)) return `${config}/`;
  return config === undefined || config === "default" ? "" : undefined;
}

/** Words for the usual splits in the names of files and folders. */
const WORDS: Readonly<Record<string, string>> = {
  train: "train|training",
  validation: "validation|valid|val|dev",
  test: "test|testing|eval|evaluation",
};

/** Shards by exact name first, then files named by a word, then folders; what names nothing is train. */
function namesOfSplit(paths: readonly string[], split: string): readonly string[] {
  const exact = split.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const having = (pattern: string) => paths.filter((path) => new RegExp(pattern).test(path));
  const word = (words: string) => `(?:^|[^a-zA-Z0-9])(?:${words})(?:$|[^a-zA-Z0-9])`;
  const words = WORDS[split] ?? exact;
  const ways = [
    `(?:^|/)${exact}-\\d{5}-of-\\d{5}[^/]*$`,
    `(?:^|/)${exact}/[^/]*$`,
    `${word(words)}[^/]*$`,
    `${word(words)}.*/`,
  ];
  const found = ways.map(having).find((files) => files.length > 0);
  if (found !== undefined) return found;
  const isUnnamed = Object.values(WORDS).every((each) => having(word(each)).length === 0);
  return split === "train" && isUnnamed ? paths : [];
}

/** The files of one format: a repository may hold its data in several, and Parquet is the exact one. */
function oneFormat(files: readonly string[]): readonly string[] {
  const formatOf = (path: string) => ROW_FILE.exec(path)?.[0];
  const formats = new Set(files.map(formatOf));
  const chosen = formats.has(".parquet") ? ".parquet" : formatOf(files[0] ?? "");
  return files.filter((path) => formatOf(path) === chosen);
}

function isMetadata(path: string): boolean {
  const name = path.split("/").at(-1)!;
  return /^(?:config|dataset_infos?|dataset_dict|state)\.json$/.test(name) || name.startsWith(".");
}

function withoutDot(pattern: string): string {
  return pattern.replace(/^\.\//, "");
}

/** Folders at the top, which stand for configurations where no card lists any. */
function foldersOf(paths: readonly string[]): string[] {
  const folders = paths.filter((path) => path.includes("/")).map((path) => path.split("/")[0]!);
  return [...new Set(folders)].filter((folder) => folder !== "data");
}

/** Shards that a name promises and that are not there: 2 of `train-00000-of-00003.parquet` alone. */
export function missingShards(files: readonly string[]): number {
  const promised = files.map((file) => Number(/-\d{5}-of-(\d{5})/.exec(file)?.[1] ?? 0));
  return Math.max(0, Math.max(0, ...promised) - files.length);
}
