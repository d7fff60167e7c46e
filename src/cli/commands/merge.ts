// `tsmerge merge CONFIG OUT`: a recipe in mergekit's YAML becomes a model folder. With --out-dir several
// recipes become a folder each. `tsmerge-yaml` is this command.

import { basename, extname, join } from "node:path";
import { Command, Option } from "commander";
import { TsmergeError } from "../../base/errors.ts";
import { stopSignal } from "../../exec/stop-signal.ts";
import type { HubAccess } from "../../hub/settings.ts";
import type { ExecutedMerge } from "../../merge/files/execute.ts";
import type { MergeFileOptions } from "../../run/merge/merge.ts";
import type { Preflight } from "../../run/merge/preflight.ts";
import { EXIT } from "../failure.ts";
import { addForeignFlags, foreignNotes, MERGE_FLAGS } from "../foreign-flags.ts";
import { hubAccess } from "../hub-access.ts";
import { mergeProgress } from "../merge-progress.ts";
import { deviceOption, jsonOption, quietOption, seedOption } from "../options.ts";
import { openStatus, type Status } from "../status.ts";
import { wholeNumber } from "../values.ts";

interface MergeFlags {
  readonly outDir?: string;
  readonly workDir?: string;
  readonly seed?: number;
  readonly compat?: "mergekit";
  readonly allowCrimes: boolean;
  readonly outShardSize: string;
  readonly copyTokenizer: boolean;
  readonly writeModelCard: boolean;
  readonly transformersCache?: string;
  readonly device: "auto" | "cpu" | "webgpu" | "cuda";
  readonly numThreads?: number;
  readonly dryRun?: boolean;
  readonly resume: boolean;
  readonly force?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** @param name `merge` below tsmerge, `tsmerge-yaml` as a program */
export function mergeCommand(name = "merge"): Command {
  const command = new Command(name)
    .description("merge models by a recipe in mergekit's YAML")
    .usage("[options] CONFIG OUT | --out-dir DIR CONFIG...")
    .argument("<paths...>", "recipe and folder to write; with --out-dir every path is a recipe")
    .option("--out-dir <dir>", "merge each recipe into DIR/<its name>")
    .option("--work-dir <dir>", "where the stages of a file of several recipes stay (OUT.stages)")
    .addOption(seedOption())
    .addOption(
      new Option(
        "--compat <program>",
        "reproduce a program's roundings, masks and leniency",
      ).choices(["mergekit"]),
    )
    .option("--allow-crimes", "merge models of different architectures, tensor by name", false)
    .addOption(new Option("--no-allow-crimes").hideHelp())
    .addOption(
      new Option(
        "--out-shard-size <size>",
        "most bytes in a weights file: 5B, 500MB, 2GiB",
      ).default("5B"),
    )
    .addOption(new Option("--copy-tokenizer").default(true).hideHelp())
    .option("--no-copy-tokenizer", "write neither tokenizer nor generation files")
    .addOption(new Option("--write-model-card").default(true).hideHelp())
    .option("--no-write-model-card", "write no README.md, for which every parent is hashed")
    .option("--transformers-cache <dir>", "where downloaded models lie (HF_HUB_CACHE)")
    .addOption(deviceOption())
    .option("-j, --num-threads <n>", "threads that merge (one a core)", wholeNumber(1))
    .option("--dry-run", "print what the merge would take and make; merges nothing")
    .addOption(new Option("--resume").default(true).hideHelp())
    .option("--no-resume", "delete what an interrupted merge left, and start anew")
    .option("--force", "replace OUT if it holds a model")
    .addOption(jsonOption())
    .addOption(quietOption())
    .optionsGroup("Taken from mergekit-yaml's commands, without effect:");
  addForeignFlags(command, MERGE_FLAGS, true);
  return command.action(async (paths: readonly string[], flags: MergeFlags) => {
    const status = await openStatus(flags.quiet === true || flags.json === true);
    try {
      for (const note of foreignNotes(command, MERGE_FLAGS)) status.line(`note: ${note}`);
      const signal = stopSignal();
      const hub = hubAccess(status, signal);
      const options = pairsOf(paths, flags.outDir).map((pair) => optionsOf(pair, flags, name, hub));
      const work = flags.dryRun === true ? forecastAll : mergeAll;
      await work(options, flags, status, signal);
    } finally {
      status.close();
    }
  });
}

interface Pair {
  readonly file: string;
  readonly outDir: string;
}

/** Which recipe goes where. Throws TsmergeError `usage` when that cannot be told. */
function pairsOf(paths: readonly string[], directory: string | undefined): Pair[] {
  const [file, outDir] = paths;
  if (directory === undefined) {
    if (paths.length === 2) return [{ file: file!, outDir: outDir! }];
    throw new TsmergeError("usage", `merge takes CONFIG and OUT, not ${paths.length} paths`, {
      hint:
        paths.length === 1
          ? "name the folder to write after the recipe"
          : "to merge several recipes, give the folder for all of them with --out-dir DIR",
    });
  }
  const pairs = paths.map((path) => ({
    file: path,
    outDir: join(directory, basename(path, extname(path))),
  }));
  const twin = pairs.find((pair, i) => pairs.findIndex((p) => p.outDir === pair.outDir) < i);
  if (twin === undefined) return pairs;
  throw new TsmergeError("usage", `two recipes would be merged into ${twin.outDir}`, {
    hint: "give recipes of different names, or merge them one by one",
  });
}

/** What the merges would take and make, on stdout; the exit code says whether all could be made. */
async function forecastAll(
  options: readonly MergeFileOptions[],
  flags: MergeFlags,
  status: Status,
): Promise<void> {
  const { preflight } = await import("../../run/merge/preflight.ts");
  const { renderPreflight } = await import("../../report/preflight.ts");
  const forecasts: Preflight[] = [];
  for (const each of options) {
    forecasts.push(await preflight(each, (note) => status.line(`note: ${note}`)));
  }
  if (forecasts.some(({ problems }) => problems.length > 0)) process.exitCode = EXIT.failure;
  if (flags.json !== true) {
    process.stdout.write(`${forecasts.map(renderPreflight).join("\n\n")}\n`);
    return;
  }
  const result = flags.outDir === undefined ? forecasts[0] : { merges: forecasts };
  process.stdout.write(`${JSON.stringify({ schemaVersion: 1, ...result })}\n`);
}

async function mergeAll(
  options: readonly MergeFileOptions[],
  flags: MergeFlags,
  status: Status,
  signal: AbortSignal,
): Promise<void> {
  const onNote = (note: string) => status.line(`note: ${note}`);
  const { mergeFile } = await import("../../run/merge/merge.ts"); // kept out of --help's start-up time
  const merges: (ExecutedMerge & { readonly out: string })[] = [];
  for (const each of options) {
    const show = mergeProgress();
    const merged = await mergeFile(each, {
      onNote,
      signal,
      onProgress: (progress) => status.update(show(progress)),
    });
    status.update("");
    merges.push({ out: each.outDir, ...merged });
    if (flags.json !== true) {
      const { files, weightsSha256 } = merged;
      process.stdout.write(
        `${each.outDir}: ${files.length} files, weights sha256 ${weightsSha256}\n`,
      );
    }
  }
  if (flags.json !== true) return;
  const result = flags.outDir === undefined ? merges[0] : { merges };
  process.stdout.write(`${JSON.stringify({ schemaVersion: 1, ...result })}\n`);
}

function optionsOf(pair: Pair, flags: MergeFlags, name: string, hub: HubAccess): MergeFileOptions {
  const cache = flags.transformersCache;
  return {
    ...pair,
    seed: flags.seed,
    compat: flags.compat === "mergekit",
    allowCrimes: flags.allowCrimes,
    shardSize: flags.outShardSize,
    device: flags.device,
    force: flags.force === true,
    resume: flags.resume,
    modelCard: flags.writeModelCard,
    copyTokenizer: flags.copyTokenizer,
    command: [name === "merge" ? "tsmerge" : name, ...process.argv.slice(2)].join(" "),
    ...hub,
    environment: { ...hub.environment, ...(cache === undefined ? {} : { HF_HUB_CACHE: cache }) },
    ...(flags.numThreads === undefined ? {} : { threads: flags.numThreads }),
    ...(flags.workDir === undefined ? {} : { workDir: flags.workDir }),
  };
}
