// `tsmerge validate CONFIG…`: reads and compiles recipes without touching weights, and says what it thinks.

import { Command } from "commander";
import { fromWire, renderError } from "../../base/errors.ts";
import { stopSignal } from "../../exec/stop-signal.ts";
import type { ValidatedRecipe } from "../../run/merge/validate.ts";
import { exitCodeOf } from "../failure.ts";
import { hubAccess } from "../hub-access.ts";
import { jsonOption } from "../options.ts";
import { openStatus } from "../status.ts";

interface ValidateFlags {
  readonly compat?: "mergekit";
  readonly allowCrimes?: boolean;
  readonly json?: boolean;
}

export function validateCommand(): Command {
  return new Command("validate")
    .description("check recipes: read and compile them, without weights")
    .argument("<configs...>", "recipes in mergekit's YAML")
    .option("--compat <program>", "be as lenient as mergekit")
    .option("--allow-crimes", "let models be of different architectures")
    .addOption(jsonOption())
    .action(validate);
}

async function validate(configs: readonly string[], flags: ValidateFlags): Promise<void> {
  const { validateRecipe } = await import("../../run/merge/validate.ts");
  const status = await openStatus(flags.json === true);
  const hub = hubAccess(status, stopSignal());
  const found: ValidatedRecipe[] = [];
  for (const file of configs) {
    const compat = flags.compat === "mergekit";
    const allowCrimes = flags.allowCrimes === true;
    found.push(
      await validateRecipe({
        file,
        compat,
        allowCrimes,
        seed: undefined,
        ...hub,
      }),
    );
  }
  const failure = found.find(({ error }) => error !== undefined)?.error;
  if (failure !== undefined) process.exitCode = exitCodeOf(failure.code);
  if (flags.json === true) {
    process.stdout.write(`${JSON.stringify({ schemaVersion: 1, recipes: found })}\n`);
    return;
  }
  for (const { file, notes, summary, error } of found) {
    for (const note of notes) process.stdout.write(`${file}: note: ${note}\n`);
    const line = error === undefined ? `${file}: ${summary}` : renderError(fromWire(error));
    process.stdout.write(`${line}\n`);
  }
}
