// Ctrl-C for work in this process: the first asks it to stop, the second ends it.

/** The shell's exit code for a command ended by Ctrl-C. */
export const EXIT_INTERRUPTED = 130;

/** A signal that aborts at the first SIGINT or SIGTERM. Call it once a process. */
export function stopSignal(): AbortSignal {
  const stop = new AbortController();
  const onSignal = (): void => {
    if (stop.signal.aborted) process.exit(EXIT_INTERRUPTED);
    stop.abort();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return stop.signal;
}
