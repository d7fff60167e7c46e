// A program of the user's: run to its end, or kept running as a server. It gets a process group of its own, so that
// whatever it starts ends with it. What it prints means nothing here.

import { type ChildProcess, spawn } from "node:child_process";
import { TsmergeError } from "../base/errors.ts";

/** Words of a command line, or a line for the shell; `{name}` stands for a value. */
export type Command = string | readonly string[];

export type Values = Readonly<Record<string, string>>;

/** Of what a program says on stderr, this much is told. */
const TAIL_CHARACTERS = 2000;
/** What prints more than this is no measurement. */
const MOST_OUTPUT = 2 ** 26;
/** What a program leaves running may hold its output open; it is read for so long after the program's end. */
const LINGER_MS = 1000;
/** A server that was asked to end gets so long. */
const GRACE_MS = 5000;

/** Puts values into a command; for the shell they are quoted. */
export function filled(command: Command, values: Values): Command {
  const fill = (text: string, quote: (value: string) => string): string =>
    text.replaceAll(/\{(\w+)\}/g, (whole, name) =>
      Object.hasOwn(values, name) ? quote(values[name]!) : whole,
    );
  if (typeof command !== "string") return command.map((word) => fill(word, (value) => value));
  return fill(command, (value) => `'${value.replaceAll("'", "'\\''")}'`);
}

/**
 * Runs a program and returns what it printed.
 * @throws TsmergeError `data` when it cannot start, ends with another code than 0, takes too long or prints without
 * end, with the end of its stderr; `interrupted` when the signal aborted
 */
export async function runProgram(
  command: Command,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<string> {
  const program = startProgram(command);
  let printed = "";
  let isEndless = false;
  // decoded as a stream: a character may come in two pieces
  program.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    printed += text;
    if (printed.length <= MOST_OUTPUT) return;
    isEndless = true;
    program.kill("SIGKILL");
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    program.kill("SIGKILL");
  }, timeoutMs);
  const stop = (): void => program.kill("SIGKILL");
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    const end = await program.ended;
    if (signal.aborted) throw interruptedProgram();
    if (late) throw program.failed(`took longer than ${timeoutMs / 1000} seconds`);
    if (isEndless) throw program.failed(`printed more than ${MOST_OUTPUT} characters`);
    if (end !== "code 0") throw program.failed(`ended with ${end}`);
    return printed;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

export function interruptedProgram(): TsmergeError {
  return new TsmergeError("interrupted", "stopped before the program was finished", {
    hint: "run the same command again: it continues where it was",
  });
}

export interface Program {
  readonly child: ChildProcess;
  /** `code 0`, `signal SIGKILL` or why it did not start. */
  readonly ended: Promise<string>;
  /** False after its end. */
  readonly isRunning: () => boolean;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Asks it to end, and after five seconds ends it. */
  readonly stop: () => Promise<void>;
  /** An error that says what happened, with the end of its stderr. */
  readonly failed: (what: string) => TsmergeError;
}

/** Starts a program; its output is read, so that it never waits for a reader. */
export function startProgram(command: Command): Program {
  const [file = "", ...words] = typeof command === "string" ? [command] : command;
  const shown = typeof command === "string" ? command : command.join(" ");
  const child = spawn(file, words, {
    shell: typeof command === "string",
    detached: true, // a group of its own
    stdio: ["ignore", "pipe", "pipe"],
  });
  let tail = "";
  let running = true;
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    tail = (tail + text).slice(-TAIL_CHARACTERS);
  });
  child.stdout.resume();
  child.on("exit", () => {
    const cut = (): void => {
      child.stdout.destroy();
      child.stderr.destroy();
    };
    setTimeout(cut, LINGER_MS).unref();
  });
  const ended = new Promise<string>((resolve) => {
    child.on("error", (error) => resolve(`the error "${error.message}"`));
    child.on("close", (code, signal) =>
      resolve(code === null ? `signal ${signal}` : `code ${code}`),
    );
  }).finally(() => {
    running = false;
  });
  const kill = (signal: NodeJS.Signals): void => {
    if (child.pid === undefined || !running) return;
    try {
      process.kill(-child.pid, signal);
    } catch {
      // the group ended in between, which is what was wanted
    }
  };
  return {
    ...{ child, ended, kill, isRunning: () => running },
    async stop() {
      kill("SIGTERM");
      const timer = setTimeout(() => kill("SIGKILL"), GRACE_MS);
      await ended;
      clearTimeout(timer);
    },
    failed: (what) =>
      new TsmergeError("data", `the program \`${shown}\` ${what}${said(tail)}`, {
        hint: "run it by hand on a parent's folder, and mend it or raise its timeout",
      }),
  };
}

function said(stderr: string): string {
  const text = stderr.trim();
  return text === "" ? ", with nothing on stderr" : `; the end of its stderr:\n${text}`;
}
