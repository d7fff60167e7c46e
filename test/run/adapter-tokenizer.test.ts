// Models whose tokens are not the first one's: an adapter that brings its own tokenizer, and parents whose
// tokenizers number tokens differently. What the output holds, and what is said before it is made.

import assert from "node:assert/strict";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { CheckpointWriter } from "../../src/checkpoint/writer.ts";
import { mergeFile } from "../../src/run/merge/merge.ts";

const root = mkdtempSync(join(tmpdir(), "tsmerge-adapter-"));
after(() => rmSync(root, { recursive: true, force: true }));

function json(path: string, value: unknown): void {
  writeFileSync(join(root, path), JSON.stringify(value));
}

function tokenizer(...tokens: string[]) {
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  return { version: "1.0", added_tokens: [], model: { type: "WordLevel", vocab, unk_token: "a" } };
}

async function weights(path: string, tensors: Readonly<Record<string, readonly number[][]>>) {
  const directory = join(root, path);
  mkdirSync(directory, { recursive: true });
  const specs = Object.entries(tensors).map(([name, rows]) => {
    return { name, dtype: "float32" as const, shape: [rows.length, rows[0]!.length] };
  });
  const writer = await CheckpointWriter.open(directory, specs);
  for (const { name } of specs) {
    const values = Float32Array.from(tensors[name]!.flat());
    await writer.write(name, new Uint8Array(values.buffer));
  }
  await writer.finish();
}

before(async () => {
  const table = [
    [1, 1],
    [2, 2],
    [3, 3],
  ]; // prettier to read as rows
  await weights("base", { "embed_tokens.weight": table, "block.0.w": [[1, 2]] });
  const specials = { bos_token_id: 0, eos_token_id: 2 };
  json("base/config.json", { architectures: ["Unheard"], n_layers: 1, vocab_size: 3, ...specials });
  json("base/generation_config.json", { eos_token_id: 2, temperature: 0.5 });
  json("base/tokenizer.json", tokenizer("a", "b", "c"));
  json("base/tokenizer_config.json", { bos_token: "a", eos_token: "c" });
  json("base/vocab.json", { a: 0, b: 1, c: 2 });
  await weights("adapter", { "base_model.model.embed_tokens.weight": [...table, [4, 4]] });
  renameSync(
    join(root, "adapter/model.safetensors"),
    join(root, "adapter/adapter_model.safetensors"),
  );
  json("adapter/adapter_config.json", { peft_type: "LORA", r: 1, lora_alpha: 1 });
  json("adapter/tokenizer.json", tokenizer("a", "b", "c", "<|end|>"));
  json("adapter/tokenizer_config.json", { bos_token: "a", eos_token: { content: "<|end|>" } });
  cpSync(join(root, "base"), join(root, "turned"), { recursive: true });
  json("turned/tokenizer.json", tokenizer("c", "b", "a"));
});

function linear(...models: string[]): string {
  const lines = models.map((model) => `  - {model: ${model}, parameters: {weight: 0.5}}\n`);
  return `merge_method: linear\nmodels:\n${lines.join("")}`;
}

async function merge(name: string, text: string) {
  writeFileSync(join(root, `${name}.yml`), text);
  const notes: string[] = [];
  await mergeFile(
    {
      ...{ file: join(root, `${name}.yml`), outDir: join(root, name), environment: {} },
      ...{ seed: undefined, compat: false, shardSize: "5B", device: "cpu", force: false },
    },
    { onNote: (note) => notes.push(note) },
  );
  const read = (file: string) => JSON.parse(readFileSync(join(root, name, file), "utf8"));
  return { notes, read, files: readdirSync(join(root, name)) };
}

async function table(name: string): Promise<number[]> {
  const checkpoint = await openCheckpoint(join(root, name));
  const values = new Float32Array(checkpoint.tensors.get("embed_tokens.weight")!.elements);
  await checkpoint.read("embed_tokens.weight", 0, new Uint8Array(values.buffer));
  await checkpoint.close();
  return [...values];
}

test("an adapter's tokenizer goes with its embeddings, and config.json follows", async () => {
  const text = "merge_method: passthrough\nmodels: [base+adapter]\n";
  const { notes, read, files } = await merge("adapted", text);
  assert.equal(read("tokenizer.json").model.vocab["<|end|>"], 3);
  assert.equal(read("tokenizer_config.json").eos_token.content, "<|end|>");
  const { vocab_size, bos_token_id, eos_token_id } = read("config.json");
  assert.deepEqual([vocab_size, bos_token_id, eos_token_id], [4, 0, 3]);
  assert.deepEqual(read("generation_config.json"), { eos_token_id: 3, temperature: 0.5 });
  assert.ok(!files.includes("vocab.json"), "the base's would contradict tokenizer.json");
  assert.equal(
    notes[0],
    "config.json gets eos_token_id 3 from the tokenizer of base+adapter's adapter",
  );
});

test("the base and its adapter are told apart by size, and meet under a union", async () => {
  const text = linear("base", "base+adapter");
  await assert.rejects(merge("unequal", text), {
    message: "the vocabularies differ: embed_tokens.weight has these rows: base 3, base+adapter 4",
  });
  const { read } = await merge("union", `${text}tokenizer_source: union\n`);
  assert.deepEqual(await table("union"), [1, 1, 2, 2, 3, 3, 4, 4]);
  assert.equal(read("config.json").vocab_size, 4);
  assert.equal(read("tokenizer.json").model.vocab["<|end|>"], 3);
});

test("tokenizers that number tokens differently are told, and quietly matched on request", async () => {
  const text = linear("base", "turned");
  const { notes } = await merge("mixed", text);
  assert.deepEqual(notes, [
    "the tokenizers of base and turned differ (tokens 3 vs 3), and 2 tokens have other ids: embeddings are merged by id, so add tokenizer_source: union (or base)",
  ]);
  assert.deepEqual((await merge("matched", `${text}tokenizer_source: base\n`)).notes, []);
  assert.deepEqual(await table("matched"), [2, 2, 2, 2, 2, 2]);
});

test("a tokenizer with more ids than the embeddings have rows is told", async () => {
  cpSync(join(root, "base"), join(root, "short"), { recursive: true });
  json("short/tokenizer.json", tokenizer("a", "b", "c", "d"));
  const { notes } = await merge("too-short", linear("base", "short"));
  assert.deepEqual(notes, [
    "the tokenizers of base and short differ (tokens 3 vs 4): the output has base's; tokenizer_source: union keeps the tokens of all",
    "the tokenizer of short has ids up to 3, and its embeddings 3 rows: a text with such a token fails",
  ]);
});
