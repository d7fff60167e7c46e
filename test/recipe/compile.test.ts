import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { TsmergeError } from "../../src/base/errors.ts";
import type { MergePlan } from "../../src/merge/plan.ts";
import { compileRecipe } from "../../src/recipe/compile/compile.ts";
import { type LoadedModels, loadModels } from "../../src/recipe/compile/models.ts";
import { modelReferences } from "../../src/recipe/recipe.ts";
import { readRecipe } from "../../src/recipe/yaml/read.ts";
import { GOLDENS, goldenText, inventedModels, skip } from "./golden-models.ts";

function compile(text: string, models: LoadedModels, compat = false): MergePlan {
  const { recipe } = readRecipe(text, { file: "r.yml", compat });
  return compileRecipe(recipe, { models, seed: 3, compat });
}

function tensor(plan: MergePlan, name: string) {
  const found = plan.tensors.find((one) => one.name === name);
  assert.ok(found, name);
  return found;
}

const TIES = `merge_method: ties
base_model: base
models:
  - model: a
    parameters:
      weight: [{filter: mlp, value: [0, 1]}, {value: 0.6}]
      density: [{filter: nothing, value: 0.1}]
  - {model: b, parameters: {weight: 2}}
parameters: {density: 0.5, normalize: [{filter: q_proj, value: false}]}
`;

test("parameters are looked up in the source, then the file, then the method", () => {
  const plan = compile(TIES, inventedModels(["a", "b", "base"]));
  const up = tensor(plan, "model.layers.1.mlp.up_proj.weight");
  assert.deepEqual(up.perModel, [{ weight: 1 / 3, density: 0.5 }, { weight: 2, density: 0.5 }, {}]);
  assert.equal(up.base, 2);
  assert.equal(up.global.normalize, 1);
  assert.equal(up.global.lambda, 1);
  const query = tensor(plan, "model.layers.1.self_attn.q_proj.weight");
  assert.equal(query.global.normalize, 0);
  assert.equal(query.perModel[0]?.weight, 0.6);
});

test("an unlisted base stands last, a listed one where it is listed", () => {
  const models = inventedModels(["a", "b", "base"]);
  assert.deepEqual(compile(TIES, models).models, ["/models/a", "/models/b", "/models/base"]);
  const listed = TIES.replace("models:\n", "models:\n  - model: base\n");
  assert.equal(tensor(compile(listed, models), "model.norm.weight").base, 0);
});

test("gradients run from the embeddings to the head, in mergekit back to the first value", () => {
  const text = "merge_method: linear\nmodels: [{model: a, parameters: {weight: [0.25, 0.75]}}]\n";
  for (const compat of [false, true]) {
    const plan = compile(text, inventedModels(["a"]), compat);
    for (const [name, weight] of [
      ["model.embed_tokens.weight", 0.25],
      ["model.layers.0.input_layernorm.weight", 0.25],
      ["model.layers.3.input_layernorm.weight", 0.75],
      ["model.norm.weight", compat ? 0.25 : 0.75],
      ["lm_head.weight", compat ? 0.25 : 0.75],
    ] as const) {
      assert.equal(tensor(plan, name).perModel[0]?.weight, weight, name);
    }
  }
});

const SLICES = `merge_method: linear
slices:
  - sources:
      - {model: a, layer_range: [0, 1], parameters: {weight: [1, 2]}}
  - sources:
      - {model: b, layer_range: [2, 4], parameters: {weight: [{filter: layers.3, value: 5}, {value: 1}]}}
    parameters: {normalize: [{filter: layers.2, value: 0}]}
`;

test("filters see a source's own layer, and output names for what holds for all", () => {
  const plan = compile(SLICES, inventedModels(["a", "b"]));
  const first = tensor(plan, "model.layers.0.input_layernorm.weight");
  assert.equal(first.perModel[0]?.weight, 2, "a slice of one layer stands at t = 1");
  const last = tensor(plan, "model.layers.2.input_layernorm.weight");
  assert.deepEqual(last.sources, [{ model: 1, name: "model.layers.3.input_layernorm.weight" }]);
  assert.equal(last.perModel[0]?.weight, 5);
  assert.equal(last.global.normalize, 0);
  assert.equal(tensor(plan, "model.norm.weight").sources[0]?.model, 1);
  assert.equal(plan.config.num_hidden_layers, 3);
});

test("tensors run in the order of their greatest input name", () => {
  const plan = compile(SLICES, inventedModels(["a", "b"]));
  const keys = plan.tensors.map(
    (one) =>
      one.sources
        .map((source) => source.name)
        .sort()
        .at(-1)!,
  );
  assert.deepEqual(keys, keys.toSorted());
});

test("a filter list without a match names the model, the parameter and the tensor", () => {
  const text =
    "merge_method: linear\nmodels: [{model: a, parameters: {weight: [{filter: mlp, value: 1}]}}]\n";
  assert.throws(
    () => compile(text, inventedModels(["a"])),
    /a has no weight for model.embed_tokens.weight/,
  );
});

test("an optional tensor that all models lack is left out; one that some lack loses those inputs", () => {
  const text = "merge_method: linear\nmodels: [{model: a}, {model: b}]\n";
  const tied = { tied: true };
  const none = compile(text, inventedModels(["a", "b"], { a: tied, b: tied }));
  assert.ok(!none.tensors.some((one) => one.name === "lm_head.weight"));
  const some = inventedModels(["a", "b"], { a: tied });
  assert.equal(tensor(compile(text, some, true), "lm_head.weight").sources.length, 1);
  // natively the tied twin stands in, and the output says that its head is its own
  const head = compile(text, some);
  assert.deepEqual(tensor(head, "lm_head.weight").sources, [
    { model: 0, name: "model.embed_tokens.weight" },
    { model: 1, name: "lm_head.weight" },
  ]);
  assert.equal(head.config.tie_word_embeddings, false);
});

