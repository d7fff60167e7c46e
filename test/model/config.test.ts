// config.json in both spellings of transformers, the defaults of absent keys, and what is refused.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { TsmergeError } from "../../src/base/errors.ts";
import { parseModelConfig, readModelConfig } from "../../src/model/config.ts";

const goldens = resolve(import.meta.dirname, "../../../shared/goldens/forward");
const skip = existsSync(goldens) ? false : "../shared/goldens/forward is absent";

const LLAMA = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  hidden_size: 48,
  intermediate_size: 80,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 96,
};
const MISTRAL = { ...LLAMA, architectures: ["MistralForCausalLM"], model_type: "mistral" };
const QWEN2 = { ...LLAMA, architectures: ["Qwen2ForCausalLM"], model_type: "qwen2" };
const QWEN3 = { ...LLAMA, architectures: ["Qwen3ForCausalLM"], model_type: "qwen3" };

function parse(json: unknown) {
  return parseModelConfig(json, "model/config.json");
}

function refusal(json: unknown): string {
  try {
    parse(json);
  } catch (error) {
    assert.ok(error instanceof TsmergeError);
    assert.equal(error.code, "incompatible");
    assert.equal(error.where, "model/config.json");
    assert.notEqual(error.hint, undefined);
    return error.message;
  }
  return assert.fail("nothing was refused");
}

test("both spellings of transformers say the same", () => {
  const four = parse({
    ...LLAMA,
    torch_dtype: "bfloat16",
    rope_theta: 500000,
    rope_scaling: {
      type: "llama3",
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 64,
    },
  });
  const five = parse({
    ...LLAMA,
    dtype: "bfloat16",
    rope_parameters: {
      rope_type: "llama3",
      rope_theta: 500000,
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 64,
    },
  });
  assert.deepEqual({ ...four, raw: {} }, { ...five, raw: {} });
  assert.equal(five.dtype, "bfloat16");
  assert.deepEqual(five.rope, {
    type: "llama3",
    theta: 500000,
    factor: 8,
    lowFreqFactor: 1,
    highFreqFactor: 4,
    originalMaxPositions: 64,
  });
});

test("an absent key means what the architecture's configuration class says", () => {
  const { num_key_value_heads: _, ...bare } = LLAMA;
  const llama = parse(bare);
  assert.equal(llama.keyValueHeads, 4);
  assert.equal(llama.headDim, 12);
  assert.equal(llama.maxPositions, 2048);
  assert.equal(llama.rmsNormEps, 1e-6);
  assert.deepEqual(llama.rope, { type: "default", theta: 10000 });
  assert.deepEqual(llama.biases, { qkv: false, output: false, mlp: false });
  assert.equal(llama.tieWordEmbeddings, false);
  assert.equal(llama.dtype, undefined);
  assert.deepEqual(llama.eosTokenIds, []);
  assert.equal(parse(MISTRAL).slidingWindow, 4096);
  assert.equal(parse(QWEN3).headDim, 128);
  assert.deepEqual(parse(QWEN2).biases, { qkv: true, output: false, mlp: false });
  assert.equal(parse(QWEN3).qkNorm, true);
});

test("a window covers the layers that the architecture says", () => {
  const mistral = parse({ ...MISTRAL, sliding_window: 6 });
  assert.equal(mistral.slidingWindow, 6);
  assert.deepEqual(mistral.windowedLayers, [true, true, true]);
  assert.equal(parse({ ...MISTRAL, sliding_window: null }).slidingWindow, undefined);
  assert.equal(parse({ ...LLAMA, sliding_window: 6 }).slidingWindow, undefined);

  const off = parse({ ...QWEN2, sliding_window: 6, use_sliding_window: false });
  assert.equal(off.slidingWindow, undefined);
  const on = { ...QWEN2, sliding_window: 6, use_sliding_window: true };
  assert.deepEqual(parse({ ...on, max_window_layers: 1 }).windowedLayers, [false, true, true]);
  assert.equal(parse(on).slidingWindow, undefined); // 28 layers without a window come first
  const types = ["sliding_attention", "full_attention", "full_attention"];
  assert.deepEqual(parse({ ...on, layer_types: types }).windowedLayers, [true, false, false]);
});

