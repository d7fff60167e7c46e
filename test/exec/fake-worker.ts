// A worker module whose engine computes nothing: the plan's config says how its model behaves.

import { TsmergeError } from "../../src/base/errors.ts";
import { serveJobs } from "../../src/exec/serve.ts";

export interface FakeConfig {
  readonly behaviour?: "nan" | "throw" | "abort";
  readonly logProb?: number;
  readonly batchMs?: number;
}

export const runJob = serveJobs(async (setup) => {
  if (setup.extra === "broken") {
    throw new TsmergeError("device", "no device in this test", { hint: "none" });
  }
  let config: FakeConfig = {};
  return {
    async load(plan) {
      config = plan.config;
      if (config.behaviour === "throw") throw new TsmergeError("numeric", "weights are not finite");
      // process.abort is not available in threads; the signal is the same
      if (config.behaviour === "abort") process.kill(process.pid, "SIGABRT");
    },
    async score(schedule, { done, onBatch, signal, beforeCall }) {
      for (const [index, batch] of schedule.batches.entries()) {
        if (done?.has(index)) continue;
        beforeCall?.();
        if (signal?.aborted) return;
        await new Promise((resolve) => setTimeout(resolve, config.batchMs ?? 0));
        const value = config.behaviour === "nan" ? Number.NaN : (config.logProb ?? -1);
        const logProbs = new Float32Array(batch.targetRow.length).fill(value - index);
        onBatch(index, { logProbs, greedy: new Uint8Array(logProbs.length) });
      }
    },
  };
});
