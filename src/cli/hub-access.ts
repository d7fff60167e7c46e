// What a command lends the hub: the environment, its status line and its Ctrl-C.

import type { HubAccess, HubEvent } from "../hub/settings.ts";
import { clock } from "./clock.ts";
import { environment } from "./env.ts";
import type { Status } from "./status.ts";

/** @param signal stops a download between two pieces; it goes on when the command is run again */
export function hubAccess(status: Status, signal?: AbortSignal): HubAccess {
  return { environment: environment(), onHubEvent: hubPrinter(status), signal };
}

/** More often than this nobody reads. */
const REFRESH_MS = 100;
/** A download from this size on has a line of its own, that of a repository's first in any case. */
const LARGE_BYTES = 10e6;

/** Says what is under way: one line a repository, and how far it is where there is a terminal. */
export function hubPrinter(
  status: Status,
  now: () => number = Date.now,
): (event: HubEvent) => void {
  const said = new Set<string>();
  let start = { key: "", ms: 0, bytes: 0 };
  let shownMs = 0;
  return (event) => {
    if (event.type === "wait") {
      status.line(`${event.reason}; trying again in ${event.seconds} s`);
      return;
    }
    const { type, repository, bytes, totalBytes, files } = event;
    const key = `${repository}: ${files} ${files === 1 ? "file" : "files"}, ${size(totalBytes)}`;
    if (start.key !== key) {
      start = { key, ms: now(), bytes };
      if (!said.has(repository) || totalBytes >= LARGE_BYTES) status.line(`${type}ing ${key}`);
      said.add(repository);
    }
    if (bytes >= totalBytes) return status.update("");
    if (now() - shownMs < REFRESH_MS) return;
    shownMs = now();
    const rate = (bytes - start.bytes) / ((now() - start.ms) / 1000); // of what came now, not of what was there
    const pace = rate > 0 ? `   ${size(rate)}/s   ETA ${clock((totalBytes - bytes) / rate)}` : "";
    status.update(`${type}ing ${repository}: ${size(bytes)} of ${size(totalBytes)}${pace}`);
  };
}

function size(bytes: number): string {
  if (bytes < 1e3) return `${bytes} B`;
  const [unit, divisor] = bytes >= 1e9 ? ["GB", 1e9] : bytes >= 1e6 ? ["MB", 1e6] : ["kB", 1e3];
  return `${(bytes / Number(divisor)).toFixed(1)} ${unit}`;
}
