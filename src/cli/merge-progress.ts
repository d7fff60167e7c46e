// The status line of a merge: how far, which tensor, how fast, how long still.

import type { MergeProgress } from "../merge/files/execute.ts";
import { clock } from "./clock.ts";

/** A formatter for one merge's events; its clock starts with the first. `now` is in milliseconds. */
export function mergeProgress(now: () => number = Date.now): (progress: MergeProgress) => string {
  let start: { readonly ms: number; readonly bytes: number } | undefined;
  return ({ done, tensors, bytes, totalBytes, tensor }) => {
    start ??= { ms: now(), bytes };
    const parts = [
      `merging ${done}/${tensors} tensors, ${Math.floor((100 * bytes) / totalBytes)} %`,
    ];
    if (tensor !== "") parts.push(placeOf(tensor));
    const seconds = (now() - start.ms) / 1000;
    const rate = (bytes - start.bytes) / seconds; // of output, without what an earlier merge made
    if (seconds > 0 && rate > 0) {
      parts.push(`${Math.round(rate / 1e6)} MB/s`, `ETA ${clock((totalBytes - bytes) / rate)}`);
    }
    return parts.join("   ");
  };
}

/** `layer 7: mlp.up_proj.weight`, or the whole name where it has no layer number. */
function placeOf(tensor: string): string {
  const found = /^(?:.*\.)?(\d+)\.(.+)$/.exec(tensor);
  return found === null ? tensor : `layer ${found[1]}: ${found[2]}`;
}