test("end-of-text tokens are one, several or none", () => {
  assert.deepEqual(parse({ ...LLAMA, eos_token_id: 2 }).eosTokenIds, [2]);
  assert.deepEqual(parse({ ...LLAMA, eos_token_id: [2, 7] }).eosTokenIds, [2, 7]);
  assert.deepEqual(parse({ ...LLAMA, eos_token_id: null }).eosTokenIds, []);
});

test("a refusal names the field and the value", () => {
  const cases: [string, unknown, RegExp][] = [
    ["no hidden size", { ...LLAMA, hidden_size: undefined }, /^hidden_size is missing: /],
    ["text for a number", { ...LLAMA, vocab_size: "96" }, /^vocab_size is "96": /],
    ["a negative count", { ...LLAMA, num_hidden_layers: -1 }, /^num_hidden_layers is -1: /],
    [
      "more layers than memory",
      { ...LLAMA, num_hidden_layers: 1e9 },
      /^num_hidden_layers is 1000000000: /,
    ],
    ["not an object", [], /the whole file is \[\]: /],
    ["two architectures", { ...LLAMA, architectures: ["A", "B"] }, /architectures is \["A","B"\]/],
    [
      "a slip",
      { ...LLAMA, architectures: ["LlamaForCasualLM"] },
      /did you mean "LlamaForCausalLM"/,
    ],
    ["a foreign type", { ...LLAMA, model_type: "mistral" }, /^model_type is "mistral": /],
    ["an activation", { ...LLAMA, hidden_act: "gelu" }, /^hidden_act is "gelu": /],
    ["a rotation", { ...LLAMA, rope_scaling: { type: "yarn", factor: 4 } }, /is "yarn": /],
    ["a factor", { ...LLAMA, rope_scaling: { type: "linear" } }, /rope_scaling\.factor is null: /],
    ["two thetas", { ...LLAMA, rope_theta: 1, rope_parameters: { rope_theta: 2 } }, /says 2$/],
    ["part of a head", { ...LLAMA, partial_rotary_factor: 0.5 }, /partial_rotary_factor is 0\.5/],
    ["heads", { ...LLAMA, num_key_value_heads: 3 }, /must divide num_attention_heads, 4$/],
    [
      "uneven heads",
      { ...LLAMA, hidden_size: 50 },
      /must be a multiple of num_attention_heads, 4$/,
    ],
    ["an odd head", { ...LLAMA, head_dim: 7 }, /^head_dim is 7: must be even/],
    ["a dtype", { ...LLAMA, dtype: "float64" }, /^dtype is "float64": /],
    ["two dtypes", { ...LLAMA, dtype: "float32", torch_dtype: "float16" }, /dtype says float32$/],
    ["quantized", { ...LLAMA, quantization_config: { bits: 4 } }, /quantized weights/],
    ["layer types", { ...QWEN2, layer_types: ["full_attention"] }, /one entry a layer, 3$/],
  ];
  for (const [name, json, pattern] of cases) assert.match(refusal(json), pattern, name);
});

test("every problem is listed at once", () => {
  const message = refusal({ ...LLAMA, vocab_size: 0, hidden_act: "relu" });
  assert.match(message, /vocab_size is 0/);
  assert.match(message, /hidden_act is "relu"/);
});

test("of a foreign architecture nothing else is said", () => {
  const message = refusal({ architectures: ["GPT2LMHeadModel"], n_embd: 768 });
  assert.equal(message, 'architecture "GPT2LMHeadModel" is not supported');
});

test("the golden families read as they were made", { skip }, async () => {
  const read = (family: string) => readModelConfig(join(goldens, family));
  const tied = await read("llama-tied-head-dim");
  assert.deepEqual([tied.headDim, tied.keyValueHeads, tied.tieWordEmbeddings], [16, 1, true]);
  assert.deepEqual((await read("llama-bias")).biases, { qkv: true, output: true, mlp: true });
  assert.equal((await read("llama3-rope")).rope.type, "llama3");
  assert.equal((await read("mistral-window")).slidingWindow, 6);
  assert.equal((await read("qwen2")).slidingWindow, undefined);
  assert.equal((await read("qwen3")).architecture.name, "Qwen3ForCausalLM");
  await assert.rejects(read("gemma2"), /architecture "Gemma2ForCausalLM" is not supported/);
});
