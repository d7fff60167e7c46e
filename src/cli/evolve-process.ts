// The process that searches: options together, events as lines on stderr, the result on stdout.

import { readFile } from "node:fs/promises";
import { basename, extname, join, resolve } from "node:path";
import { TsmergeError } from "../base/errors.ts";
import { contentHash } from "../base/hash.ts";
import { connectSupervisor } from "../exec/supervised.ts";
import type { HubAccess } from "../hub/settings.ts";
import { renderEnding } from "../report/ending.ts";
import { renderForecast } from "../report/forecast.ts";
import { evolve } from "../run/evolve/evolve.ts";
import { planEvolve } from "../run/evolve/forecast.ts";
import type { EvolveOptions } from "../run/evolve/options.ts";
import { mergeFile } from "../run/merge/merge.ts";
import { type AskingFlags, askingStyle } from "./asking-style.ts";
import { environment } from "./env.ts";
import { eventPrinter } from "./event-printer.ts";
import { isScheduling } from "./foreign-flags.ts";
import { hubAccess } from "./hub-access.ts";
import { openStatus, type Status } from "./status.ts";

/** The command line's options, as commander names them. */
export interface EvolveFlags extends AskingFlags {
  readonly task?: string[];
  readonly data?: string;
  readonly includePath?: string[];
  readonly runFolder?: string;
  readonly maxEvals?: number;
  readonly generations?: number;
  readonly budgetItems?: number;
  readonly budgetMinutes?: number;
  readonly limit?: number;
  readonly limitFirst?: number;
  readonly reportLimit?: number;
  readonly numFewshot?: number;
  readonly metric?: NonNullable<EvolveOptions["metric"]>;
  readonly racing?: NonNullable<EvolveOptions["race"]>;
  readonly strategy?: string;
  readonly population?: number;
  readonly sigma?: number;
  readonly warmStart?: string;
  readonly seed?: number;
  readonly dtype?: NonNullable<EvolveOptions["dtype"]>;
  readonly device: EvolveOptions["device"];
  readonly workers?: number;
  readonly saveFinalModel?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const STOPPING =
  "stopping after the batches in work; Ctrl-C again ends at once, and loses only those";

/** Searches (or forecasts) and prints; throws what went wrong. */
export async function runEvolve(
  config: string,
  flags: EvolveFlags,
  notes: readonly string[],
): Promise<void> {
  const status = await openStatus(flags.quiet === true);
  try {
    const { signal, previousDeath, progress } = await connectSupervisor();
    signal.addEventListener("abort", () => status.line(STOPPING));
    const options = await optionsOf(config, flags, hubAccess(status, signal));
    for (const note of notes) status.line(`note: ${note}`);
    if (flags.strategy !== undefined && isScheduling(flags.strategy)) {
      status.line(
        `note: --strategy ${flags.strategy} is not needed: --workers says what runs at once`,
      );
    }
    if (flags.dryRun === true) {
      const forecast = await planEvolve(options);
      print(flags, { schemaVersion: 1, ...forecast }, renderForecast(forecast));
      return;
    }
    const onEvent = eventPrinter(status);
    const result = await evolve(options, {
      onEvent: (event) => {
        if (event.type === "scored" || event.type === "failed") progress();
        onEvent(event);
      },
      signal,
      previousDeath,
    });
    status.close();
    print(flags, result, renderEnding(result));
    if (flags.saveFinalModel === true) await saveFinalModel(options, status);
    else status.line(`\nmerge the winner: tsmerge export ${options.runFolder} -o DIR`);
  } finally {
    status.close();
  }
}

async function optionsOf(
  config: string,
  flags: EvolveFlags,
  hub: HubAccess,
): Promise<EvolveOptions> {
  const text = await readText(config);
  const strategy =
    flags.strategy === undefined || isScheduling(flags.strategy) ? undefined : flags.strategy;
  const asked = {
    tasks: flags.task,
    dataDir: flags.data,
    includePaths: flags.includePath,
    limit: flags.limit,
    limitFirst: flags.limitFirst,
    reportLimit: flags.reportLimit,
    fewshot: flags.numFewshot,
    ...askingStyle(flags),
    metric: flags.metric,
    race: flags.racing,
    strategy,
    population: flags.population,
    sigma: flags.sigma,
    warmStart: flags.warmStart,
    seed: flags.seed,
    dtype: flags.dtype,
  };
  return {
    ...asked,
    file: config,
    text,
    runFolder: flags.runFolder ?? defaultFolder(config, asked),
    budget: {
      maxEvals: flags.maxEvals,
      items: flags.budgetItems,
      minutes: flags.budgetMinutes,
      generations: flags.generations,
    },
    device: flags.device,
    workers: flags.workers,
    ...hub,
  };
}

/** Equal commands, budgets aside, share a folder: that is how the same command continues. */
function defaultFolder(config: string, asked: Readonly<Record<string, unknown>>): string {
  const name = basename(config, extname(config));
  return join("runs", `${name}-${contentHash({ config: resolve(config), ...asked }).slice(0, 8)}`);
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new TsmergeError("usage", `the search file ${file} cannot be read`, {
      cause,
      hint: "give the path of a YAML file; configs/demo.yml is an example",
    });
  }
}

function print(flags: EvolveFlags, data: unknown, text: string): void {
  process.stdout.write(`${flags.json === true ? JSON.stringify(data) : text}\n`);
}

/** mergekit-evolve's final_model; an older one is replaced, since it belongs to an older winner. */
async function saveFinalModel(
  { runFolder, device, signal }: EvolveOptions,
  status: Status,
): Promise<void> {
  const outDir = join(runFolder, "final_model");
  const { weightsSha256 } = await mergeFile(
    {
      file: join(runFolder, "best_config.yaml"),
      outDir,
      seed: undefined,
      compat: false,
      shardSize: "5B",
      device,
      force: true,
      environment: environment(),
    },
    { onNote: (note) => status.line(`note: ${note}`), ...(signal && { signal }) },
  );
  status.line(`${outDir}: weights sha256 ${weightsSha256}`);
}
