// `tsmerge-evolve CONFIG`: the search. The command is a small supervisor over the process that works
// (this same program again), so that a native crash costs nothing but a restart.

import { Command, Option } from "commander";
import type { EvolveFlags } from "../evolve-process.ts";
import { addForeignFlags, EVOLVE_FLAGS, foreignNotes } from "../foreign-flags.ts";
import {
  chatTemplateOption,
  dataOption,
  deviceOption,
  jsonOption,
  multiturnOption,
  quietOption,
  seedOption,
  systemInstructionOption,
} from "../options.ts";
import { fraction, listOf, positiveNumber, wholeNumber } from "../values.ts";

/** @param name `evolve` below tsmerge, `tsmerge-evolve` as a program */
export function evolveCommand(name: string): Command {
  const command = new Command(name)
    .description("search for a merge that is better than its parents, and show the proof")
    .argument("<config>", "search file, such as configs/demo.yml (mergekit-evolve's are read too)")
    .optionsGroup("What is searched for:")
    .option("--task <names>", "tasks, by commas or repeated (also --tasks)", listOf)
    .addOption(dataOption())
    .option("--include-path <dir>", "folder of task files (also --task-search-path)", listOf)
    .option("--limit <n>", "search items in all, stratified by subject", wholeNumber(1))
    .option("--limit-first <n>", "the first n search items of each task", wholeNumber(1))
    .option("--report-limit <n>", "report items in all (1000)", wholeNumber(1))
    .option(
      "--num-fewshot <n>",
      "worked examples; each task's own number by default",
      wholeNumber(0),
    )
    .addOption(systemInstructionOption())
    .addOption(chatTemplateOption())
    .addOption(multiturnOption())
    .addOption(
      new Option(
        "--metric <name>",
        "what the search follows (logprob, where a task has it)",
      ).choices([
        ...["logprob", "acc", "acc_norm", "acc_bytes", "exact_match"],
        ...["perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte"],
      ]),
    )
    .optionsGroup("How long (the first limit that is met ends the search):")
    .option("--max-evals <n>", "candidates (also --max-fevals)", wholeNumber(1))
    .option("--budget-items <n>", "search items, over all candidates", wholeNumber(1))
    .option("--generations <n>", "generations (also --n-iterations)", wholeNumber(1))
    .option("--budget-minutes <m>", "minutes (--timeout counts seconds)", positiveNumber)
    .optionsGroup("How:")
    .option("--strategy <name>", "one of `tsmerge ls strategies` (auto)")
    .addOption(
      new Option(
        "--racing <rule>",
        "stop candidates of a generation early: those significantly behind, or every worse half",
      ).choices(["test", "halving"]),
    )
    .option("--population <n>", "candidates a generation", wholeNumber(2))
    .option("--sigma <x>", "first step, as a fraction of each range (also --sigma0)", fraction)
    .option("--warm-start <run>", "start near the best of an earlier run with the same genes")
    .addOption(seedOption())
    .addOption(
      new Option("--dtype <name>", "type that candidates are rounded to").choices([
        "float32",
        "bfloat16",
        "float16",
      ]),
    )
    .addOption(deviceOption())
    .option("--workers <n>", "candidates at once", wholeNumber(1))
    .optionsGroup("Where it is kept:")
    .option("--run-folder <dir>", "run folder (also --storage-path; runs/… by default)")
    .option("--save-final-model", "merge the winner into RUN/final_model")
    .option("--no-save-final-model", "leave the winner as a recipe (the default)")
    .option("--dry-run", "print what the search would cost; computes nothing")
    .addOption(jsonOption())
    .addOption(quietOption());
  addForeignFlags(command, EVOLVE_FLAGS);
  return command.action(async (config: string, flags: EvolveFlags) => {
    // heavy imports stay out of --help's start-up time
    const { superviseEvolve } = await import("../evolve-supervisor.ts");
    await superviseEvolve(config, flags, foreignNotes(command, EVOLVE_FLAGS));
  });
}
