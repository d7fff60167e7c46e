// The families that can be merged besides those of architecture-tables.ts: their weights' names, checked
// against checkpoints that transformers wrote. Plain data. A family that is missing here is merged too, by
// names inferred from its tensors; a table adds what tensors cannot tell: ties, optional weights, buffers.

import type { Family, WeightTemplate } from "./family.ts";

/** Names separated by spaces; one that ends in `?` is optional. */
function weights(names: string): WeightTemplate[] {
  return names
    .trim()
    .split(/\s+/)
    .map((name) => (name.endsWith("?") ? { name: name.slice(0, -1), optional: true } : { name }));
}

function embedding(name: string): WeightTemplate {
  return { name, isEmbed: true };
}

function head(name: string, tiedTo: string): WeightTemplate {
  return { name, isEmbed: true, optional: true, tiedTo };
}

const ATTENTION = `self_attn.q_proj.weight self_attn.q_proj.bias? self_attn.k_proj.weight self_attn.k_proj.bias?
  self_attn.v_proj.weight self_attn.v_proj.bias? self_attn.o_proj.weight self_attn.o_proj.bias?`;
const GATED_MLP = "mlp.gate_proj.weight mlp.up_proj.weight mlp.down_proj.weight";
const NORMS = "input_layernorm.weight post_attention_layernorm.weight";
const HEAD_NORMS = "self_attn.q_norm.weight self_attn.k_norm.weight";

/** What all families around Llama's layout share. */
const COMMON = {
  layersKey: "num_hidden_layers",
  pre: [embedding("model.embed_tokens.weight")],
  layerPrefix: "model.layers.",
  post: [...weights("model.norm.weight"), head("lm_head.weight", "model.embed_tokens.weight")],
  ignored: ["self_attn.rotary_emb.inv_freq"],
} as const;

const GEMMA: Family = {
  ...COMMON,
  name: "GemmaForCausalLM",
  modelType: "gemma",
  layer: weights(`${NORMS} ${ATTENTION} ${GATED_MLP}`),
  isTiedByDefault: true,
};

const GEMMA2: Family = {
  ...GEMMA,
  name: "Gemma2ForCausalLM",
  modelType: "gemma2",
  layer: weights(
    `${NORMS} pre_feedforward_layernorm.weight post_feedforward_layernorm.weight ${ATTENTION} ${GATED_MLP}`,
  ),
};

const GEMMA3: Family = {
  ...GEMMA2,
  name: "Gemma3ForCausalLM",
  modelType: "gemma3_text",
  layer: [...GEMMA2.layer, ...weights(HEAD_NORMS)],
};

const COHERE: Family = {
  ...COMMON,
  name: "CohereForCausalLM",
  modelType: "cohere",
  layer: weights(
    `input_layernorm.weight self_attn.q_norm.weight? self_attn.k_norm.weight? ${ATTENTION} ${GATED_MLP}`,
  ),
  isTiedByDefault: true,
};

const COHERE2: Family = { ...COHERE, name: "Cohere2ForCausalLM", modelType: "cohere2" };

const GRANITE: Family = {
  ...COMMON,
  name: "GraniteForCausalLM",
  modelType: "granite",
  layer: weights(
    `${NORMS} ${ATTENTION} ${GATED_MLP} mlp.gate_proj.bias? mlp.up_proj.bias? mlp.down_proj.bias?`,
  ),
};

const OLMO2: Family = {
  ...COMMON,
  name: "Olmo2ForCausalLM",
  modelType: "olmo2",
  layer: weights(
    `post_attention_layernorm.weight post_feedforward_layernorm.weight ${HEAD_NORMS} ${ATTENTION} ${GATED_MLP}`,
  ),
};

const PHI3: Family = {
  ...COMMON,
  name: "Phi3ForCausalLM",
  modelType: "phi3",
  layer: weights(
    `${NORMS} self_attn.qkv_proj.weight self_attn.o_proj.weight mlp.gate_up_proj.weight mlp.down_proj.weight`,
  ),
};

const PHI: Family = {
  ...COMMON,
  name: "PhiForCausalLM",
  modelType: "phi",
  layer: weights(`input_layernorm.weight input_layernorm.bias self_attn.q_proj.weight
    self_attn.q_proj.bias self_attn.k_proj.weight self_attn.k_proj.bias self_attn.v_proj.weight
    self_attn.v_proj.bias self_attn.dense.weight self_attn.dense.bias self_attn.q_layernorm.weight?
    self_attn.q_layernorm.bias? self_attn.k_layernorm.weight? self_attn.k_layernorm.bias?
    mlp.fc1.weight mlp.fc1.bias mlp.fc2.weight mlp.fc2.bias`),
  post: [
    ...weights("model.final_layernorm.weight model.final_layernorm.bias"),
    head("lm_head.weight", "model.embed_tokens.weight"),
    { name: "lm_head.bias", isEmbed: true, optional: true },
  ],
};

const STABLELM: Family = {
  ...COMMON,
  name: "StableLmForCausalLM",
  modelType: "stablelm",
  layer: weights(
    `input_layernorm.weight input_layernorm.bias post_attention_layernorm.weight?
    post_attention_layernorm.bias? ${ATTENTION} ${GATED_MLP}`,
  ),
  post: [...weights("model.norm.weight model.norm.bias"), ...COMMON.post.slice(1)],
};

