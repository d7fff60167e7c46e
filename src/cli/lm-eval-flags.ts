// lm-eval's flags beyond those that `tsmerge eval` declares: what changes no score is accepted with a note, what
// would change one and is not here is refused with a sentence.

import type { Command } from "commander";
import { Option } from "commander";
import { TsmergeError } from "../base/errors.ts";
import type { ForeignFlags } from "./foreign-flags.ts";

const KEPT = "answers are kept always: --store says where";
const NO_UPLOAD = "nothing is sent anywhere: --output_path writes the files";

/** Accepted with a note. */
export const EVAL_FLAGS: ForeignFlags = {
  "-b, --batch-size <n>": "batches are packed to about 512 tokens whatever their number of prompts",
  "--max-batch-size <n>": "batches are packed to about 512 tokens whatever their number of prompts",
  "-c, --use-cache <path>": KEPT,
  "--cache-requests [mode]": "prompts take seconds to build, and are not stored",
  "--check-integrity": "task files and row counts are checked always",
  "-v, --verbosity <level>": "all there is to say is said; TSMERGE_DEBUG=1 adds stacks to errors",
  "--wandb-args <args>": NO_UPLOAD,
  "--wandb-config-args <args>": NO_UPLOAD,
  "--trackio-args <args>": NO_UPLOAD,
  "--hf-hub-log-args <args>": NO_UPLOAD,
  "--trust-remote-code": "no code of a model or a data set is ever run",
  "--confirm-run-unsafe-code": "no code is ever run",
  "--metadata <json>": "no task that can be read here asks for it",
};

/** Refused with a reason and a way out. */
const REFUSED: Readonly<Record<string, readonly [reason: string, hint: string]>> = {
  "-C, --config <file>": [
    "lm-eval's configuration files are not read",
    "write their keys as flags",
  ],
  "--question-suffix <text>": [
    "text after a question would change its prompt",
    "copy the task's file, append the text to doc_to_text and use --include-path",
  ],
};

/** Other names of the one kind of model there is. */
const BACKENDS = ["hf", "hf-auto", "huggingface"];

/** Declares what is refused, hidden from --help. */
export function addRefusedFlags(command: Command): void {
  for (const flag of Object.keys(REFUSED)) command.addOption(new Option(flag).hideHelp());
}

/** @throws TsmergeError `usage` for the first refused flag that was given */
export function refuseFlags(command: Command): void {
  for (const [flag, [reason, hint]] of Object.entries(REFUSED)) {
    const option = command.options.find(({ flags }) => flags === flag);
    if (option === undefined) continue;
    if (command.getOptionValueSource(option.attributeName()) !== "cli") continue;
    throw new TsmergeError("usage", `${option.long} is not supported: ${reason}`, { hint });
  }
}

/** lm-eval's `--model`: only the local kind exists here. @throws TsmergeError `usage` for any other */
export function checkBackend(name: string | undefined): void {
  if (name === undefined || BACKENDS.includes(name)) return;
  throw new TsmergeError("usage", `--model ${name} is a backend that is not here`, {
    hint: `models run in this process: --model hf --model_args pretrained=ORG/NAME, or the model alone: tsmerge eval ORG/NAME`,
  });
}
