// `tsmerge diff A B`: how far two models are from each other, layer by layer.

import { Command } from "commander";
import { hubAccess } from "../hub-access.ts";
import { jsonOption, quietOption } from "../options.ts";
import { openStatus } from "../status.ts";

interface DiffFlags {
  readonly svg?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function diffCommand(): Command {
  return new Command("diff")
    .description("compare two models' weights, by layer and block")
    .argument("<a>", "model that the other is measured against")
    .argument("<b>", "model")
    .option("--svg <file>", "write a picture too")
    .addOption(jsonOption())
    .addOption(quietOption())
    .action(diff);
}

async function diff(a: string, b: string, flags: DiffFlags): Promise<void> {
  const { diffModels } = await import("../../run/merge/diff.ts"); // kept out of --help's start-up time
  const status = await openStatus(flags.quiet === true || flags.json === true);
  try {
    const found = await diffModels(a, b, hubAccess(status), (done, tensors, tensor) =>
      status.update(`comparing ${done}/${tensors} tensors   ${tensor}`),
    );
    status.close();
    if (flags.svg !== undefined) {
      const { diffPicture } = await import("../../report/diff-picture.ts");
      const { replaceFile } = await import("../../run/evolve/folder.ts");
      replaceFile(flags.svg, diffPicture(found));
    }
    const { renderDiff } = await import("../../report/diff.ts");
    const text =
      flags.json === true ? JSON.stringify({ schemaVersion: 1, ...found }) : renderDiff(found);
    process.stdout.write(`${text}\n`);
  } finally {
    status.close();
  }
}
