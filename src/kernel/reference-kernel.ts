// The oracle as a Kernel: interpreted programs and folds in ordinary memory. Not fast.

import { bumpArena } from "./arena.ts";
import type { Kernel } from "./kernel.ts";
import { interpret } from "./reference.ts";
import { interpretCounts, interpretDrawSums, interpretSums } from "./reference-fold.ts";

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
