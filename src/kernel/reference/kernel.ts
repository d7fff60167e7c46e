// The oracle as a Kernel: interpreted programs and folds in ordinary memory. Not fast.

import type { Kernel } from "../kernel.ts";
import { bumpArena } from "../wasm/arena.ts";
import { interpretCounts, interpretDrawSums, interpretSums } from "./fold.ts";
import { interpret } from "./reference.ts";

export function referenceKernel(): Kernel {
  return {
    name: "reference",
    compile: interpret,
    sums: interpretSums,
    counts: interpretCounts,
    drawSums: interpretDrawSums,
    arena: (bytes) => bumpArena(new ArrayBuffer(bytes)),
    close() {},
  };
}
