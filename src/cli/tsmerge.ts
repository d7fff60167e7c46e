#!/usr/bin/env node
// `tsmerge`: one program, one file a command. Nothing heavy is imported before a command runs.

import { readFileSync } from "node:fs";
import { Command } from "commander";
import { diffCommand } from "./commands/diff.ts";
import { downloadCommand } from "./commands/download.ts";
import { evalCommand } from "./commands/eval.ts";
import { evolveCommand } from "./commands/evolve.ts";
import { exportCommand } from "./commands/export.ts";
import { lsCommand } from "./commands/ls.ts";
import { mergeCommand } from "./commands/merge.ts";
import { runsCommand } from "./commands/runs.ts";
import { showCommand } from "./commands/show.ts";
import { uploadCommand } from "./commands/upload.ts";
import { validateCommand } from "./commands/validate.ts";
import { runProgram } from "./program.ts";

const manifest = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
) as { version: string; description: string }; // our own file, read where npm put it

const program = new Command("tsmerge")
  .description(manifest.description)
  .version(manifest.version)
  .addCommand(evolveCommand("evolve"))
  .addCommand(mergeCommand())
  .addCommand(validateCommand())
  .addCommand(diffCommand())
  .addCommand(evalCommand())
  .addCommand(runsCommand())
  .addCommand(showCommand())
  .addCommand(exportCommand())
  .addCommand(downloadCommand())
  .addCommand(uploadCommand())
  .addCommand(lsCommand());

await runProgram(program);
