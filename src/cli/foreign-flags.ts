// mergekit's flags that have no meaning here: accepted, so that commands from guides run, and each answered
// with a note that says why. Never a silent one.

import { type Command, Option } from "commander";

/** Flag as commander declares it → what is said when it is given. */
export type ForeignFlags = Readonly<Record<string, string>>;

/** mergekit-evolve's, and what other programs call continuing. */
export const EVOLVE_FLAGS: ForeignFlags = {
  "--resume": "the same command continues by itself",
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

const ON_DEVICE = "--device says where to compute, in tiles that any memory holds";
const OVERLAPPED = "reading, computing and writing overlap always";

/** mergekit-yaml's. */
export const MERGE_FLAGS: ForeignFlags = {
  "--cuda": ON_DEVICE,
  "--no-cuda": ON_DEVICE,
  "--gpu-rich": ON_DEVICE,
  "--low-cpu-memory": ON_DEVICE,
  "--no-low-cpu-memory": ON_DEVICE,
  "--read-to-gpu": ON_DEVICE,
  "--no-read-to-gpu": ON_DEVICE,
  "--multi-gpu": ON_DEVICE,
  "--no-multi-gpu": ON_DEVICE,
  "--lora-merge-cache <dir>": "adapters are merged as they are read, so nothing is cached",
  "--lora-merge-dtype <type>": "adapters are merged in float32 as they are read",
  "--clone-tensors": "repeated layers are written in full",
  "--no-clone-tensors": "repeated layers are written in full",
  "--lazy-unpickle": "pickled weights are always read lazily",
  "--no-lazy-unpickle": "pickled weights are always read lazily",
  "--safe-serialization": "weights are always written as safetensors",
  "--no-safe-serialization": "weights are always written as safetensors",
  "--trust-remote-code": "no code of a model is ever run",
  "--no-trust-remote-code": "no code of a model is ever run",
  "--async-write": OVERLAPPED,
  "--no-async-write": OVERLAPPED,
  "--write-threads <n>": OVERLAPPED,
  "-v, --verbose": "all there is to say is said; TSMERGE_DEBUG=1 adds stacks to errors",
};

/** mergekit-evolve's scheduling strategies: its --strategy is not ours. */
const SCHEDULING = ["pool", "buffered", "serial"];

/** Declares the flags, hidden from --help unless they are to be `shown` there with their reasons. */
export function addForeignFlags(command: Command, flags: ForeignFlags, shown = false): void {
  for (const [flag, reason] of Object.entries(flags)) {
    const isNegative = flag.startsWith("--no-"); // its twin says it
    command.addOption(new Option(flag, reason).hideHelp(!shown || isNegative));
  }
}

/** One note for each such flag that was given. */
export function foreignNotes(command: Command, flags: ForeignFlags): string[] {
  return Object.entries(flags).flatMap(([flag, reason]) => {
    const option = command.options.find((one) => one.flags === flag);
    if (option === undefined) return [];
    const name = option.attributeName();
    const given = command.getOptionValueSource(name) === "cli";
    // --x and --no-x share a value: only the one that was written is answered
    const matches = given && (command.getOptionValue(name) === false) === option.negate;
    return matches ? [`${option.long ?? flag} is not needed: ${reason}`] : [];
  });
}

/** `--strategy pool` comes from mergekit-evolve and says nothing about the search. */
export function isScheduling(strategy: string): boolean {
  return SCHEDULING.includes(strategy);
}
