// `tsmerge export RUN -o DIR`: a run's recipe as mergekit YAML and, unless told otherwise, the merged model.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Command } from "commander";
import { environment } from "../env.ts";
import { deviceOption, jsonOption, quietOption } from "../options.ts";
import { openStatus } from "../status.ts";

interface ExportFlags {
  readonly candidate: string;
  readonly output: string;
  readonly front?: boolean;
  readonly configOnly?: boolean;
  readonly outShardSize: string;
  readonly device: "auto" | "cpu" | "webgpu" | "cuda";
  readonly force?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function exportCommand(): Command {
  return new Command("export")
    .description("write a candidate's recipe and its merged model")
    .argument("<run>", "run folder, or its name in runs/")
    .requiredOption("-o, --output <dir>", "folder for best_config.yaml and model/")
    .option("--candidate <id>", "candidate id, or best", "best")
    .option("--front", "write the front's recipes to front/ (nsga2), and merge nothing")
    .option("--config-only", "write the recipe alone")
    .option("--out-shard-size <size>", "most bytes in a weights file: 5B, 500MB, 2GiB", "5B")
    .addOption(deviceOption())
    .option("--force", "replace a model that is there")
    .addOption(jsonOption())
    .addOption(quietOption())
    .action(exportRun);
}

async function exportRun(run: string, flags: ExportFlags): Promise<void> {
  if (flags.front === true) return exportFront(run, flags);
  const { openRecordedRun, recordedRecipe, recordedResult } = await import(
    "../../run/evolve/recorded.ts"
  );
  const { lineage } = openRecordedRun(run);
  const { id, recipe } = recordedRecipe(lineage, flags.candidate);
  if (flags.quiet !== true && flags.candidate === "best" && recordedResult(lineage) === undefined) {
    process.stderr.write(
      `note: the run is not finished: ${id} is the best on the search items so far, not tested on others yet\n`,
    );
  }
  lineage.close();
  const file = join(flags.output, "best_config.yaml");
  const { default: writeFileAtomic } = await import("write-file-atomic");
  await mkdir(flags.output, { recursive: true });
  await writeFileAtomic(file, recipe);
  const model = flags.configOnly === true ? undefined : join(flags.output, "model");
  const merged = model === undefined ? undefined : await mergeInto(model, file, flags);
  if (flags.json === true) {
    const weightsSha256 = merged?.weightsSha256;
    const result = { schemaVersion: 1, candidate: id, config: file, model, weightsSha256 };
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  process.stdout.write(`candidate ${id}: ${file}\n`);
  if (model !== undefined) process.stdout.write(`merged model: ${model}\n`);
}

async function exportFront(run: string, flags: ExportFlags): Promise<void> {
  const { openRecordedRun, recordedFront } = await import("../../run/evolve/recorded.ts");
  const { writeFront } = await import("../../run/evolve/folder.ts");
  const { renderFront } = await import("../../report/front.ts");
  const { lineage } = openRecordedRun(run);
  const front = recordedFront(lineage);
  lineage.close();
  const files = writeFront(
    join(flags.output, "front"),
    front.map(({ recipe }) => recipe),
  );
  if (flags.json === true) {
    const entries = front.map(({ label, recipeHash, tasks }, i) => ({
      ...{ candidate: label, recipeHash, tasks, config: files[i] },
    }));
    process.stdout.write(`${JSON.stringify({ schemaVersion: 1, front: entries })}\n`);
    return;
  }
  process.stdout.write(`${renderFront(front)}\n\n${files.join("\n")}\n`);
}

async function mergeInto(model: string, file: string, flags: ExportFlags) {
  const { mergeFile } = await import("../../run/merge/merge.ts");
  const status = await openStatus(flags.quiet === true);
  try {
    return await mergeFile(
      {
        file,
        outDir: model,
        seed: undefined,
        compat: false,
        shardSize: flags.outShardSize,
        device: flags.device,
        force: flags.force === true,
        environment: environment(),
      },
      {
        onNote: (note) => status.line(`note: ${note}`),
        onProgress: ({ done, tensors }) => status.update(`merging: ${done}/${tensors} tensors`),
      },
    );
  } finally {
    status.close();
  }
}