test("a head that tied models store and never read is left out, except under compat", () => {
  const raw = { tie_word_embeddings: true };
  const models = inventedModels(["a", "b"], { a: { raw }, b: { raw } });
  const text = "merge_method: linear\nmodels: [a, b]\n";
  const isHead = (one: { name: string }) => one.name === "lm_head.weight";
  assert.ok(!compile(text, models).tensors.some(isHead));
  const compat = compile(text, models, true);
  assert.ok(compat.tensors.some(isHead));
  assert.equal(compat.config.tie_word_embeddings, true);
});

test("a missing required tensor names the model and the tensor", () => {
  const models = inventedModels(["a"], { a: { without: ["model.norm.weight"] } });
  assert.throws(
    () => compile("merge_method: linear\nmodels: [a]\n", models),
    /a has no tensor model.norm.weight/,
  );
});

test("shapes, architectures and depths that differ name both models", () => {
  const text = "merge_method: linear\nmodels: [a, b]\n";
  for (const [variation, message] of [
    [{ hiddenSize: 16 }, /is \[16, 8\] in a and \[16, 16\] in b/],
    [{ architecture: "Qwen2ForCausalLM" }, /a is a LlamaForCausalLM and b a Qwen2ForCausalLM/],
    [{ layers: 5 }, /a gives 4 layers and b 5/],
  ] as const) {
    assert.throws(() => compile(text, inventedModels(["a", "b"], { b: variation })), message);
  }
});

test("a layer range beyond the model says how deep the model is", () => {
  assert.throws(
    () => compile(SLICES, inventedModels(["a", "b"], { b: { layers: 3 } })),
    (error: unknown) => error instanceof TsmergeError && /which has 3 layers/.test(error.message),
  );
});

test("types follow the recipe, else what the method returns", () => {
  const models = inventedModels(["a", "b", "base"], {
    a: { dtype: "float16" },
    b: { dtype: "bfloat16" },
    base: { dtype: "float16" },
  });
  const linear = "merge_method: linear\nmodels: [a, b]\n";
  const typesOf = (plan: MergePlan) => {
    const { loadAs, arithmetic, dtype } = plan.tensors[0]!;
    return [loadAs, arithmetic, dtype];
  };
  assert.deepEqual(typesOf(compile(linear, models)), [undefined, "float32", "float32"]);
  const typed = `${linear}dtype: bfloat16\nout_dtype: float16\n`;
  assert.deepEqual(typesOf(compile(typed, models)), ["bfloat16", "float32", "float16"]);
  assert.deepEqual(typesOf(compile(typed, models, true)), ["bfloat16", "bfloat16", "float16"]);
  assert.deepEqual(typesOf(compile(TIES, models)), [undefined, "float32", "float16"]);
  assert.deepEqual(typesOf(compile(TIES, models, true)), ["float16", "float16", "float16"]);
  assert.equal(compile(typed, models).config.torch_dtype, "float16");
});

test("layer types follow the layers they came from", () => {
  const raw = {
    architectures: ["Qwen2ForCausalLM"],
    use_sliding_window: true,
    sliding_window: 8,
    layer_types: ["full_attention", "full_attention", "sliding_attention", "sliding_attention"],
  };
  const variation = { architecture: "Qwen2ForCausalLM", raw };
  const plan = compile(SLICES, inventedModels(["a", "b"], { a: variation, b: variation }));
  assert.deepEqual(plan.config.layer_types, [
    "full_attention",
    "sliding_attention",
    "sliding_attention",
  ]);
});

/** Names, types and shapes of a safetensors file, and the names' sorted list. */
function headerOf(path: string): Record<string, unknown> {
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE(0));
  const header: Record<string, { dtype: string; shape: number[] }> = JSON.parse(
    bytes.toString("utf8", 8, 8 + length),
  );
  return Object.fromEntries(
    Object.entries(header)
      .filter(([name]) => name !== "__metadata__")
      .map(([name, { dtype, shape }]) => [name, { dtype, shape }]),
  );
}

const SAFETENSORS = { float32: "F32", float16: "F16", bfloat16: "BF16" };

let planned = 0;
for (const folder of skip ? [] : ["configs", "guides"]) {
  for (const file of readdirSync(join(GOLDENS, folder)).filter((name) => name.endsWith(".yml"))) {
    const text = goldenText(`${folder}/${file}`);
    const expected = join(
      GOLDENS,
      "expected",
      `${folder === "guides" ? "guide-" : ""}${file.replace(/\.yml$/, "")}`,
    );
    if (file === "indentation-lost.yml" || file === "moe-in-merge-file.yml") continue;
    planned++;
    test(`${folder}/${file} plans mergekit's tensors and configuration`, async () => {
      const { recipe } = readRecipe(text, { file, compat: true });
      const models = await loadModels(modelReferences(recipe), async (name) => join(GOLDENS, name));
      const plan = compileRecipe(recipe, { models, seed: 42, compat: true });
      const config: unknown = JSON.parse(readFileSync(join(expected, "config.json"), "utf8"));
      assert.deepEqual(plan.config, config);
      const tensors = plan.tensors.map(({ name, dtype, shape }) => [
        name,
        { dtype: SAFETENSORS[dtype], shape: [...shape] },
      ]);
      assert.deepEqual(Object.fromEntries(tensors), headerOf(join(expected, "model.safetensors")));
    });
  }
}

test("golden recipes were planned", { skip }, () => assert.ok(planned >= 40, `${planned}`));
