// Tiny decoders with generated weights: enough structure to be wrong in every interesting way.

import { streamKey, uniform } from "../../src/base/counter-rng.ts";
import { type ModelConfig, parseModelConfig } from "../../src/model/config.ts";
import { isRead, shapeOf, tensorNames } from "../../src/model/family/architecture.ts";

export function tinyConfig(overrides: Readonly<Record<string, unknown>> = {}): ModelConfig {
  const json = {
    architectures: ["LlamaForCausalLM"],
    hidden_size: 32,
    intermediate_size: 48,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 8,
    vocab_size: 40,
    max_position_embeddings: 128,
    ...overrides,
  };
  return parseModelConfig(json, "tiny");
}

/** Weights of about unit gain, so that attention is far from uniform and log-probabilities differ. */
export function tinyWeights(config: ModelConfig, seed = 0) {
  const read = tensorNames(config.architecture, config.layers).filter((t) => isRead(t, config));
  return new Map(
    read.map((tensor) => {
      const shape = shapeOf(tensor.shape, config);
      const key = streamKey(seed, tensor.name);
      const scale = shape.length === 1 ? 1 : 4 / Math.sqrt(shape[1]!);
      const offset = tensor.name.endsWith("norm.weight") ? 1 : 0;
      const data = Float32Array.from(
        { length: shape.reduce((a, b) => a * b, 1) },
        (_, i) => offset + scale * (uniform(key, i) - 0.5),
      );
      return [tensor.name, { data, shape }] as const;
    }),
  );
}
