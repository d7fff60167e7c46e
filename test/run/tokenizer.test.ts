// Two tiny models of different vocabularies, merged from a recipe file to a folder: every row of the
// embeddings and of the head is the one its token had.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { CheckpointWriter } from "../../src/checkpoint/writer.ts";
import { mergeFile } from "../../src/run/merge/merge.ts";
import { decode, encode } from "../merge/tensors.ts";

const root = mkdtempSync(join(tmpdir(), "tsmerge-vocabulary-"));
after(() => rmSync(root, { recursive: true, force: true }));

const HIDDEN = 4;

function config(rows: number, eos: number) {
  return {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    hidden_size: HIDDEN,
    intermediate_size: 4,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    num_key_value_heads: 2,
    vocab_size: rows,
    eos_token_id: eos,
    torch_dtype: "float32",
  };
}

/** A model whose row of token i is [i + offset, …] in the embeddings and its negative in the head. */
async function writeModel(name: string, tokens: readonly string[], rows: number, offset: number) {
  const directory = join(root, name);
  mkdirSync(directory, { recursive: true });
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const json = { added_tokens: [], model: { type: "BPE", vocab, merges: [] } };
  const texts = {
    "config.json": config(rows, tokens.length - 1),
    "tokenizer.json": json,
    "tokenizer_config.json": { eos_token: tokens.at(-1), chat_template: "{{ messages }}" },
    "vocab.json": vocab,
  };
  for (const [file, content] of Object.entries(texts)) {
    writeFileSync(join(directory, file), JSON.stringify(content));
  }
  const square = [HIDDEN, HIDDEN];
  const layer = "model.layers.0.";
  const shapes: [string, number[]][] = [
    ["model.embed_tokens.weight", [rows, HIDDEN]],
    [`${layer}input_layernorm.weight`, [HIDDEN]],
    [`${layer}post_attention_layernorm.weight`, [HIDDEN]],
    ...["q", "k", "v", "o"].map((p): [string, number[]] => [
      `${layer}self_attn.${p}_proj.weight`,
      square,
    ]),
    ...["gate", "up", "down"].map((p): [string, number[]] => [
      `${layer}mlp.${p}_proj.weight`,
      square,
    ]),
    ["model.norm.weight", [HIDDEN]],
    ["lm_head.weight", [rows, HIDDEN]],
  ];
  const tensors = shapes.map(([tensor, shape]) => ({
    name: tensor,
    shape,
    dtype: "float32" as const,
  }));
  const writer = await CheckpointWriter.open(directory, tensors);
  for (const { name: tensor, shape } of tensors) {
    const sign = tensor === "lm_head.weight" ? -1 : 1;
    const numbers = Float32Array.from(
      { length: shape.reduce((a, b) => a * b, 1) },
      (_, i) => sign * (Math.floor(i / HIDDEN) + offset),
    );
    await writer.write(tensor, encode("float32", numbers));
  }
  await writer.finish();
}

before(async () => {
  await writeModel("one", ["a", "b", "c", "<e>"], 6, 0); // rows 4 and 5 are padding
  await writeModel("two", ["c", "d", "a", "<f>"], 4, 100);
});

async function merged(recipe: string, compat = false) {
  const file = join(root, "recipe.yml");
  const outDir = mkdtempSync(join(root, "out-"));
  const weights =
    "models:\n  - {model: one, parameters: {weight: 0.5}}\n  - {model: two, parameters: {weight: 0.5}}\n";
  writeFileSync(file, `merge_method: linear\nbase_model: one\n${weights}${recipe}`);
  const notes: string[] = [];
  await mergeFile(
    {
      file,
      outDir,
      seed: undefined,
      compat,
      shardSize: "5B",
      device: "cpu",
      force: false,
      environment: {},
    },
    { onNote: (note) => notes.push(note) },
  );
  const checkpoint = await openCheckpoint(outDir);
  const column = async (name: string) => {
    const bytes = new Uint8Array(checkpoint.tensors.get(name)!.byteLength);
    await checkpoint.read(name, 0, bytes);
    return [...decode("float32", bytes)].filter((_, i) => i % HIDDEN === 0);
  };
  const json = (name: string) => JSON.parse(readFileSync(join(outDir, name), "utf8"));
  const tables = [await column("model.embed_tokens.weight"), await column("lm_head.weight")];
  await checkpoint.close();
  return { embeddings: tables[0]!, head: tables[1]!, json, notes, outDir };
}

test("a union merges every token's row with the row it has elsewhere", async () => {
  const { embeddings, head, json, notes } = await merged("tokenizer_source: union\n");
  // a b c <e> | d <f>: a is 0 and 102, c 2 and 100; the others stand in one model only
  assert.deepEqual(embeddings, [51, 1, 51, 3, 101, 103]);
  assert.deepEqual(
    head,
    embeddings.map((x) => -x),
  );
  assert.equal(json("config.json").vocab_size, 6);
  assert.equal(json("config.json").eos_token_id, 3);
  assert.deepEqual(json("tokenizer.json").model.vocab, {
    a: 0,
    b: 1,
    c: 2,
    "<e>": 3,
    d: 4,
    "<f>": 5,
  });
  assert.match(notes.join("\n"), /2 tokens more than the 4/);
  assert.throws(() => json("vocab.json"), /ENOENT/);
});

test("another model's tokenizer brings its ids and its end of text", async () => {
  const { embeddings, json } = await merged("tokenizer: {source: two, pad_to_multiple_of: 8}\n");
  // c d a <f>, then padding: the mean of each model's four rows, (2+101+0+103)/4 and (100+101+102+103)/4
  assert.deepEqual(embeddings, [51, 101, 51, 103, 76.5, 76.5, 76.5, 76.5]);
  assert.equal(json("config.json").vocab_size, 8);
  assert.equal(json("tokenizer_config.json").eos_token, "<f>");
  const compat = await merged("tokenizer_source: two\n", true);
  assert.deepEqual(compat.embeddings, [51, 101, 51, 103]);
  assert.equal(compat.json("config.json").vocab_size, 4);
});

test("the base's tokenizer keeps the base's padded rows; a named token takes the source it is given", async () => {
  const tokens = "{a: {source: two, force: true}, b: {source: {kind: zero}}}";
  const { embeddings } = await merged(`tokenizer: {source: base, tokens: ${tokens}}\n`);
  assert.deepEqual(embeddings, [102, 0.5, 51, 3, 4, 5]);
});

test("a chat template is written where transformers looks for it", async () => {
  const { json, outDir } = await merged("tokenizer_source: union\nchat_template: chatml\n");
  const text = readFileSync(join(outDir, "chat_template.jinja"), "utf8");
  assert.match(text, /im_start/);
  assert.equal(json("tokenizer_config.json").chat_template, text);
  const auto = await merged("tokenizer_source: base\nchat_template: auto\n");
  assert.equal(auto.json("tokenizer_config.json").chat_template, "{{ messages }}");
});

test("models of one size need no tokenizer.json to keep the base's tokenizer", async () => {
  rmSync(join(root, "two/tokenizer.json"));
  await assert.rejects(merged("tokenizer_source: base\n"), /tokenizer\.json is missing/);
  rmSync(join(root, "two"), { recursive: true });
  await writeModel("two", ["c", "d", "a", "<f>"], 6, 100);
  rmSync(join(root, "two/tokenizer.json"));
  const { embeddings, notes } = await merged("tokenizer_source: base\n");
  assert.deepEqual(embeddings, [50, 51, 52, 53, 54, 55]);
  assert.match(notes.join(), /two has no tokenizer\.json/);
});
