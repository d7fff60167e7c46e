// The process over the process that works: starts it, passes Ctrl-C on, and starts it again when a native
// abort or the kernel took it. It knows nothing of searches; the working process is crash-safe by itself.

import { spawn } from "node:child_process";
import { TsmergeError } from "../base/errors.ts";
import { EXIT_INTERRUPTED } from "./stop-signal.ts";
import type { FromSupervisor, ToSupervisor } from "./supervised.ts";

export interface SuperviseOptions {
  /** Module that the working process runs; it must call connectSupervisor(). */
  readonly script: string;
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Told once for each death that is followed by a restart. */
  readonly onRestart?: (death: string) => void;
  /** Deaths in a row, with nothing finished between them, after which it gives up. */
  readonly patience?: number;
}

/** Deaths in a row without progress. A crashing candidate is given up after two, which counts as progress. */
const DEFAULT_PATIENCE = 3;

/** How a process dies that did not mean to: native aborts and faults, and the kernel's out-of-memory killer. */
const CRASHES: ReadonlySet<string> = new Set([
  "SIGABRT",
  "SIGBUS",
  "SIGFPE",
  "SIGILL",
  "SIGKILL",
  "SIGSEGV",
  "SIGTRAP",
]);

/**
 * Runs the script in a child process until it exits by itself, and returns its exit code. The first Ctrl-C
 * (or SIGTERM) asks it to checkpoint and end; the second ends it now, with code 130.
 * @throws TsmergeError `internal` when the process died `patience` times without finishing anything
 */
export async function supervise(options: SuperviseOptions): Promise<number> {
  const patience = options.patience ?? DEFAULT_PATIENCE;
  let deathsInARow = 0;
  let previousDeath: string | undefined;
  for (;;) {
    const life = await live(options, previousDeath);
    if (life.interrupted || life.death === undefined) return life.exitCode;
    if (!CRASHES.has(life.death)) return life.exitCode;
    deathsInARow = life.progressed ? 1 : deathsInARow + 1;
    if (deathsInARow >= patience) throw gaveUp(deathsInARow, life.death);
    previousDeath = life.death;
    options.onRestart?.(life.death);
  }
}

interface Life {
  readonly exitCode: number;
  /** The signal that ended it, if one did. */
  readonly death: string | undefined;
  readonly progressed: boolean;
  readonly interrupted: boolean;
}

function live(options: SuperviseOptions, previousDeath: string | undefined): Promise<Life> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [...process.execArgv, options.script, ...options.argv],
      // Ctrl-C reaches the whole process group; the child ignores it and waits for our message
      { stdio: ["inherit", "inherit", "inherit", "ipc"], env: { ...options.environment } },
    );
    let progressed = false;
    let asked = 0;
    const tell = (message: FromSupervisor): void => {
      // a child that is already gone is reported by its exit event
      if (child.connected) child.send(message, () => {});
    };
    const onSignal = (): void => {
      asked++;
      if (asked === 1) tell({ type: "stop" });
      else child.kill("SIGKILL");
    };
    child.on("message", (message: ToSupervisor) => {
      if (message.type === "progress") progressed = true;
      else {
        tell({ type: "start", previousDeath });
        // Ctrl-C before the child could listen
        if (asked > 0) tell({ type: "stop" });
      }
    });
    const settle = (): void => {
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
    child.on("error", (cause) => {
      settle();
      reject(
        new TsmergeError("io", `the working process could not be started: ${cause.message}`, {
          cause,
          where: options.script,
        }),
      );
    });
    child.on("exit", (code, signal) => {
      settle();
      const interrupted = asked > 0;
      const exitCode = code ?? (interrupted ? EXIT_INTERRUPTED : 1);
      resolve({ exitCode, death: signal ?? undefined, progressed, interrupted });
    });
  });
}

function gaveUp(deaths: number, signal: string): TsmergeError {
  const memory = signal === "SIGKILL";
  return new TsmergeError(
    "internal",
    `the working process died ${deaths} times in a row without finishing anything, the last time by ${signal}`,
    {
      hint: memory
        ? "SIGKILL is usually the kernel running out of memory: try --workers 1, or smaller models"
        : "try --device cpu --workers 1; nothing that was finished is lost",
    },
  );
}
