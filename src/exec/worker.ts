// The worker thread: parents stay in the memory that merges are computed in (the CPU's or the GPU's), the
// decoder's session is built once, and each candidate is one merge pass into weights that the decoder
// reads in place. No checkpoint, no reload.

import { canonicalJson } from "../base/hash.ts";
import { wasmKernel } from "../kernel/wasm/wasm.ts";
import { CandidateMerger } from "../merge/candidates/candidate.ts";
import { DeviceMerger } from "../merge/candidates/device-candidate.ts";
import { type ModelConfig, parseModelConfig } from "../model/config.ts";
import { createDecoder, type Decoder } from "../model/decoder/runner.ts";
import type { Weight } from "../model/decoder/standing-feeds.ts";
import { DeviceTensor } from "../ort/tensor.ts";
import type { WorkerSetup } from "./protocol.ts";
import { type Engine, serveJobs } from "./serve.ts";

/**
 * Decoders that a thread keeps: compiling one again costs seconds for a deep model, and one kept costs the
 * memory of its activations. A device's memory holds one.
 */
const MOST_DECODERS = 4;

/** What `LocalExecutor` runs in each thread. */
export const runJob = serveJobs(openEngine);

/** Merging on WebGPU where that is the setup's device, else by WebAssembly; scoring by onnxruntime on the device. */
export async function openEngine(setup: WorkerSetup): Promise<Engine> {
  const kernel = wasmKernel();
  const merger = setup.device === "webgpu" ? new DeviceMerger(kernel) : new CandidateMerger(kernel);
  /** By configuration, the one in use last: candidates of a data flow differ in depth. */
  const decoders = new Map<string, Decoder>();
  const most = setup.device === "webgpu" ? 1 : MOST_DECODERS;
  /** What the decoder reads. */
  let held: ReadonlyMap<string, Weight> = new Map();

  async function decoderFor(config: ModelConfig): Promise<Decoder> {
    // the element type decides nothing here: weights reach the decoder in float32
    const key = canonicalJson({ ...config.raw, dtype: undefined, torch_dtype: undefined });
    const known = decoders.get(key);
    decoders.delete(key);
    for (const [oldest, decoder] of [...decoders].slice(0, Math.max(0, decoders.size - most + 1))) {
      decoders.delete(oldest);
      await decoder.close();
    }
    const { device, threads, int8 = false } = setup;
    const decoder = known ?? (await createDecoder(config, { device, threads, int8 }));
    decoders.set(key, decoder);
    return decoder;
  }

  return {
    async load(plan, signal) {
      const weights: ReadonlyMap<string, Weight> = await merger.merge(plan, signal);
      let unread = weights;
      try {
        const decoder = await decoderFor(parseModelConfig(plan.config, plan.donor));
        await decoder.setWeights(weights);
        [unread, held] = [held, weights];
      } finally {
        // the last candidate's, or this one's if the decoder refused it
        for (const weight of unread.values()) if (weight instanceof DeviceTensor) weight.dispose();
      }
    },
    async score(schedule, options) {
      await [...decoders.values()].at(-1)?.runSchedule(schedule, options);
    },
  };
}
