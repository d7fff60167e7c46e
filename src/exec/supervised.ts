// The working process's end of its supervisor: when to stop, how the last life ended, and a sign of
// progress now and then. Without a supervisor it listens to Ctrl-C itself.

import { stopSignal } from "./stop-signal.ts";

export type ToSupervisor = { readonly type: "ready" } | { readonly type: "progress" };

export type FromSupervisor =
  | { readonly type: "start"; readonly previousDeath: string | undefined }
  | { readonly type: "stop" };

export interface Supervision {
  /** Aborts when the user asked to stop: finish the running batches, keep everything, exit 130. */
  readonly signal: AbortSignal;
  /** The signal that ended the process this one replaces, such as `SIGABRT`; undefined for a first life. */
  readonly previousDeath: string | undefined;
  /** Call when something was finished for good: the supervisor starts counting deaths anew. */
  readonly progress: () => void;
}

/**
 * Connects to the supervisor, if this process has one. Call it once, before any work.
 * A supervisor that disappears takes this process with it: whoever runs the command again must find
 * the database free.
 */
export async function connectSupervisor(): Promise<Supervision> {
  if (process.send === undefined) {
    return { signal: stopSignal(), previousDeath: undefined, progress: () => {} };
  }
  const stop = new AbortController();
  // the terminal sends Ctrl-C to both processes: only the supervisor's word counts
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => {});
  process.on("disconnect", () => process.exit(1));
  const previousDeath = await new Promise<string | undefined>((resolve) => {
    process.on("message", (message: FromSupervisor) => {
      if (message.type === "stop") stop.abort();
      else resolve(message.previousDeath);
    });
    send({ type: "ready" });
  });
  // listening alone must not keep a finished process alive
  process.channel?.unref();
  return { signal: stop.signal, previousDeath, progress: () => send({ type: "progress" }) };
}

function send(message: ToSupervisor): void {
  process.send?.(message, (error: Error | null) => {
    if (error !== null) process.exit(1); // gone before "disconnect" could be heard
  });
}