const STARCODER2: Family = {
  ...COMMON,
  name: "Starcoder2ForCausalLM",
  modelType: "starcoder2",
  layer: weights(`input_layernorm.weight input_layernorm.bias post_attention_layernorm.weight
    post_attention_layernorm.bias ${ATTENTION} mlp.c_fc.weight mlp.c_fc.bias? mlp.c_proj.weight
    mlp.c_proj.bias?`),
  post: [...weights("model.norm.weight model.norm.bias"), ...COMMON.post.slice(1)],
  isTiedByDefault: true,
};

const GPT2: Family = {
  name: "GPT2LMHeadModel",
  modelType: "gpt2",
  layersKey: "n_layer",
  pre: [embedding("transformer.wte.weight"), { name: "transformer.wpe.weight" }],
  layer: weights(`ln_1.weight ln_1.bias attn.c_attn.weight attn.c_attn.bias attn.c_proj.weight
    attn.c_proj.bias ln_2.weight ln_2.bias mlp.c_fc.weight mlp.c_fc.bias mlp.c_proj.weight
    mlp.c_proj.bias`),
  layerPrefix: "transformer.h.",
  post: [
    ...weights("transformer.ln_f.weight transformer.ln_f.bias"),
    head("lm_head.weight", "transformer.wte.weight"),
  ],
  ignored: ["attn.bias", "attn.masked_bias"], // causal masks
  isTiedByDefault: true,
  optionalPrefix: "transformer.",
};

const GPT_NEOX: Family = {
  name: "GPTNeoXForCausalLM",
  modelType: "gpt_neox",
  layersKey: "num_hidden_layers",
  pre: [embedding("gpt_neox.embed_in.weight")],
  layer: weights(`input_layernorm.weight input_layernorm.bias post_attention_layernorm.weight
    post_attention_layernorm.bias attention.query_key_value.weight attention.query_key_value.bias?
    attention.dense.weight attention.dense.bias? mlp.dense_h_to_4h.weight mlp.dense_h_to_4h.bias
    mlp.dense_4h_to_h.weight mlp.dense_4h_to_h.bias`),
  layerPrefix: "gpt_neox.layers.",
  post: [
    ...weights("gpt_neox.final_layer_norm.weight gpt_neox.final_layer_norm.bias"),
    head("embed_out.weight", "gpt_neox.embed_in.weight"),
  ],
  ignored: ["attention.bias", "attention.masked_bias", "attention.rotary_emb.inv_freq"],
};

const PACKED_EXPERTS = weights("mlp.gate.weight mlp.experts.gate_up_proj mlp.experts.down_proj");

const MIXTRAL: Family = {
  ...COMMON,
  name: "MixtralForCausalLM",
  modelType: "mixtral",
  layer: weights(`${NORMS} ${ATTENTION}`),
  experts: {
    countKeys: ["num_local_experts"],
    separate: weights(`block_sparse_moe.gate.weight block_sparse_moe.experts.{expert}.w1.weight
      block_sparse_moe.experts.{expert}.w2.weight block_sparse_moe.experts.{expert}.w3.weight`),
    packed: PACKED_EXPERTS,
  },
};

/** Qwen's mixtures have dense layers where the configuration says so, so each form may be absent. */
const QWEN_EXPERTS = {
  countKeys: ["num_experts", "num_local_experts"],
  separate: weights(`mlp.gate.weight? mlp.experts.{expert}.gate_proj.weight?
    mlp.experts.{expert}.up_proj.weight? mlp.experts.{expert}.down_proj.weight?`),
  packed: weights("mlp.gate.weight? mlp.experts.gate_up_proj? mlp.experts.down_proj?"),
} as const;
const DENSE_LAYERS = "mlp.gate_proj.weight? mlp.up_proj.weight? mlp.down_proj.weight?";

const QWEN2_MOE: Family = {
  ...COMMON,
  name: "Qwen2MoeForCausalLM",
  modelType: "qwen2_moe",
  layer: weights(`${NORMS} ${ATTENTION} ${DENSE_LAYERS} mlp.shared_expert_gate.weight?
    mlp.shared_expert.gate_proj.weight? mlp.shared_expert.up_proj.weight?
    mlp.shared_expert.down_proj.weight?`),
  experts: QWEN_EXPERTS,
};

const QWEN3_MOE: Family = {
  ...COMMON,
  name: "Qwen3MoeForCausalLM",
  modelType: "qwen3_moe",
  layer: weights(`${NORMS} ${ATTENTION} ${HEAD_NORMS} ${DENSE_LAYERS}`),
  experts: QWEN_EXPERTS,
};

export const MERGE_ONLY_FAMILIES: readonly Family[] = [
  ...[GEMMA, GEMMA2, GEMMA3, COHERE, COHERE2, GRANITE, OLMO2, PHI, PHI3, STABLELM, STARCODER2],
  ...[GPT2, GPT_NEOX, MIXTRAL, QWEN2_MOE, QWEN3_MOE],
];
