// The real worker, slowed down so that a kill meets it in the middle of a candidate; or dying for real.

import { serveJobs } from "../../src/exec/serve.ts";
import { openEngine } from "../../src/exec/worker.ts";

export interface SlowExtra {
  /** Milliseconds after each batch of the search. */
  readonly batchMs: number;
  /** Candidates' plans with a weight like this abort the process, natively. */
  readonly abortOn?: number;
}

export const runJob = serveJobs(async (setup) => {
  const engine = await openEngine(setup);
  const { batchMs, abortOn } = setup.extra as SlowExtra; // this worker's own option
  const word = new Int32Array(new SharedArrayBuffer(4));
  return {
    async load(plan, signal) {
      const weights = plan.tensors.flatMap(({ perModel }) => perModel.map(({ weight }) => weight));
      // process.abort() is refused in threads; this is the signal that a native abort raises
      if (abortOn !== undefined && weights.includes(abortOn)) process.kill(process.pid, "SIGABRT");
      await engine.load(plan, signal);
    },
    score: (schedule, options) =>
      engine.score(schedule, {
        ...options,
        onBatch: (batch, result) => {
          options.onBatch(batch, result);
          Atomics.wait(word, 0, 0, batchMs);
        },
      }),
  };
});
