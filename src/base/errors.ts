// The one error type of the project: a sentence, a machine-readable code, and the edit or command
// that fixes it. Errors that cross a thread or a process travel as WireError, never as cloned Error objects.

/** What kind of thing went wrong; the CLI maps `usage` and `config` to exit code 2, the rest to 1. */
export type ErrorCode =
  | "usage"
  | "config"
  | "checkpoint"
  | "incompatible"
  | "device"
  | "data"
  | "numeric"
  | "lineage"
  | "io"
  | "interrupted"
  | "internal";

export interface ErrorDetails {
  /** The command or edit that fixes it: one sentence, no full stop needed. */
  readonly hint?: string;
  /** Where it was seen, such as `evolve.yml:4:10` or a file path. */
  readonly where?: string;
  readonly cause?: unknown;
}

export class TsmergeError extends Error {
  override readonly name = "TsmergeError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly where: string | undefined;

  /**
   * @param code kind of failure
   * @param message what failed and the value seen: lower case, one sentence, no exclamation mark
   */
  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint;
    this.where = details.where;
  }
}

/** An error as plain data, safe for structured clone and JSON. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly where?: string;
  readonly stack?: string;
}

/** Plain-data form of anything thrown; a foreign error becomes `internal` and keeps its stack. */
export function toWire(error: unknown): WireError {
  if (error instanceof TsmergeError) {
    return {
      code: error.code,
      message: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      ...(error.where === undefined ? {} : { where: error.where }),
      ...(error.stack === undefined ? {} : { stack: error.stack }),
    };
  }
  if (error instanceof Error) {
    return {
      code: "internal",
      message: error.message,
      ...(error.stack === undefined ? {} : { stack: error.stack }),
    };
  }
  return { code: "internal", message: String(error) };
}

/** The error that `toWire` described; its stack is the one of the thread that threw. */
export function fromWire(wire: WireError): TsmergeError {
  const error = new TsmergeError(wire.code, wire.message, {
    ...(wire.hint === undefined ? {} : { hint: wire.hint }),
    ...(wire.where === undefined ? {} : { where: wire.where }),
  });
  if (wire.stack !== undefined) error.stack = wire.stack;
  return error;
}

/** The text a user sees: `where: message` and, on a second line, the hint. */
export function renderError(error: unknown): string {
  const wire = toWire(error);
  const head = wire.where === undefined ? wire.message : `${wire.where}: ${wire.message}`;
  return wire.hint === undefined ? head : `${head}\n  hint: ${wire.hint}`;
}
