// A Llama of any size with made-up weights, for benchmarks: speed does not depend on what they are.

import { type ModelConfig, parseModelConfig } from "../src/model/config.ts";
import { isRead, shapeOf, tensorNames } from "../src/model/family/architecture.ts";

export function llama(hidden: number, layers: number, vocabulary: number): ModelConfig {
  const json = {
    architectures: ["LlamaForCausalLM"],
    hidden_size: hidden,
    intermediate_size: Math.round((hidden * 8) / 3 / 64) * 64,
    num_hidden_layers: layers,
    num_attention_heads: hidden / 64,
    num_key_value_heads: Math.max(1, hidden / 256),
    vocab_size: vocabulary,
    max_position_embeddings: 4096,
    tie_word_embeddings: true,
  };
  return parseModelConfig(json, "generated");
}

/** Small pseudo-random numbers: denormals and NaN would change the speed. */
export function noise(length: number): Float32Array {
  let state = 1;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 36;
  });
}

export function weightsOf(config: ModelConfig) {
  const read = tensorNames(config.architecture, config.layers).filter((t) => isRead(t, config));
  return new Map(
    read.map((tensor) => {
      const shape = shapeOf(tensor.shape, config);
      return [tensor.name, { shape, data: noise(shape.reduce((a, b) => a * b, 1)) }];
    }),
  );
}
