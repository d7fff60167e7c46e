// Run by webgpu.test.ts in its own process: the decoder on WebGPU with the CPU fallback refused. Prints
// JSON: for each family its largest logit difference, and for random schedules the largest difference
// from the CPU.

import assert from "node:assert/strict";
import type { Schedule } from "../../src/model/batch.ts";
import { createDecoder, type Decoder } from "../../src/model/decoder/runner.ts";
import type { DeviceTensor } from "../../src/ort/tensor.ts";
import { Transfer } from "../../src/ort/transfer.ts";
import {
  everyPosition,
  FAMILIES,
  golden,
  largestDifference,
  skipGoldens,
} from "./forward-goldens.ts";
import { characterTokenizer, texts } from "./generated-texts.ts";
import { randomTree } from "./random-tree.ts";
import { tinyConfig, tinyWeights } from "./tiny.ts";

const WEBGPU = { device: "webgpu", refuseCpuFallback: true } as const;

async function goldenDifference(family: string): Promise<number> {
  const { config, weights, rows, logits } = golden(family);
  const decoder = await createDecoder(config, { ...WEBGPU, logits: true });
  await decoder.setWeights(weights);
  const output = await decoder.runBatch(everyPosition(rows));
  await decoder.close();
  return largestDifference(logits, output.logits!);
}

async function scores(decoder: Decoder, schedule: Schedule): Promise<Float32Array> {
  const all: number[] = [];
  await decoder.runSchedule(schedule, { onBatch: (_, { logProbs }) => void all.push(...logProbs) });
  return Float32Array.from(all);
}

/** Random schedules against the CPU, the weights device tensors of the caller's, exchanged in between. */
async function scheduleDifference(): Promise<number> {
  const config = tinyConfig({ architectures: ["MistralForCausalLM"], sliding_window: 6 });
  const cpu = await createDecoder(config, { device: "cpu", threads: 1 });
  const gpu = await createDecoder(config, WEBGPU);
  const transfer = new Transfer();
  let worst = 0;
  for (let seed = 0; seed < 3; seed++) {
    const weights = tinyWeights(config, seed);
    const onDevice = new Map<string, DeviceTensor>();
    for (const [name, { data, shape }] of weights) {
      onDevice.set(name, await transfer.upload({ type: "float32", data, shape }));
    }
    await cpu.setWeights(weights);
    await gpu.setWeights(onDevice);
    const { schedule } = randomTree(seed, config.vocabSize);
    const expected = await scores(cpu, schedule);
    worst = Math.max(worst, largestDifference(expected, await scores(gpu, schedule)));
    for (const tensor of onDevice.values()) assert.doesNotThrow(() => tensor.handle());
    for (const tensor of onDevice.values()) tensor.dispose();
  }
  await transfer.close();
  await cpu.close();
  await gpu.close();
  return worst;
}

/** 1 if the GPU generates other texts than the CPU, behind a shared beginning and a window. */
async function generationDifference(): Promise<number> {
  const config = tinyConfig({ architectures: ["MistralForCausalLM"], sliding_window: 9 });
  const stop = { until: [], maxTokens: 12 };
  const prompts = [3, 7, 12].map((length) => ({
    stop,
    tokens: Int32Array.from({ length: 6 + length }, (_, i) => (i < 6 ? i : i * length) % 40),
  }));
  const folder = characterTokenizer(config.vocabSize);
  const generated = [];
  for (const options of [{ device: "cpu", threads: 1 }, WEBGPU] as const) {
    const decoder = await createDecoder(config, options);
    await decoder.setWeights(tinyWeights(config));
    generated.push(await texts(decoder, prompts, folder));
    await decoder.close();
  }
  const [expected, got] = generated;
  return got!.every((text, i) => text.length > 0 && text === expected![i]) ? 0 : 1;
}

const differences: Record<string, number> = {
  schedules: await scheduleDifference(),
  "generated texts": await generationDifference(),
};
if (skipGoldens === false) {
  for (const family of FAMILIES) differences[family] = await goldenDifference(family);
}
console.log(JSON.stringify(differences));
