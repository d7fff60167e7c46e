// Runs a commander program with our exit codes: commander's own complaints are usage errors (2). A reader that
// closes its end early (`| head`) ends neither the work nor the program with an error.

import { type Command, CommanderError } from "commander";
import { hasErrorCode } from "../base/io-error.ts";
import { EXIT, fail } from "./failure.ts";
import { canonicalArguments } from "./spelling.ts";

/** Parses this process's arguments and runs the command they name; sets the exit code. */
export async function runProgram(program: Command): Promise<void> {
  prepare(program);
  outliveReaders();
  try {
    await program.parseAsync(canonicalArguments(process.argv.slice(2)), { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage;
      return;
    }
    fail(error);
  }
}

/** What is written to a closed pipe is lost, which its reader chose; a search behind it must go on. */
function outliveReaders(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error) => {
      if (!hasErrorCode(error, "EPIPE")) throw error;
    });
  }
}

/** Makes a command and those below it throw instead of ending the process. */
function prepare(command: Command): void {
  command.exitOverride().showHelpAfterError("(add --help for the options)");
  for (const child of command.commands) prepare(child);
}
