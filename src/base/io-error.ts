// Failures of the file system as TsmergeErrors: what was being done, to which path, and the usual cure.

import { TsmergeError } from "./errors.ts";

/** The cure for each error code of Node that has one. */
const HINTS: Readonly<Record<string, string>> = {
  ENOENT: "check the path",
  EACCES: "check the permissions of the path",
  EPERM: "check the permissions of the path",
  EROFS: "choose a folder on a disk that can be written",
  ENOSPC: "free some space, or choose a folder on another disk",
  EDQUOT: "free some space, or choose a folder on another disk",
  EMFILE: "raise the limit of open files, for example with ulimit -n 4096",
  EISDIR: "give the path of a file, not of a folder",
  ENOTDIR: "a part of the path is a file, not a folder",
};

/** Whether `error` is the file system's error of that code, such as `ENOENT`. */
export function hasErrorCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

/**
 * The error to throw when the file system refuses.
 * @param doing what failed, such as `read` or `rename`: the message says `cannot <doing> <path>`
 */
export function ioError(doing: string, path: string, cause: unknown): TsmergeError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const code = Object.keys(HINTS).find((name) => hasErrorCode(cause, name));
  return new TsmergeError("io", `cannot ${doing} ${path}: ${reason}`, {
    ...(code === undefined ? {} : { hint: HINTS[code]! }),
    cause,
  });
}

/** A failure of the file system that nobody foresaw, as an error for people; undefined for anything else. */
export function systemError(error: unknown): TsmergeError | undefined {
  if (!(error instanceof Error) || !("syscall" in error) || !("code" in error)) return undefined;
  const hint = HINTS[String(error.code)];
  return new TsmergeError("io", `the system refused: ${error.message}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}
