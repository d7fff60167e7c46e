// One process at a time: a file that its holder makes, touches and removes. Made for downloads, where two
// holders would cost time and nothing else, for what they fetch is checked; do not guard more with it.

import { mkdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { hasErrorCode, ioError } from "../base/io-error.ts";
import { ifThere } from "./cache.ts";

const TOUCH_MS = 10_000;
/** A lock that was not touched for so long has lost its holder, on this machine or another. */
const STALE_MS = 60_000;
const POLL_MS = 200;

/**
 * Runs `work` while no other process runs its own under the same path.
 * @param wait sleeps between two looks; throws to give up
 * @throws TsmergeError `io` for a path that cannot be written, and what `work` and `wait` throw
 */
export async function underLock<T>(
  path: string,
  wait: (delayMs: number, holder: string) => Promise<void>,
  work: () => Promise<T>,
): Promise<T> {
  const own = JSON.stringify({ pid: process.pid, host: hostname() });
  while (!(await take(path, own))) {
    const holder = await ifThere(readFile(path, "utf8"), path);
    if (holder === undefined) continue;
    if (await isLost(path, holder)) await rm(path, { force: true });
    else await wait(POLL_MS, holder);
  }
  const touch = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {}); // at worst the lock looks lost
  }, TOUCH_MS).unref();
  try {
    return await work();
  } finally {
    clearInterval(touch);
    await rm(path, { force: true });
  }
}

async function take(path: string, own: string): Promise<boolean> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, own, { flag: "wx" });
    return true;
  } catch (cause) {
    if (hasErrorCode(cause, "EEXIST")) return false;
    throw ioError("lock", path, cause);
  }
}

async function isLost(path: string, holder: string): Promise<boolean> {
  const found = await ifThere(stat(path), path);
  if (found === undefined) return false;
  if (Date.now() - found.mtimeMs > STALE_MS) return true;
  const named = /^\{"pid":(\d+),"host":(".*")\}$/.exec(holder);
  return named !== null && JSON.parse(named[2]!) === hostname() && !isRunning(Number(named[1]));
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0); // asks, and sends nothing
    return true;
  } catch (cause) {
    return hasErrorCode(cause, "EPERM");
  }
}
