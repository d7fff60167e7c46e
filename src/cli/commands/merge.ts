// `tsmerge merge CONFIG OUT`: a recipe in mergekit's YAML becomes a model folder.

import { Command, Option } from "commander";
import { environment } from "../env.ts";
import { deviceOption, jsonOption, quietOption, seedOption } from "../options.ts";
import { openStatus } from "../status.ts";

interface MergeFlags {
  readonly seed?: number;
  readonly compat?: "mergekit";
  readonly outShardSize: string;
  readonly device: "auto" | "cpu" | "webgpu" | "cuda";
  readonly force?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function mergeCommand(): Command {
  return new Command("merge")
    .description("merge models by a recipe in mergekit's YAML")
    .argument("<config>", "recipe, such as best_config.yaml")
    .argument("<out>", "folder to write; it appears when it is complete")
    .addOption(seedOption())
    .addOption(
      new Option(
        "--compat <program>",
        "reproduce a program's roundings, masks and leniency",
      ).choices(["mergekit"]),
    )
    .addOption(
      new Option(
        "--out-shard-size <size>",
        "most bytes in a weights file: 5B, 500MB, 2GiB",
      ).default("5B"),
    )
    .addOption(deviceOption())
    .option("--force", "replace OUT if it holds files")
    .addOption(jsonOption())
    .addOption(quietOption())
    .action(merge);
}

async function merge(config: string, out: string, flags: MergeFlags): Promise<void> {
  const { mergeFile } = await import("../../run/merge.ts"); // kept out of --help's start-up time
  const status = await openStatus(flags.quiet === true || flags.json === true);
  try {
    const merged = await mergeFile(
      {
        file: config,
        outDir: out,
        seed: flags.seed,
        compat: flags.compat === "mergekit",
        shardSize: flags.outShardSize,
        device: flags.device,
        force: flags.force === true,
        environment: environment(),
      },
      {
        onNote: (note) => status.line(`note: ${note}`),
        onProgress: ({ done, tensors, bytes, totalBytes }) =>
          status.update(
            `merging: ${done}/${tensors} tensors, ${Math.floor((100 * bytes) / totalBytes)} %`,
          ),
      },
    );
    status.close();
    process.stdout.write(
      flags.json === true
        ? `${JSON.stringify({ schemaVersion: 1, out, ...merged })}\n`
        : `${out}: ${merged.files.length} files, weights sha256 ${merged.weightsSha256}\n`,
    );
  } finally {
    status.close();
  }
}
