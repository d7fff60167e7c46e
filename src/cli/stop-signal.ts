// Ctrl-C for commands that work in this process: the first asks the work to stop, the second ends it.

import { EXIT } from "./failure.ts";

/** A signal that aborts at the first SIGINT or SIGTERM. Call it once a process. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(EXIT.interrupted);
    stop.abort();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return stop.signal;
}
