// Mixtures whose experts are stored in unlike layouts: merged as if both had the first one's, to the bit.

import assert from "node:assert/strict";
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { CheckpointWriter, type TensorSpec } from "../../src/checkpoint/writer.ts";
import { wasmKernel } from "../../src/kernel/wasm/wasm.ts";
import { executeMerge } from "../../src/merge/files/execute.ts";
import { compileRecipe } from "../../src/recipe/compile/compile.ts";
import { loadModels } from "../../src/recipe/compile/models.ts";
import { modelReferences } from "../../src/recipe/recipe.ts";
import { readRecipe } from "../../src/recipe/yaml/read.ts";
import { randomNumbers } from "./models.ts";

const GOLDENS = resolve(import.meta.dirname, "../../../shared/goldens/forward");
const skip = existsSync(GOLDENS) ? false : `no golden models at ${GOLDENS}`;
const scratch = mkdtempSync(join(tmpdir(), "tsmerge-experts-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
const kernel = wasmKernel();

type Tensors = Map<string, { readonly shape: readonly number[]; readonly values: Float32Array }>;

async function read(directory: string): Promise<Tensors> {
  const checkpoint = await openCheckpoint(directory);
  const tensors: Tensors = new Map();
  for (const { name, shape, elements } of checkpoint.tensors.values()) {
    const values = new Float32Array(elements);
    await checkpoint.read(name, 0, new Uint8Array(values.buffer));
    tensors.set(name, { shape, values });
  }
  await checkpoint.close();
  return tensors;
}

async function write(directory: string, tensors: Tensors): Promise<string> {
  const specs = [...tensors].map(([name, { shape }]): TensorSpec => {
    return { name, shape, dtype: "float32" };
  });
  const writer = await CheckpointWriter.open(directory, specs);
  for (const [name, { values }] of tensors) {
    await writer.write(name, new Uint8Array(values.buffer));
  }
  await writer.finish();
  return directory;
}

/** Experts one after another become one tensor, as transformers 5 stores them. */
function packed(tensors: Tensors): Tensors {
  const result: Tensors = new Map();
  const expert = /^(.*)\.(?:mlp|block_sparse_moe)\.experts\.(\d+)\.(\w+)\.weight$/;
  const layers = new Map<string, Map<string, Float32Array>>();
  let sizes: readonly number[] = [];
  for (const [name, tensor] of tensors) {
    const [, layer, index, matrix] = expert.exec(name) ?? [];
    if (layer === undefined) {
      result.set(name.replace("block_sparse_moe", "mlp"), tensor);
      continue;
    }
    const kind = { w1: "gate_proj", w2: "down_proj", w3: "up_proj" }[matrix!] ?? matrix;
    if (kind === "gate_proj") sizes = tensor.shape;
    const held = layers.get(layer) ?? new Map();
    layers.set(layer, held.set(`${index} ${kind}`, tensor.values));
  }
  const [inner = 0, hidden = 0] = sizes;
  for (const [layer, held] of layers) {
    const count = held.size / 3;
    const of = (...kinds: string[]) =>
      Float32Array.from(
        Array.from({ length: count }, (_, e) =>
          kinds.flatMap((k) => [...held.get(`${e} ${k}`)!]),
        ).flat(),
      );
    const gateUp = { shape: [count, 2 * inner, hidden], values: of("gate_proj", "up_proj") };
    result.set(`${layer}.mlp.experts.gate_up_proj`, gateUp);
    const down = { shape: [count, hidden, inner], values: of("down_proj") };
    result.set(`${layer}.mlp.experts.down_proj`, down);
  }
  return result;
}

function shifted(tensors: Tensors): Tensors {
  const shift = ([name, { shape, values }]: [
    string,
    { shape: readonly number[]; values: Float32Array },
  ]) => {
    const noise = randomNumbers(name, values.length);
    return [name, { shape, values: values.map((x, i) => x + noise[i]! / 8) }] as const;
  };
  return new Map([...tensors].map(shift));
}

async function merge(name: string, text: string): Promise<Tensors> {
  const { recipe } = readRecipe(text, { file: "r.yml", compat: false });
  const models = await loadModels(modelReferences(recipe), async (one) => join(scratch, one));
  const plan = compileRecipe(recipe, { models, seed: 1, compat: false });
  await executeMerge(plan, kernel, { outDir: join(scratch, name) });
  return read(join(scratch, name));
}

const linear = (one: string, two: string) => `merge_method: linear
models:
  - {model: ${one}, parameters: {weight: 0.7}}
  - {model: ${two}, parameters: {weight: 0.3}}
`;
const ties = (one: string, two: string) => `merge_method: ties
base_model: ${two}
models: [{model: ${one}, parameters: {weight: 0.8, density: 0.4}}]
`;

for (const family of ["mixtral", "qwen2_moe", "qwen3_moe"]) {
  test(`${family}: separate and packed experts merge in either order`, { skip }, async () => {
    const a = await read(join(GOLDENS, family));
    const forms = { a, b: shifted(a) };
    for (const [name, tensors] of Object.entries(forms)) {
      const plain = join(scratch, `${family}-${name}`);
      cpSync(join(GOLDENS, family), plain, { recursive: true });
      rmSync(join(plain, "model.safetensors"));
      cpSync(plain, `${plain}-packed`, { recursive: true });
      await write(plain, tensors);
      await write(`${plain}-packed`, packed(tensors));
    }
    const [one, two] = [`${family}-a`, `${family}-b`];
    for (const [method, recipe] of Object.entries({ linear, ties })) {
      const name = (form: string) => `${family}-${method}-${form}`;
      const separate = await merge(name("separate"), recipe(one, two));
      const whole = await merge(name("packed"), recipe(`${one}-packed`, `${two}-packed`));
      assert.deepEqual(await merge(name("to-separate"), recipe(one, `${two}-packed`)), separate);
      assert.deepEqual(await merge(name("to-packed"), recipe(`${one}-packed`, two)), whole);
      if (method === "linear") assert.deepEqual(whole, packed(separate)); // ties counts by tensor
    }
  });
}

test("experts of an unknown class are laid out anew too, some layers being dense", async () => {
  const config = JSON.stringify({ architectures: ["Unheard"], num_hidden_layers: 2 });
  const shapes: Record<string, readonly number[]> = { "m.layers.0.mlp.up_proj.weight": [3, 2] };
  for (const e of [0, 1, 2]) {
    for (const kind of ["gate_proj", "up_proj"]) {
      shapes[`m.layers.1.mlp.experts.${e}.${kind}.weight`] = [3, 2];
    }
    shapes[`m.layers.1.mlp.experts.${e}.down_proj.weight`] = [2, 3];
  }
  const tensors: Tensors = new Map(
    Object.entries(shapes).map(([name, shape]) => [
      name,
      { shape, values: randomNumbers(name, 6) },
    ]),
  );
  for (const [name, held] of [
    ["plain", tensors],
    ["dense", packed(tensors)],
  ] as const) {
    await write(join(scratch, name), held);
    await writeFile(join(scratch, name, "config.json"), config);
  }
  const mean = (order: string) => `merge_method: linear\nmodels: [${order}]\n`; // exact of equals
  assert.deepEqual(await merge("mean", mean("plain, dense")), tensors);
  assert.deepEqual(await merge("mean-packed", mean("dense, plain")), packed(tensors));
  assert.ok(readdirSync(join(scratch, "mean")).includes("config.json"));
});
