// A process that merges a plan file and ends itself by a signal before tensor n: node mortal-merge.ts
// PLAN OUT SIGNAL N. Without a signal it merges to the end.

import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { fail } from "../../src/cli/failure.ts";
import { stopSignal } from "../../src/exec/stop-signal.ts";
import { wasmKernel } from "../../src/kernel/wasm/wasm.ts";
import { type HireCrew, soloCrew } from "../../src/merge/files/crew.ts";
import { executeWith } from "../../src/merge/files/execute.ts";
import { readState } from "../../src/merge/files/merge-state.ts";
import { stagingOf } from "../../src/merge/files/output-folder.ts";

const [planFile, outDir, name, at] = process.argv.slice(2);
const signal = stopSignal();
let merged = 0;
const hasShard = async () => {
  const state = await readState(stagingOf(outDir!));
  return Object.keys(state?.shards ?? {}).length > 0;
};
const hire: HireCrew = async (plan, options) => {
  const crew = await soloCrew(wasmKernel())(plan, options);
  return {
    ...crew,
    async merge(index, place) {
      if (name !== undefined && merged++ === Number(at)) {
        // shards are flushed while the next tensors are merged
        while (!(await hasShard())) await setTimeout(10);
        process.kill(process.pid, name);
        await setTimeout(50); // signals arrive between turns
      }
      return crew.merge(index, place);
    },
  };
};
try {
  const plan = JSON.parse(readFileSync(planFile!, "utf8"));
  await executeWith(plan, hire, { outDir: outDir!, shardBytes: 4000, signal });
  process.stdout.write(`${merged}`);
} catch (error) {
  fail(error);
}
