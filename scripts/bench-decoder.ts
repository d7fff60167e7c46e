// Decoder speed against bare products of the same shapes: generated Llamas of 10 M and 100 M parameters,
// batches of about 512 slots on the CPU. Ratios within one run; machines differ.

import { pathToFileURL } from "node:url";
import type { DecoderBatch } from "../src/model/batch.ts";
import { causalBatch } from "../src/model/causal.ts";
import type { ModelConfig } from "../src/model/config.ts";
import { createDecoder } from "../src/model/runner.ts";
import { Graph } from "../src/onnx/graph.ts";
import { createSession } from "../src/ort/session.ts";
import type { HostTensor } from "../src/ort/tensor.ts";
import { llama, noise, weightsOf } from "./generated-llama.ts";
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

/** Every linear layer of the model as a bare product with one set of rows, in one graph. */
async function bareProducts(config: ModelConfig, slots: number, scored: number) {
  const graph = new Graph("products");
  const feeds: Record<string, HostTensor> = {};
  let flops = 0;
  const weights = [...weightsOf(config)].filter(([, { shape }]) => shape.length === 2);
  for (const [name, { shape, data }] of weights) {
    const [outputs, inputs] = shape as [number, number]; // filtered to two axes
    const rows = outputs === config.vocabSize ? scored : slots;
    const x = `x.${rows}.${inputs}`;
    if (feeds[x] === undefined) {
      graph.input(x, "float32", [rows, inputs]);
      feeds[x] = { type: "float32", shape: [rows, inputs], data: noise(rows * inputs) };
    }
    const weight = graph.input(name, "float32", shape);
    feeds[name] = { type: "float32", shape, data };
    const product = graph.node("Gemm", [x, weight], { transB: 1 });
    const corner = graph.node("Slice", [
      product,
      graph.constant("int64", [2], [0, 0]),
      graph.constant("int64", [2], [1, 1]),
    ]);
    graph.output(`y.${name}`, corner, "float32", [1, 1]);
    flops += 2 * rows * inputs * outputs;
  }
  const session = await createSession(graph.bytes(), { device: "cpu" });
  return { flops, run: () => session.run(feeds), close: () => session.close() };
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
