// `tsmerge download org/name`: a model or a data set from the hub into the Hugging Face cache, where every
// command, and every other program that knows that cache, finds it.

import { Command } from "commander";
import { TsmergeError } from "../../base/errors.ts";
import { stopSignal } from "../../exec/stop-signal.ts";
import { hubAccess } from "../hub-access.ts";
import { jsonOption, quietOption } from "../options.ts";
import { openStatus } from "../status.ts";

interface DownloadFlags {
  readonly dataset?: boolean;
  readonly revision?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function downloadCommand(): Command {
  return new Command("download")
    .description("fetch models from the Hugging Face hub into its cache, as they are there now")
    .argument("<names...>", "org/name or org/name@revision")
    .option("--dataset", "they are data sets; all their files are fetched")
    .option("--revision <name>", "branch, tag or commit (main)")
    .addOption(jsonOption())
    .addOption(quietOption())
    .action(download);
}

async function download(names: readonly string[], flags: DownloadFlags): Promise<void> {
  const { parseRepository } = await import("../../hub/repository.ts");
  // kept out of --help's start-up time
  const { ensureModel, fetchDataset, openModel } = await import("../../hub/fetch.ts");
  const status = await openStatus(flags.quiet === true || flags.json === true);
  const hub = hubAccess(status, stopSignal());
  const kind = flags.dataset === true ? "dataset" : "model";
  const repositories = names.map((name) => {
    const written = flags.revision === undefined ? name : `${name}@${flags.revision}`;
    const repository = parseRepository(written, kind);
    if (repository !== undefined) return repository;
    throw new TsmergeError("usage", `"${written}" is not the name of a repository`, {
      hint: "write org/name, or org/name@revision",
    });
  });
  try {
    const folders: string[] = [];
    for (const repository of repositories) {
      folders.push(
        kind === "dataset"
          ? await fetchDataset(repository, hub)
          : await ensureModel(await openModel(repository, hub, "asked")),
      );
    }
    status.close();
    const text =
      flags.json === true ? JSON.stringify({ schemaVersion: 1, folders }) : folders.join("\n");
    process.stdout.write(`${text}\n`);
  } finally {
    status.close();
  }
}
