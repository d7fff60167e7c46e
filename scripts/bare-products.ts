// The yardstick of decoder benchmarks: the linear layers of a model as bare products, nothing between them.

import type { ModelConfig } from "../src/model/config.ts";
import { Graph } from "../src/onnx/graph.ts";
import { createSession } from "../src/ort/session.ts";
import type { HostTensor } from "../src/ort/tensor.ts";
import { noise, weightsOf } from "./generated-llama.ts";

/** Every linear layer of the model as a bare product with one set of rows, in one graph. */
export async function bareProducts(config: ModelConfig, slots: number, scored: number) {
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
