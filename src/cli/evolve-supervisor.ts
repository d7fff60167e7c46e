// The two lives of the evolve command: the supervisor, which starts this program again, and the process
// that works, which searches and prints.

import { supervise } from "../exec/supervisor.ts";
import { environment, isSupervised, SUPERVISED } from "./env.ts";
import { type EvolveFlags, runEvolve } from "./evolve-process.ts";

/** DECTCEM of VT220 terminals. */
const SHOW_CURSOR = "\u001B[?25h";

/**
 * Runs the search under a supervisor, or directly when this process has one already or computes nothing.
 * @param notes said once, by the process that works
 */
export async function superviseEvolve(
  config: string,
  flags: EvolveFlags,
  notes: readonly string[],
): Promise<void> {
  if (isSupervised() || flags.dryRun === true) return await runEvolve(config, flags, notes);
  try {
    process.exitCode = await supervise({
      script: process.argv[1]!,
      argv: process.argv.slice(2),
      environment: { ...environment(), [SUPERVISED]: "1" },
      onRestart: (death) => {
        if (flags.quiet === true) return;
        process.stderr.write(`the working process died by ${death}: starting it again\n`);
      },
    });
  } finally {
    // a process that was killed under its status line could not give the cursor back
    if (process.stderr.isTTY) process.stderr.write(SHOW_CURSOR);
  }
}
