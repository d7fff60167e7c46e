// Decoder speed against bare products of the same shapes: generated Llamas of 10 M and 100 M parameters,
// batches of about 512 slots on the CPU. Ratios within one run; machines differ.

import { pathToFileURL } from "node:url";
import type { DecoderBatch } from "../src/model/batch.ts";
import type { ModelConfig } from "../src/model/config.ts";
import { causalBatch } from "../src/model/decoder/causal.ts";
import { createDecoder } from "../src/model/decoder/runner.ts";
import { bareProducts } from "./bare-products.ts";
import { llama, weightsOf } from "./generated-llama.ts";
import { printRows, type Row } from "./row.ts";

const SLOTS = 512;
const ROUNDS = 7;

/** 21 questions of 24 tokens, one answer position scored in each: what the demo's batches look like. */
function questions(config: ModelConfig): DecoderBatch {
  const columns = 24;
  const rows = Math.floor(SLOTS / columns);
  const tokens = Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_, column) => (row * 31 + column * 7) % config.vocabSize),
  );
  const scored = Int32Array.from({ length: rows }, (_, row) => (row + 1) * columns - 2);
  return {
    ...causalBatch(tokens),
    scoreSlots: scored,
    targetRow: Int32Array.from(scored.keys()),
    targetToken: new Int32Array(rows).fill(1),
  };
}

/** Best time of each, their rounds interleaved so that a busy machine disturbs both alike. */
async function bestMs(...runs: (() => Promise<unknown>)[]): Promise<number[]> {
  const best = runs.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, run] of runs.entries()) {
      const start = performance.now();
      await run();
      best[index] = Math.min(best[index]!, performance.now() - start);
    }
  }
  return best;
}

async function benchModel(name: string, config: ModelConfig, target?: string): Promise<Row[]> {
  const batch = questions(config);
  const decoder = await createDecoder(config, { device: "cpu" });
  await decoder.setWeights(weightsOf(config));
  const bare = await bareProducts(config, batch.rows * batch.columns, batch.scoreSlots.length);
  const [decoderMs, bareMs] = await bestMs(() => decoder.runBatch(batch), bare.run);
  await decoder.close();
  await bare.close();
  const parameters = [...weightsOf(config).values()].reduce((sum, w) => sum + w.data.length, 0);
  return [
    { name: `${name}: parameters`, value: parameters / 1e6, unit: "M" },
    { name: `${name}: decoder`, value: bare.flops / decoderMs! / 1e6, unit: "GFLOP/s" },
    { name: `${name}: bare products`, value: bare.flops / bareMs! / 1e6, unit: "GFLOP/s" },
    {
      name: `${name}: decoder / bare products`,
      value: bareMs! / decoderMs!,
      unit: "ratio",
      ...(target === undefined ? {} : { target }),
    },
  ];
}

/** The decoder's share of bare product speed. */
export async function benchDecoder(): Promise<Row[]> {
  return [
    ...(await benchModel("llama 10M", llama(256, 10, 8192))),
    ...(await benchModel("llama 100M", llama(768, 12, 32000), "≥ 0.8")),
  ];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  printRows(await benchDecoder());
}
