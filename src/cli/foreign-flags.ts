// mergekit-evolve's flags that have no meaning here: accepted, so that commands from guides run, and each
// answered with a note that says why. Never a silent one.

import { type Command, Option } from "commander";

/** Flag as commander declares it → what is said when it is given. */
const FOREIGN: Readonly<Record<string, string>> = {
  "--batch-size <n>":
    "decoder batches are packed to about 512 tokens whatever their number of prompts",
  "--vllm": "candidates are scored by the built-in decoder",
  "--no-vllm": "candidates are scored by the built-in decoder",
  "--in-memory": "candidates are always merged in memory",
  "--no-in-memory": "candidates are always merged in memory",
  "--merge-cuda": "--device says where candidates are merged",
  "--no-merge-cuda": "--device says where candidates are merged",
  "--num-gpus <n>": "one GPU is used at most; --workers says how many candidates run at once",
  "--reshard": "parents are read as they are",
  "--no-reshard": "parents are read as they are",
  "--trust-remote-code": "no code of a model is ever run",
  "--allow-crimes": "parents must have one architecture",
  "--load-in-4bit": "candidates are scored in the type they would be saved in",
  "--load-in-8bit": "candidates are scored in the type they would be saved in",
  "--wandb": "the run folder holds everything: see `tsmerge show`",
  "--wandb-project <name>": "the run folder holds everything: see `tsmerge show`",
  "--wandb-entity <name>": "the run folder holds everything: see `tsmerge show`",
  "--i-understand-the-depths-of-the-evils-i-am-unleashing":
    "benchmarks need no such flag: search, selection and report items never mix",
};

/** mergekit-evolve's scheduling strategies: its --strategy is not ours. */
const SCHEDULING = ["pool", "buffered", "serial"];

/** Declares the flags, hidden from --help. */
export function addForeignFlags(command: Command): void {
  for (const flags of Object.keys(FOREIGN)) command.addOption(new Option(flags).hideHelp());
}

/** One note for each such flag that was given. */
export function foreignNotes(command: Command): string[] {
  return Object.entries(FOREIGN).flatMap(([flags, reason]) => {
    const option = command.options.find((one) => one.flags === flags);
    if (option === undefined) return [];
    const name = option.attributeName();
    const given = command.getOptionValueSource(name) === "cli";
    // --x and --no-x share a value: only the one that was written is answered
    const matches = given && (command.getOptionValue(name) === false) === option.negate;
    return matches ? [`${flags.split(" ")[0]} is not needed: ${reason}`] : [];
  });
}

/** `--strategy pool` comes from mergekit-evolve and says nothing about the search. */
export function isScheduling(strategy: string): boolean {
  return SCHEDULING.includes(strategy);
}
