// `tsmerge eval MODEL --tasks a,b`: one model's scores, in lm-eval's tables and files, asked for in lm-eval's
// flags or ours.

import { Command, InvalidArgumentError, Option } from "commander";
import { stopSignal } from "../../exec/stop-signal.ts";
import type { Evaluation } from "../../run/eval/evaluate.ts";
import { environment } from "../env.ts";
import { type EvalFlags, type EvalRequest, evalRequest } from "../eval-request.ts";
import { addForeignFlags, foreignNotes } from "../foreign-flags.ts";
import { hubAccess } from "../hub-access.ts";
import { addRefusedFlags, EVAL_FLAGS, refuseFlags } from "../lm-eval-flags.ts";
import {
  chatTemplateOption,
  dataOption,
  deviceOption,
  jsonOption,
  multiturnOption,
  quietOption,
  systemInstructionOption,
} from "../options.ts";
import { openStatus, type Status } from "../status.ts";
import { listOf, wholeNumber } from "../values.ts";

export function evalCommand(): Command {
  const command = new Command("eval")
    .description("score a model on tasks, with lm-eval's numbers, flags and files")
    .argument("[model]", "model folder, or org/name[@revision] on the Hugging Face hub")
    .option("-t, --task <names>", "tasks, by commas or repeated (also --tasks)", listOf)
    .option("-a, --model-args <args>", "lm-eval's: pretrained=MODEL,dtype=…", repeated)
    .addOption(new Option("-M, --model <backend>", "lm-eval's: hf, the only one").hideHelp())
    .addOption(dataOption())
    .option("--include-path <dir>", "folder of task files", listOf)
    .addOption(
      new Option("--split <name>", "questions to ask").choices(["val", "test"]).default("test"),
    )
    .option(
      "-f, --num-fewshot <n>",
      "worked examples; each task's own number by default",
      wholeNumber(0),
    )
    .option("-L, --limit <n>", "items in all, drawn from every task; below 1 a share", limitOf)
    .option("--limit-first <n>", "the first n items of each task, as lm-eval's --limit", limitOf)
    .option("-E, --samples <json>", 'items by their place in a task: {"task": [0, 1]}')
    .option(
      "--seed <n>",
      "seed of --limit and of worked examples, or lm-eval's four (0,1234,1234,1234)",
    )
    .option(
      "--dtype <type>",
      "round weights to float32, float16 or bfloat16 first; or screen in int8",
    )
    .addOption(deviceOption().argParser(deviceOf))
    .addOption(
      new Option("--store <file>", "where answers are kept; in the user's cache by default").env(
        "TSMERGE_STORE",
      ),
    )
    .option("-o, --output <path>", "folder or .json file for results (also --output_path)")
    .option("-s, --log-samples", "also write every question, answer and score")
    .option("-x, --predict-only", "write answers without scores")
    .option("--gen-kwargs <args>", "replace options of generation: max_gen_toks=64", repeated)
    .addOption(systemInstructionOption())
    .addOption(chatTemplateOption())
    .addOption(multiturnOption())
    .option("-w, --write-out", "print each task's first prompt")
    .option("--show-config", "print each task's file as it was understood")
    .option("--stats", "print what was computed, what it would have cost, and times")
    .addOption(jsonOption())
    .addOption(quietOption())
    .optionsGroup("Taken from lm-eval's commands, without effect:");
  addForeignFlags(command, EVAL_FLAGS, true);
  addRefusedFlags(command);
  return command.action((model: string | undefined, flags: EvalFlags) =>
    evaluate(model, flags, command),
  );
}

function repeated(text: string, earlier: readonly string[] | undefined): string[] {
  return [...(earlier ?? []), text];
}

/** A whole number of items, or a share of them. */
function limitOf(text: string): number {
  const value = Number(text);
  const isShare = value > 0 && value < 1;
  if (text.trim() !== "" && (isShare || (Number.isSafeInteger(value) && value >= 1))) return value;
  throw new InvalidArgumentError("expected a whole number of at least 1, or a share below 1.");
}

/** torch's names of devices as ours. */
function deviceOf(text: string): string {
  const name = text.replace(/^cuda:\d+$/, "cuda");
  if (["auto", "cpu", "webgpu", "cuda"].includes(name)) return name;
  throw new InvalidArgumentError("Allowed choices are auto, cpu, webgpu, cuda.");
}

