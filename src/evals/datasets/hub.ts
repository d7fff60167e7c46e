// A split of a data set on the hub: its files come into the Hugging Face cache, where other programs find them
// too. A data set that is a Python script there is read from the copy in Parquet that the hub makes of it.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { TsmergeError } from "../../base/errors.ts";
import { didYouMean } from "../../base/suggest.ts";
import { DEFAULT_REVISION, parseRepository, type Repository } from "../../hub/repository.ts";
import type { HubAccess } from "../../hub/settings.ts";
import { openSnapshot, type Snapshot } from "../../hub/snapshot.ts";
import { readFiles, type Split } from "./folder.ts";
import { cardConfigs, filesOfSplit, missingShards } from "./splits.ts";

/** The branch that the hub writes its own copies to. */
const CONVERTED = "refs/convert/parquet";
const CARD = "README.md";

/**
 * Reads a split, from the cache where that has it.
 * @param path dataset_path: `org/name`, or `name` for the few without an organisation
 * @param config dataset_name
 * @throws TsmergeError `usage` for a data set that the hub does not have or show, or offline; `data` for one
 * without such a configuration or split; and as openSnapshot and readRows
 */
export async function readFromHub(
  path: string,
  config: string | undefined,
  split: string,
  hub: HubAccess,
): Promise<Split> {
  const repository = parseRepository(path, "dataset");
  if (repository === undefined || repository.revision !== DEFAULT_REVISION) {
    throw new TsmergeError("usage", `"${path}" is not the name of a data set`, {
      hint: "write org/name, or ./folder for one of your own",
    });
  }
  const published = await open(repository, config, split, hub);
  if (published.files.length > 0) return take(published);
  const converted = await open({ ...repository, revision: CONVERTED }, config, split, hub).catch(
    (error: unknown) => {
      if (error instanceof TsmergeError && error.code === "usage") return undefined; // no such copy
      throw error;
    },
  );
  if (converted !== undefined && converted.files.length > 0) return take(converted);
  const configs = converted?.configs ?? published.configs;
  const slip = config === undefined ? "" : didYouMean(config, configs);
  throw new TsmergeError(
    "data",
    `the data set ${path} has no files for the split ${split} of ${config ?? "its default configuration"}${slip}`,
    {
      hint:
        configs.length === 0
          ? "check dataset_name"
          : `its configurations are ${configs.join(", ")}`,
    },
  );
}

interface Found {
  readonly snapshot: Snapshot;
  readonly files: readonly string[];
  readonly configs: readonly string[];
}

async function open(
  repository: Repository,
  config: string | undefined,
  split: string,
  hub: HubAccess,
): Promise<Found> {
  const snapshot = await openSnapshot(repository, hub, (paths) => {
    const { files } = filesOfSplit(paths, config, split);
    return files.length > 0 && missingShards(files) === 0;
  });
  const { folder, paths } = snapshot;
  if (!paths.includes(CARD)) return { snapshot, ...filesOfSplit(paths, config, split) };
  await snapshot.ensure([CARD]);
  const card = cardConfigs(await readFile(join(folder, CARD), "utf8"));
  return { snapshot, ...filesOfSplit(paths, config, split, card) };
}

async function take({ snapshot, files }: Found): Promise<Split> {
  await snapshot.ensure(files);
  return readFiles(snapshot.folder, files);
}
