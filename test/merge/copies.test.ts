// Tensors that cannot be merged: copied byte for byte where nothing has to be computed, refused by name where
// models differ.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { DType } from "../../src/base/dtype.ts";
import { byteLengthOf } from "../../src/checkpoint/layout.ts";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { CheckpointWriter } from "../../src/checkpoint/writer.ts";
import { mergePool } from "../../src/exec/merge-pool.ts";
import { wasmKernel } from "../../src/kernel/wasm/wasm.ts";
import { soloCrew } from "../../src/merge/files/crew.ts";
import { executeWith } from "../../src/merge/files/execute.ts";
import { compileRecipe } from "../../src/recipe/compile/compile.ts";
import { loadModels } from "../../src/recipe/compile/models.ts";
import { modelReferences } from "../../src/recipe/recipe.ts";
import { readRecipe } from "../../src/recipe/yaml/read.ts";
import { diffModels } from "../../src/run/merge/diff.ts";

const scratch = mkdtempSync(join(tmpdir(), "tsmerge-copies-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** Every type that safetensors knows and the kernel does not. */
const TYPES: readonly DType[] = [
  ...(["float64", "float8_e4m3fn", "float8_e5m2", "int64", "int32", "int16", "int8"] as const),
  ...(["uint64", "uint32", "uint16", "uint8", "bool"] as const),
];

const CONFIG = { architectures: ["Unheard"], n_layers: 1, torch_dtype: "float32" };

/** A model of one float matrix and a table of each type in `types`, whose bytes follow `seed`. */
async function model(name: string, types: readonly DType[], seed = 1, config: object = CONFIG) {
  const directory = join(scratch, name);
  const specs = [
    { name: "block.0.w", dtype: "float32" as DType, shape: [2, 3] },
    ...types.map((dtype) => ({ name: `block.0.${dtype}`, dtype, shape: [3, 5] })),
  ];
  const writer = await CheckpointWriter.open(directory, specs);
  for (const spec of specs) {
    const bytes = Uint8Array.from({ length: byteLengthOf(spec) }, (_, i) => (i * seed) % 60);
    await writer.write(spec.name, bytes);
  }
  await writer.finish();
  await writeFile(join(directory, "config.json"), JSON.stringify(config));
}

async function plan(text: string) {
  const { recipe } = readRecipe(text, { file: "r.yml", compat: false });
  const models = await loadModels(modelReferences(recipe), async (name) => join(scratch, name));
  const notes: string[] = [];
  const onNote = (note: string) => notes.push(note);
  return { plan: compileRecipe(recipe, { models, seed: 0, compat: false, onNote }), notes };
}

async function merge(text: string, outDir: string, hire = soloCrew(wasmKernel())) {
  const planned = await plan(text);
  const options = { outDir: join(scratch, outDir), shardBytes: 40 };
  return { ...planned, merged: await executeWith(planned.plan, hire, options) };
}

async function bytesOf(directory: string): Promise<Record<string, [string, number[]]>> {
  const checkpoint = await openCheckpoint(join(scratch, directory));
  const held: Record<string, [string, number[]]> = {};
  for (const { name, dtype, byteLength } of checkpoint.tensors.values()) {
    const bytes = new Uint8Array(byteLength);
    await checkpoint.read(name, 0, bytes);
    held[name] = [dtype, [...bytes]];
  }
  await checkpoint.close();
  return held;
}

test("every type passes through byte for byte, on one thread and on two", async () => {
  await model("all", TYPES);
  const text = "merge_method: passthrough\nmodels: [all]\n";
  const { merged, notes } = await merge(text, "passed");
  assert.deepEqual(await bytesOf("passed"), await bytesOf("all"));
  assert.deepEqual(notes, [
    "12 tensors are copied as stored, not merged: bool, float64, float8_e4m3fn, float8_e5m2, int16, int32, int64, int8, uint16, uint32, uint64, uint8",
  ]);
  const threaded = await merge(text, "threaded", mergePool(2));
  assert.equal(threaded.merged.weightsSha256, merged.weightsSha256);
  assert.deepEqual(await bytesOf("threaded"), await bytesOf("all"));
});

test("a table that all models hold alike is copied once; the floats beside it merge", async () => {
  await model("one", ["int64"]);
  await model("same", ["int64"]);
  await merge("merge_method: linear\nmodels: [one, same]\n", "equal");
  const merged = await bytesOf("equal");
  assert.deepEqual(merged["block.0.int64"], (await bytesOf("one"))["block.0.int64"]);
});

test("tables that differ are refused before anything is written", async () => {
  await model("quick", ["float8_e4m3fn"]);
  await model("brown", ["float8_e4m3fn"], 3);
  const text = "merge_method: linear\nmodels: [quick, brown]\n";
  await assert.rejects(merge(text, "unequal"), {
    code: "incompatible",
    message: `tensor block.0.float8_e4m3fn is float8_e4m3fn, which cannot be merged, and ${join(scratch, "quick")} and ${join(scratch, "brown")} hold other values of it`,
  });
  await assert.rejects(openCheckpoint(join(scratch, "unequal.tsmerge-partial")), { code: "io" });
  const { unequal, whole } = await diffModels(join(scratch, "quick"), join(scratch, "brown"), {
    environment: {},
  });
  assert.deepEqual(unequal, ["block.0.float8_e4m3fn"]);
  assert.ok(whole.norm > 0); // of the floats beside it
});

test("what would have to be computed is refused with tensor, type and model", async () => {
  await model("eight", ["int8"]);
  await assert.rejects(
    plan("merge_method: passthrough\nmodels: [{model: eight, parameters: {scale: 0.5}}]\n"),
    { message: "tensor block.0.int8 of eight is int8, which cannot be multiplied by 0.5" },
  );
  await model("mixed", []);
  const directory = join(scratch, "mixed");
  rmSync(directory, { recursive: true });
  const writer = await CheckpointWriter.open(directory, [
    { name: "block.0.w", dtype: "float32", shape: [2, 3] },
    { name: "block.0.int8", dtype: "float32", shape: [3, 5] },
  ]);
  await writer.write("block.0.w", new Uint8Array(24));
  await writer.write("block.0.int8", new Uint8Array(60));
  await writer.finish();
  await writeFile(join(directory, "config.json"), JSON.stringify(CONFIG));
  await assert.rejects(plan("merge_method: linear\nmodels: [eight, mixed]\n"), {
    message: "tensor block.0.int8 of eight is int8, and that of mixed is float32",
  });
});

test("quantized models are stacked as they are, and neither merged nor cast", async () => {
  const quantized = { ...CONFIG, quantization_config: { quant_method: "fp8" } };
  await model("fp8", ["float8_e4m3fn"], 1, quantized);
  await model("awq", ["float8_e4m3fn"], 1, { ...CONFIG, quantization_config: { bits: 4 } });
  const stacked = `merge_method: passthrough
slices:
  - sources: [{model: fp8, layer_range: [0, 1]}]
  - sources: [{model: fp8, layer_range: [0, 1]}]
`;
  const { plan: made } = await merge(stacked, "stacked");
  assert.deepEqual(made.config, { ...quantized, n_layers: 2 });
  const held = await bytesOf("stacked");
  assert.deepEqual(held["block.1.float8_e4m3fn"], held["block.0.float8_e4m3fn"]);
  await assert.rejects(plan("merge_method: linear\nmodels: [fp8, fp8]\n"), {
    message: /^fp8 is quantized .* cannot be merged$/,
  });
  await assert.rejects(plan(`dtype: bfloat16\n${stacked}`), {
    message: "fp8 is quantized, and block.0.w would be changed",
    hint: "delete scale, dtype and out_dtype from the recipe",
  });
  await assert.rejects(plan(stacked.replace("model: fp8", "model: awq")), {
    message: "awq and fp8 differ in quantization_config",
  });
});

test("a model of nothing but integers is copied", async () => {
  const directory = join(scratch, "integers");
  const writer = await CheckpointWriter.open(directory, [
    { name: "table", dtype: "int32", shape: [4] },
  ]);
  await writer.write(
    "table",
    Uint8Array.from({ length: 16 }, (_, i) => i),
  );
  await writer.finish();
  await writeFile(join(directory, "config.json"), JSON.stringify(CONFIG));
  await merge("merge_method: passthrough\nmodels: [integers]\n", "integers-out");
  assert.deepEqual(await bytesOf("integers-out"), await bytesOf("integers"));
});
