// An Arena over one fixed buffer: views are handed out in order and never taken back one by one.
// It does not own the buffer's memory; the collector frees that when the last view is gone.

import { TsmergeError } from "../../base/errors.ts";
import type { Arena } from "../kernel.ts";

/** Cache lines and SIMD registers divide it. */
const ALIGNMENT = 64;

/** Hands out views of `buffer`'s first `size` bytes, which must be zeroed and stay attached. */
export function bumpArena(buffer: ArrayBuffer, size = buffer.byteLength): Arena {
  let used = 0;
  let closed = false;
  return {
    get bytesFree() {
      return closed ? 0 : size - used;
    },
    allocate(bytes) {
      if (closed) {
        throw new TsmergeError("io", `${bytes} bytes were asked of an arena that is closed`, {
          hint: "allocate every view before the arena is closed",
        });
      }
      if (bytes > size - used) {
        throw new TsmergeError(
          "io",
          `${bytes} bytes do not fit the ${size - used} left of an arena of ${size}`,
          { hint: "make the arena larger, or work in smaller tiles" },
        );
      }
      const view = new Uint8Array(buffer, used, bytes);
      used = Math.min(size, Math.ceil((used + bytes) / ALIGNMENT) * ALIGNMENT);
      return view;
    },
    close() {
      closed = true;
    },
  };
}
