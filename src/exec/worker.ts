// The worker thread: parents stay in its kernel memory, the decoder's session is built once, and each
// candidate is one merge pass into weights that the decoder reads in place. No checkpoint, no reload.

import { canonicalJson } from "../base/hash.ts";
import { wasmKernel } from "../kernel/wasm.ts";
import { CandidateMerger } from "../merge/candidate.ts";
import { type ModelConfig, parseModelConfig } from "../model/config.ts";
import { createDecoder, type Decoder } from "../model/runner.ts";
import type { WorkerSetup } from "./protocol.ts";
import { type Engine, serveJobs } from "./serve.ts";

/** What `LocalExecutor` runs in each thread. */
export const runJob = serveJobs(openEngine);

/** Merging by WebAssembly, scoring by onnxruntime on the setup's device. */
export async function openEngine(setup: WorkerSetup): Promise<Engine> {
  const merger = new CandidateMerger(wasmKernel());
  let current: { key: string; decoder: Decoder } | undefined;

  async function decoderFor(config: ModelConfig): Promise<Decoder> {
    // the element type decides nothing here: weights reach the decoder in float32
    const key = canonicalJson({ ...config.raw, dtype: undefined, torch_dtype: undefined });
    if (current?.key !== key) {
      await current?.decoder.close();
      current = undefined;
      const { device, threads } = setup;
      current = { key, decoder: await createDecoder(config, { device, threads }) };
    }
    return current.decoder;
  }

  return {
    async load(plan, signal) {
      const weights = await merger.merge(plan, signal);
      const decoder = await decoderFor(parseModelConfig(plan.config, plan.donor));
      await decoder.setWeights(weights);
    },
    async score(schedule, done, onBatch, signal) {
      await current?.decoder.runSchedule(schedule, { done, onBatch, signal });
    },
  };
}
