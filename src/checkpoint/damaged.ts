// The error of every file reader here: which file, what is wrong with it, and what mends it.

import { TsmergeError } from "../base/errors.ts";

/** What helps against most damage; a reader that knows better says so. */
const DOWNLOAD_AGAIN = "download or copy the file again";

/** A `checkpoint` error at `file`. */
export function damaged(
  file: string,
  message: string,
  hint = DOWNLOAD_AGAIN,
  cause?: unknown,
): TsmergeError {
  return new TsmergeError("checkpoint", message, { where: file, hint, cause });
}
