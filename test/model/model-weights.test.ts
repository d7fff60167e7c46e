// The weights that a merge takes a model to have: by tables, and by inference where there is none. Held
// against checkpoints of twenty families that transformers wrote.

import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import type { TensorInfo } from "../../src/checkpoint/checkpoint.ts";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import {
  type ModelWeights,
  modelWeights,
  unscoredNote,
} from "../../src/model/family/model-weights.ts";
import { parseStoredConfig, readStoredConfig } from "../../src/model/family/stored-config.ts";

const goldens = resolve(import.meta.dirname, "../../../shared/goldens/forward");
const skip = existsSync(goldens) ? false : "../shared/goldens/forward is absent";
const families = skip
  ? []
  : readdirSync(goldens, { withFileTypes: true }).filter((entry) => entry.isDirectory());

function namesOf({ pre, layer, post }: ModelWeights) {
  return [pre, ...layer, post].flatMap((weights) => [...weights.values()]);
}

for (const { name: family } of families) {
  const directory = join(goldens, family);
  test(`${family}: a table names every tensor, and every name it needs is there`, async () => {
    const { tensors } = await openCheckpoint(directory);
    const config = await readStoredConfig(directory);
    const weights = modelWeights(config, tensors, directory);
    assert.equal(weights.isInferred, false);
    assert.ok(weights.family.post.every(({ isForeign }) => isForeign !== true));
    assert.equal(weights.isTied, config.raw.tie_word_embeddings);
    const names = namesOf(weights);
    assert.equal(new Set(names.map(({ name }) => name)).size, names.length);
    for (const { name, optional } of names) assert.ok(tensors.has(name) || optional, name);
    for (const name of tensors.keys()) assert.ok(names.some((one) => one.name === name));
  });

  test(`${family}: inference finds the same layers, embeddings and head`, async () => {
    const { tensors } = await openCheckpoint(directory);
    const config = await readStoredConfig(directory);
    const known = modelWeights(config, tensors, directory);
    const inferred = modelWeights({ ...config, architecture: "Unheard" }, tensors, directory);
    assert.equal(inferred.isInferred, true);
    assert.equal(inferred.layers, 3);
    assert.equal(inferred.family.layersKey, known.family.layersKey);
    assert.deepEqual(
      namesOf(inferred)
        .map(({ name }) => name)
        .sort(),
      [...tensors.keys()].sort(),
    );
    const tables = (weights: ModelWeights) =>
      namesOf(weights)
        .filter(({ name, isEmbed }) => isEmbed && tensors.has(name))
        .map(({ name, tiedTo }) => [name, tiedTo])
        .sort();
    assert.deepEqual(tables(inferred), tables(known));
  });
}

test("the golden families were read", { skip }, () => assert.equal(families.length, 20));

function tensorsOf(names: Readonly<Record<string, readonly number[]>>): Map<string, TensorInfo> {
  return new Map(
    Object.entries(names).map(([name, shape]) => {
      const elements = shape.reduce((product, length) => product * length, 1);
      return [name, { name, dtype: "float32", shape, elements, byteLength: 4 * elements }];
    }),
  );
}

function config(raw: Record<string, unknown>) {
  return parseStoredConfig(raw, "config.json");
}

test("files that leave the prefix out meet those that do not", () => {
  const gpt2 = config({ architectures: ["GPT2LMHeadModel"], n_layer: 1 });
  const { layer, pre } = modelWeights(gpt2, tensorsOf({ "wte.weight": [4, 2] }), "m");
  assert.equal(pre.get("transformer.wte.weight")?.name, "wte.weight");
  assert.equal(layer[0]?.get("ln_1.weight")?.name, "h.0.ln_1.weight");
});

test("packed experts are read as they are stored", () => {
  const mixtral = config({
    architectures: ["MixtralForCausalLM"],
    num_hidden_layers: 1,
    num_local_experts: 2,
  });
  const experts = (held: Record<string, readonly number[]>) =>
    [...modelWeights(mixtral, tensorsOf(held), "m").layer[0]!.values()]
      .map(({ name }) => name)
      .filter((name) => name.includes("experts"));
  const packed = "model.layers.0.mlp.experts.gate_up_proj";
  assert.deepEqual(experts({ [packed]: [2, 8, 4] }), [
    packed,
    "model.layers.0.mlp.experts.down_proj",
  ]);
  assert.equal(experts({}).length, 6);
});

test("what only some layers have is optional; other stacks are merged whole", () => {
  const { layer, pre, post } = modelWeights(
    config({ architectures: ["Unheard"], num_layers: 2 }),
    tensorsOf({
      "blocks.0.a": [2],
      "blocks.1.a": [2],
      "blocks.1.b": [2],
      "eyes.0.a": [64],
      "lm_head.weight": [5, 2],
      "tok_embeddings.weight": [5, 2],
    }),
    "m",
  );
  assert.deepEqual(
    [...layer[1]!.values()].map(({ name, optional }) => [name, optional]),
    [
      ["blocks.1.a", false],
      ["blocks.1.b", true],
    ],
  );
  assert.deepEqual([...pre.keys()], ["eyes.0.a", "tok_embeddings.weight"]);
  assert.deepEqual([...post.keys()], ["lm_head.weight"]);
  assert.equal(post.get("lm_head.weight")?.tiedTo, "tok_embeddings.weight");
});

test("a tensor that the table does not know is merged where it is found, a buffer is not", () => {
  const llama = config({ architectures: ["LlamaForCausalLM"], num_hidden_layers: 1 });
  const held = tensorsOf({
    "value_head.weight": [1, 2],
    "model.embed.position_ids": [4],
    "model.layers.0.self_attn.rotary_emb.inv_freq": [2],
  });
  const weights = modelWeights(llama, held, "m");
  assert.deepEqual(
    weights.family.post.filter(({ isForeign }) => isForeign),
    [{ name: "value_head.weight", optional: true, isForeign: true }],
  );
  assert.match(unscoredNote("m", weights) ?? "", /^1 tensor of m stand.*: value_head\.weight$/);
});

test("malformed facts are named", () => {
  const refused = (raw: Record<string, unknown>, message: RegExp, held = {}) =>
    assert.throws(() => modelWeights(config(raw), tensorsOf(held), "m"), { message });
  refused(
    { architectures: ["LlamaForCausalLM"], num_hiden_layers: 2 },
    /^num_hidden_layers is missing; did you mean "num_hiden_layers"\?/,
  );
  refused({ architectures: ["LlamaForCausalLM"], num_hidden_layers: 1e9 }, /is 1000000000/);
  refused({ architectures: ["A", "B"] }, /one model has one/);

  refused({}, /^the tensors h\.N\. are of 2 layers with gaps/, { "h.0.a": [1], "h.2.a": [1] });
});
