// The names and shapes of the tables, held against checkpoints that transformers wrote.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { readModelConfig } from "../../src/model/config.ts";
import {
  ARCHITECTURES,
  architectureNamed,
  isRead,
  shapeOf,
  tensorNames,
} from "../../src/model/family/architecture.ts";

const goldens = resolve(import.meta.dirname, "../../../shared/goldens/forward");
const skip = existsSync(goldens) ? false : "../shared/goldens/forward is absent";

/** Tensor shapes by name, from the header of a safetensors file. */
function shapesIn(file: string): Record<string, readonly number[]> {
  const bytes = readFileSync(file);
  const text = bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString();
  const header: Record<string, { shape: number[] }> = JSON.parse(text);
  delete header.__metadata__;
  return Object.fromEntries(Object.entries(header).map(([name, { shape }]) => [name, shape]));
}

const FAMILIES = [
  "llama",
  "llama-bias",
  "llama-tied-head-dim",
  "llama3-rope",
  "mistral-window",
  "qwen2",
  "qwen3",
];

for (const family of FAMILIES) {
  test(`the tensors that ${family} reads are those of its checkpoint`, { skip }, async () => {
    const directory = join(goldens, family);
    const config = await readModelConfig(directory);
    const read = tensorNames(config.architecture, config.layers).filter((t) => isRead(t, config));
    const expected = Object.fromEntries(read.map((t) => [t.name, shapeOf(t.shape, config)]));
    assert.deepEqual(expected, shapesIn(join(directory, "model.safetensors")));
  });
}

test("names come in the order pre, layers, post, each once", () => {
  for (const architecture of ARCHITECTURES) {
    const tensors = tensorNames(architecture, 2);
    assert.equal(new Set(tensors.map((tensor) => tensor.name)).size, tensors.length);
    const order = tensors.map(({ section, layer }) => (section === "layer" ? layer : section));
    assert.deepEqual([...new Set(order)], ["pre", 0, 1, "post"]);
  }
});

test("the head is an optional token table tied to the embedding", () => {
  const head = tensorNames(architectureNamed("Qwen2ForCausalLM"), 1).at(-1);
  assert.deepEqual(head, {
    name: "lm_head.weight",
    section: "post",
    shape: ["vocab", "hidden"],
    isEmbed: true,
    optional: true,
    tiedTo: "model.embed_tokens.weight",
  });
});

test("a bias that every checkpoint of the family carries is not optional", () => {
  const bias = tensorNames(architectureNamed("Qwen2ForCausalLM"), 1).find(
    ({ name }) => name === "model.layers.0.self_attn.q_proj.bias",
  );
  assert.equal(bias?.optional, false);
  assert.equal(bias?.bias, "qkv");
});

test("an unknown architecture is answered with those there are", () => {
  assert.throws(() => architectureNamed("GPT2LMHeadModel"), {
    message: 'architecture "GPT2LMHeadModel" is not supported',
    hint: /LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM/,
  });
});
