// How a command ends: exit codes, and an error as the user sees it.

import { type ErrorCode, renderError, TsmergeError, toWire } from "../base/errors.ts";
import { systemError } from "../base/io-error.ts";
import { EXIT_INTERRUPTED } from "../exec/stop-signal.ts";
import { wantsStacks } from "./env.ts";

/** 0 done, 1 failure while running, 2 usage or configuration, 130 stopped by Ctrl-C after a checkpoint. */
export const EXIT = { done: 0, failure: 1, usage: 2, interrupted: EXIT_INTERRUPTED } as const;

/** The exit code of an error that ends a command. */
export function exitCodeOf(code: ErrorCode): number {
  if (code === "usage" || code === "config") return EXIT.usage;
  return code === "interrupted" ? EXIT.interrupted : EXIT.failure;
}

/** Prints an error on stderr and sets the exit code; the process ends when its handles close. */
export function fail(thrown: unknown): void {
  const error = systemError(thrown) ?? thrown;
  process.stderr.write(`tsmerge: ${renderError(error)}\n`);
  const wire = toWire(error);
  if (wire.stack !== undefined && (wantsStacks() || !(error instanceof TsmergeError))) {
    process.stderr.write(`${wire.stack}\n`);
  }
  process.exitCode = exitCodeOf(wire.code);
}
