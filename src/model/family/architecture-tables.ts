// The tables behind architecture.ts: Llama's weights, and how Mistral, Qwen2 and Qwen3 differ from them.
// Plain data, no code that depends on a model. Defaults are those of the configuration classes of
// transformers 4 and 5, for keys that config.json omits.

import type { Architecture, BiasGroup, Dimension, ShapedTemplate } from "./architecture.ts";

const EMBEDDING = "model.embed_tokens.weight";

/** How the biases of each group stand in checkpoints. */
type Biases = Readonly<Record<BiasGroup, "required" | "optional" | "none">>;

function projection(
  suffix: string,
  shape: readonly [Dimension, Dimension],
  group: BiasGroup,
  biases: Biases,
): ShapedTemplate[] {
  const weight: ShapedTemplate = { name: `${suffix}.weight`, shape };
  const bias: ShapedTemplate = { name: `${suffix}.bias`, shape: [shape[0]], bias: group };
  switch (biases[group]) {
    case "none":
      return [weight];
    case "required":
      return [weight, bias];
    case "optional":
      return [weight, { ...bias, optional: true }];
    default:
      return biases[group] satisfies never;
  }
}

function layer(biases: Biases, headNorms: readonly ShapedTemplate[] = []): ShapedTemplate[] {
  return [
    { name: "input_layernorm.weight", shape: ["hidden"] },
    ...projection("self_attn.q_proj", ["query", "hidden"], "qkv", biases),
    ...projection("self_attn.k_proj", ["keyValue", "hidden"], "qkv", biases),
    ...projection("self_attn.v_proj", ["keyValue", "hidden"], "qkv", biases),
    ...headNorms,
    ...projection("self_attn.o_proj", ["hidden", "query"], "output", biases),
    { name: "post_attention_layernorm.weight", shape: ["hidden"] },
    ...projection("mlp.gate_proj", ["intermediate", "hidden"], "mlp", biases),
    ...projection("mlp.up_proj", ["intermediate", "hidden"], "mlp", biases),
    ...projection("mlp.down_proj", ["hidden", "intermediate"], "mlp", biases),
  ];
}

export const LLAMA: Architecture = {
  name: "LlamaForCausalLM",
  modelType: "llama",
  layersKey: "num_hidden_layers",
  pre: [{ name: EMBEDDING, shape: ["vocab", "hidden"], isEmbed: true }],
  layer: layer({ qkv: "optional", output: "optional", mlp: "optional" }),
  layerPrefix: "model.layers.",
  post: [
    { name: "model.norm.weight", shape: ["hidden"] },
    {
      name: "lm_head.weight",
      shape: ["vocab", "hidden"],
      isEmbed: true,
      optional: true,
      tiedTo: EMBEDDING,
    },
  ],
  ignored: ["self_attn.rotary_emb.inv_freq"], // stored by old versions of transformers; rope_theta gives it
  biases: { qkv: "config", output: "config", mlp: "config" },
  qkNorm: false,
  window: "none",
  defaults: { max_position_embeddings: 2048 },
};

export const MISTRAL: Architecture = {
  ...LLAMA,
  name: "MistralForCausalLM",
  modelType: "mistral",
  layer: layer({ qkv: "none", output: "none", mlp: "none" }),
  biases: { qkv: false, output: false, mlp: false },
  window: "every-layer",
  defaults: { num_key_value_heads: 8, max_position_embeddings: 131072, sliding_window: 4096 },
};

export const QWEN2: Architecture = {
  ...LLAMA,
  name: "Qwen2ForCausalLM",
  modelType: "qwen2",
  layer: layer({ qkv: "required", output: "none", mlp: "none" }),
  biases: { qkv: true, output: false, mlp: false },
  window: "layer-types",
  defaults: { num_key_value_heads: 32, max_position_embeddings: 32768, sliding_window: 4096 },
};

export const QWEN3: Architecture = {
  ...QWEN2,
  name: "Qwen3ForCausalLM",
  modelType: "qwen3",
  layer: layer({ qkv: "optional", output: "optional", mlp: "none" }, [
    { name: "self_attn.q_norm.weight", shape: ["head"] },
    { name: "self_attn.k_norm.weight", shape: ["head"] },
  ]),
  biases: { qkv: "config", output: "config", mlp: false },
  qkNorm: true,
  defaults: { ...QWEN2.defaults, head_dim: 128 },
};
