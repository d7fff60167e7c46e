// Talk on stderr: one rewritten status line on a terminal, nothing of it elsewhere; ordinary lines always.

import type { createLogUpdate } from "log-update";

type LogUpdate = ReturnType<typeof createLogUpdate>;

export interface Status {
  /** Replaces the status line (a terminal only). */
  update(text: string): void;
  /** Prints a line that stays. */
  line(text: string): void;
  /** Removes the status line. */
  close(): void;
}

/** @param quiet print nothing at all */
export async function openStatus(quiet: boolean): Promise<Status> {
  if (quiet) return { update: () => {}, line: () => {}, close: () => {} };
  let live: LogUpdate | undefined;
  if (process.stderr.isTTY) {
    const { createLogUpdate } = await import("log-update"); // kept out of --help's start-up time
    live = createLogUpdate(process.stderr);
  }
  let shown = "";
  return {
    update(text) {
      shown = text;
      live?.(text);
    },
    line(text) {
      live?.clear();
      process.stderr.write(`${text}\n`);
      if (shown !== "") live?.(shown);
    },
    close() {
      live?.clear();
      live?.done();
      shown = "";
    },
  };
}
