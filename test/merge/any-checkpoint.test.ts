// From recipe to folder with what users bring: a class nobody has heard of, pickled weights, an adapter that
// adds tokens. The numbers are small enough to be written down.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { CheckpointWriter } from "../../src/checkpoint/writer.ts";
import { resolveModel } from "../../src/hub/reference.ts";
import { wasmKernel } from "../../src/kernel/wasm/wasm.ts";
import { executeMerge } from "../../src/merge/files/execute.ts";
import { compileRecipe } from "../../src/recipe/compile/compile.ts";
import { loadModels } from "../../src/recipe/compile/models.ts";
import { modelReferences } from "../../src/recipe/recipe.ts";
import { readRecipe } from "../../src/recipe/yaml/read.ts";
import { op, tensorCall, torchFile } from "../checkpoint/torch-files.ts";

const scratch = mkdtempSync(join(tmpdir(), "tsmerge-any-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

const CONFIG = '{"architectures": ["Unheard"], "n_layers": 1, "vocab_size": 2, "dropout": 0.0}';

function folder(name: string): string {
  const path = join(scratch, name);
  mkdirSync(path);
  writeFileSync(join(path, "config.json"), CONFIG);
  return path;
}

function floats(...values: number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

interface Stored {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

async function writeWeights(path: string, tensors: Readonly<Record<string, Stored>>) {
  const specs = Object.entries(tensors).map(([name, { shape }]) => {
    return { name, shape, dtype: "float32" as const };
  });
  const writer = await CheckpointWriter.open(path, specs);
  for (const { name } of specs) await writer.write(name, floats(...tensors[name]!.values));
  await writer.finish();
}

test("pickled weights and a safetensors model with an adapter meet in one merge", async () => {
  const vector = { storage: "FloatStorage", elements: 4, strides: [2, 1] };
  const pickled = op.dict([
    ["table", tensorCall({ ...vector, key: "0", shape: [2, 2] })],
    ["block.0.w", tensorCall({ ...vector, key: "1", shape: [2, 2] })],
  ]);
  const storages = { 0: floats(1, 2, 3, 4), 1: floats(0, 0, 0, 8) };
  writeFileSync(join(folder("pickled"), "pytorch_model.bin"), torchFile(pickled, storages));
  await writeWeights(folder("base"), {
    table: { shape: [2, 2], values: [3, 4, 5, 6] },
    "block.0.w": { shape: [2, 2], values: [2, 2, 2, 2] },
  });
  const kernel = wasmKernel();
  const text = "merge_method: linear\nmodels: [pickled, base]\n";
  const { config, tensors } = await merged(text, "plain", kernel);
  assert.deepEqual(tensors, { table: [2, 3, 4, 5], "block.0.w": [1, 1, 1, 5] });
  assert.match(config, /"dropout": 0\.0/);
});

test("an adapter is merged in, and its larger vocabulary is config.json's", async () => {
  await writeWeights(folder("model"), {
    "tok_embeddings.weight": { shape: [2, 2], values: [1, 2, 3, 4] },
    "block.0.q.weight": { shape: [2, 2], values: [1, 0, 0, 1] },
  });
  const adapter = join(scratch, "adapter");
  mkdirSync(adapter);
  writeFileSync(
    join(adapter, "adapter_config.json"),
    '{"peft_type": "LORA", "r": 1, "lora_alpha": 2}',
  );
  const saved = op.dict([
    ["base_model.model.block.0.q.lora_A.weight", matrix("0", [1, 2])],
    ["base_model.model.block.0.q.lora_B.weight", matrix("1", [2, 1])],
    ["base_model.model.tok_embeddings.weight", matrix("2", [3, 2])],
  ]);
  const storages = { 0: floats(1, 10), 1: floats(1, 2), 2: floats(1, 2, 3, 4, 5, 6) };
  writeFileSync(join(adapter, "adapter_model.bin"), torchFile(saved, storages));
  const text = "merge_method: passthrough\nmodels: [model+adapter]\n";
  const { config, tensors } = await merged(text, "adapted", wasmKernel());
  assert.deepEqual(tensors, {
    "tok_embeddings.weight": [1, 2, 3, 4, 5, 6],
    "block.0.q.weight": [3, 20, 4, 41],
  });
  assert.equal(JSON.parse(config).vocab_size, 3);
});

function matrix(key: string, shape: readonly [number, number]): Buffer {
  const elements = shape[0] * shape[1];
  return tensorCall({ storage: "FloatStorage", key, elements, shape, strides: [shape[1], 1] });
}

/** Merges a recipe over folders in `scratch`; its config.json and every tensor's numbers. */
async function merged(text: string, name: string, kernel: ReturnType<typeof wasmKernel>) {
  const { recipe } = readRecipe(text, { file: "r.yml", compat: false });
  const environment = { HF_HOME: scratch };
  const models = await loadModels(modelReferences(recipe), (reference) =>
    resolveModel(reference, { searchRoots: [scratch], environment }),
  );
  const outDir = join(scratch, name);
  const plan = compileRecipe(recipe, { models, seed: 0, compat: false });
  await executeMerge(plan, kernel, { outDir });
  const checkpoint = await openCheckpoint(outDir);
  const tensors: Record<string, number[]> = {};
  for (const tensor of checkpoint.tensors.values()) {
    const values = new Float32Array(tensor.elements);
    await checkpoint.read(tensor.name, 0, new Uint8Array(values.buffer));
    tensors[tensor.name] = [...values];
  }
  await checkpoint.close();
  return { config: readFileSync(join(outDir, "config.json"), "utf8"), tensors };
}