async function evaluate(
  model: string | undefined,
  flags: EvalFlags,
  command: Command,
): Promise<void> {
  refuseFlags(command);
  const request = evalRequest(model, flags);
  const status = await openStatus(flags.quiet === true);
  try {
    for (const note of [...foreignNotes(command, EVAL_FLAGS), ...request.notes]) {
      status.line(`note: ${note}`);
    }
    await runEvaluation(request, flags, status);
  } finally {
    status.close();
  }
}

async function runEvaluation(
  request: EvalRequest,
  flags: EvalFlags,
  status: Status,
): Promise<void> {
  // heavy imports stay out of --help's start-up time
  const { resolveModel } = await import("../../hub/reference.ts");
  const { evaluateModel } = await import("../../run/eval/evaluate.ts");
  const { defaultStore } = await import("../../run/eval/default-store.ts");
  const { requireWritable } = await import("../../run/eval/result-files.ts");
  if (flags.output !== undefined) await requireWritable(flags.output);
  const started = Date.now();
  const searchRoots = [process.cwd()];
  const { reference, tasks, options } = request;
  const signal = stopSignal();
  const hub = hubAccess(status, signal);
  const directory = await resolveModel(reference, { ...hub, searchRoots });
  const store = flags.store || defaultStore(environment()); // an empty variable means unset
  const evaluation = await evaluateModel(directory, tasks, {
    ...options,
    ...{ store, hub, signal },
    onProgress: (done, batches) => status.update(`scoring: ${done}/${batches} batches`),
  });
  status.update("");
  for (const warning of evaluation.warnings) status.line(`note: ${warning}`);
  const { known, requests } = evaluation.statistics;
  status.line(`answers are kept in ${store}; ${known} of ${requests} were known`);
  const ended = Date.now();
  await printEvaluation(evaluation, request, flags); // first: no disk can spoil it
  const files = await writeFiles(evaluation, request, flags, [started, ended]);
  for (const file of files) status.line(file);
}

async function writeFiles(
  evaluation: Evaluation,
  { modelName, modelArgs, options }: EvalRequest,
  flags: EvalFlags,
  [started, ended]: readonly [number, number],
): Promise<string[]> {
  if (flags.output === undefined) return [];
  const { writeResultFiles } = await import("../../run/eval/result-files.ts");
  const { seed = 0, fewshotSeed = 0, limit, limitFirst, genKwargs } = options;
  const asked = {
    ...{ modelName, started: started / 1000, ended: ended / 1000 },
    modelArgs: { pretrained: modelName, ...modelArgs.given },
    limit: limitFirst ?? limit ?? null,
    genKwargs: genKwargs ?? null,
    seeds: { limit: seed, fewshot: fewshotSeed },
    systemInstruction: options.systemInstruction ?? null,
    chatTemplate: evaluation.chatTemplate ?? null,
    fewshotAsMultiturn: options.chat ? options.chat.isMultiturn : null,
  };
  return writeResultFiles(evaluation, asked, {
    path: flags.output,
    logSamples: flags.logSamples === true,
    predictOnly: flags.predictOnly === true,
    time: new Date(ended),
  });
}

async function printEvaluation(
  evaluation: Evaluation,
  { modelName }: EvalRequest,
  flags: EvalFlags,
): Promise<void> {
  const { reportOf } = await import("../../run/eval/evaluation-report.ts");
  const { headerOf, renderConfigs, renderFirstPrompts, renderStatistics } = await import(
    "../../report/evaluation.ts"
  );
  const { renderResults } = await import("../../evals/results-table.ts");
  if (flags.json === true) {
    process.stdout.write(`${JSON.stringify(reportOf(evaluation))}\n`);
    return;
  }
  const parts = [
    ...(flags.writeOut === true ? [renderFirstPrompts(evaluation)] : []),
    headerOf(modelName, evaluation),
    ...(flags.predictOnly === true ? [] : [renderResults(evaluation.results)]),
    ...(flags.stats === true ? [renderStatistics(evaluation.statistics)] : []),
    ...(flags.showConfig === true ? [renderConfigs(evaluation)] : []),
  ];
  process.stdout.write(`${parts.join("\n\n")}\n`);
}
