// `tsmerge eval MODEL --tasks a,b`: one model's scores, in lm-eval's tables.

import { Command, Option } from "commander";
import { environment } from "../env.ts";
import { hubAccess } from "../hub-access.ts";
import { dataOption, deviceOption, jsonOption, quietOption, seedOption } from "../options.ts";
import { openStatus } from "../status.ts";
import { listOf, wholeNumber } from "../values.ts";

interface EvalFlags {
  readonly task: string[];
  readonly data?: string;
  readonly includePath?: string[];
  readonly split: "val" | "test";
  readonly numFewshot?: number;
  readonly limit?: number;
  readonly limitFirst?: number;
  readonly seed?: number;
  readonly store?: string;
  readonly device: "auto" | "cpu" | "webgpu" | "cuda";
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function evalCommand(): Command {
  return new Command("eval")
    .description("score a model on tasks by log-likelihood")
    .argument("<model>", "model folder, or org/name[@revision] on the Hugging Face hub")
    .requiredOption("--task <names>", "tasks, by commas or repeated (also --tasks)", listOf)
    .addOption(dataOption())
    .option("--include-path <dir>", "folder of task files", listOf)
    .addOption(
      new Option("--split <name>", "questions to ask").choices(["val", "test"]).default("test"),
    )
    .option(
      "--num-fewshot <n>",
      "worked examples; each task's own number by default",
      wholeNumber(0),
    )
    .option("--limit <n>", "items in all, stratified by subject", wholeNumber(1))
    .option(
      "--limit-first <n>",
      "the first n items of each task, as lm-eval's --limit",
      wholeNumber(1),
    )
    .addOption(
      new Option("--store <file>", "where answers are kept; in the user's cache by default").env(
        "TSMERGE_STORE",
      ),
    )
    .addOption(seedOption())
    .addOption(deviceOption())
    .addOption(jsonOption())
    .addOption(quietOption())
    .action(evaluate);
}

async function evaluate(model: string, flags: EvalFlags): Promise<void> {
  // heavy imports stay out of --help's start-up time
  const { resolveModel } = await import("../../hub/reference.ts");
  const { evaluateModel } = await import("../../run/evaluate.ts");
  const { defaultStore } = await import("../../run/default-store.ts");
  const { reportOf } = await import("../../run/evaluation-report.ts");
  const { renderResults } = await import("../../evals/results-table.ts");
  const { connectSupervisor } = await import("../../exec/supervised.ts");
  const status = await openStatus(flags.quiet === true || flags.json === true);
  try {
    const searchRoots = [process.cwd()];
    const { signal } = await connectSupervisor();
    const hub = hubAccess(status, signal);
    const directory = await resolveModel(model, { ...hub, searchRoots });
    const store = flags.store ?? defaultStore(environment());
    const evaluation = await evaluateModel(directory, flags.task, {
      store,
      split: flags.split,
      dataDir: flags.data,
      includePaths: flags.includePath,
      fewshot: flags.numFewshot,
      limit: flags.limit,
      limitFirst: flags.limitFirst,
      seed: flags.seed,
      device: flags.device,
      signal,
      onProgress: (done, batches) => status.update(`scoring: ${done}/${batches} batches`),
    });
    status.close();
    for (const warning of evaluation.warnings) process.stderr.write(`${warning}\n`);
    process.stdout.write(
      flags.json === true
        ? `${JSON.stringify(reportOf(evaluation))}\n`
        : `${model}, ${evaluation.suite.split} questions\n\n${renderResults(evaluation.results)}\n`,
    );
  } finally {
    status.close();
  }
}
