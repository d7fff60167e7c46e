// Sizes as people write them on the command line. A bare K, M or B counts as mergekit counts it:
// thousands, millions and billions of bytes.

import { TsmergeError } from "../base/errors.ts";

const UNITS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    "": 1,
    k: 1e3,
    m: 1e6,
    b: 1e9, // mergekit's billion, not "bytes"
    kb: 1e3,
    mb: 1e6,
    gb: 1e9,
    tb: 1e12,
    kib: 2 ** 10,
    mib: 2 ** 20,
    gib: 2 ** 30,
    tib: 2 ** 40,
  }),
);

/** mergekit's `--out-shard-size 5B`. */
export const DEFAULT_SHARD_BYTES = 5e9;

/**
 * Bytes in `5B` (5·10⁹), `500MB` (decimal), `2GiB` (binary) or `1000000`. Case does not matter.
 * @throws TsmergeError `usage` for anything else, and for a size that is not a whole number of bytes from 1
 */
export function parseShardSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  const unit = UNITS.get(match?.[2]?.toLowerCase() ?? "none");
  if (match === null || unit === undefined) {
    throw new TsmergeError("usage", `"${text}" is not a shard size`, {
      hint: "write 5B (5·10⁹ bytes), 500MB, 2GiB or a number of bytes",
    });
  }
  const bytes = Math.round(Number(match[1]) * unit * 1e6) / 1e6; // 1.1·10⁹ has no exact double factor
  if (!Number.isSafeInteger(bytes) || bytes < 1) {
    throw new TsmergeError("usage", `a shard size of "${text}" is ${bytes} bytes`, {
      hint: "give a whole number of bytes, at least 1",
    });
  }
  return bytes;
}
