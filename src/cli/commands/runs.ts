// `tsmerge runs [FOLDER]`: every run in a folder, one line each.

import { Command } from "commander";
import { jsonOption } from "../options.ts";

export function runsCommand(): Command {
  return new Command("runs")
    .description("list the runs in a folder")
    .argument("[folder]", "where run folders lie", "runs")
    .addOption(jsonOption())
    .action(async (folder: string, flags: { readonly json?: boolean }) => {
      const { listRuns } = await import("../../lineage/runs.ts");
      const runs = listRuns(folder);
      if (flags.json === true) {
        process.stdout.write(`${JSON.stringify({ schemaVersion: 1, runs })}\n`);
        return;
      }
      if (runs.length === 0) {
        process.stderr.write(
          `no run in ${folder}: start one with tsmerge-evolve CONFIG --task demo\n`,
        );
        return;
      }
      const { renderRuns } = await import("../../report/runs.ts");
      process.stdout.write(`${renderRuns(runs)}\n`);
    });
}
