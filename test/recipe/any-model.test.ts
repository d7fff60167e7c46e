// Recipes over models of any architecture: twenty golden families merge with themselves, unknown ones by
// inference, and models that do not fit say in which field.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import type { TensorInfo } from "../../src/checkpoint/checkpoint.ts";
import type { MergePlan } from "../../src/merge/plan.ts";
import { modelWeights } from "../../src/model/family/model-weights.ts";
import { parseStoredConfig } from "../../src/model/family/stored-config.ts";
import { compileRecipe } from "../../src/recipe/compile/compile.ts";
import {
  type LoadedModel,
  type LoadedModels,
  loadModels,
} from "../../src/recipe/compile/models.ts";
import { outputTokenizer } from "../../src/recipe/compile/output-tokenizer.ts";
import { readRecipe } from "../../src/recipe/yaml/read.ts";
import { inventedModels } from "./golden-models.ts";

const forward = resolve(import.meta.dirname, "../../../shared/goldens/forward");
const skip = existsSync(forward) ? false : "../shared/goldens/forward is absent";
const families = skip
  ? []
  : readdirSync(forward, { withFileTypes: true }).filter((entry) => entry.isDirectory());

interface Compiled {
  readonly plan: MergePlan;
  readonly notes: readonly string[];
}

function compile(text: string, models: LoadedModels, options = {}): Compiled {
  const { compat = false, ...rest }: { compat?: boolean } = options;
  const { recipe } = readRecipe(text, { file: "r.yml", compat });
  const notes: string[] = [];
  const onNote = (note: string) => notes.push(note);
  return { plan: compileRecipe(recipe, { models, seed: 0, compat, onNote, ...rest }), notes };
}

const LINEAR = "merge_method: linear\nmodels: [a, b]\n";

for (const { name } of families) {
  test(`${name} merges with itself: every tensor, config.json unchanged`, async () => {
    const models = await loadModels(["a", "b"], async () => join(forward, name));
    const { plan } = compile(LINEAR, models);
    const { tensors, config } = models.get("a")!;
    assert.deepEqual(plan.tensors.map((tensor) => tensor.name).sort(), [...tensors.keys()].sort());
    assert.deepEqual(plan.config, config.raw);
  });
}

test("golden families were merged", { skip }, () => assert.equal(families.length, 20));

/** A model of an unknown class. */
function unheard(reference: string, shapes: Record<string, readonly number[]>, raw = {}) {
  const tensors = new Map(
    Object.entries(shapes).map(([name, shape]): [string, TensorInfo] => {
      const elements = shape.reduce((product, length) => product * length, 1);
      return [name, { name, dtype: "float32", shape, elements, byteLength: 4 * elements }];
    }),
  );
  const config = parseStoredConfig({ architectures: ["Unheard"], n_layers: 2, ...raw }, reference);
  const weights = modelWeights(config, tensors, reference);
  const where = { location: reference, directory: reference, tokenizerDirectory: reference };
  const model = { reference, ...where, config, tensors, weights };
  return [reference, model] as [string, LoadedModel];
}

const SHAPES = { "in.weight": [3, 2], "block.0.a": [2], "block.1.a": [2], "out.weight": [2] };

test("an unknown architecture stacks by its inferred layers and its own layer key", () => {
  const models = new Map([unheard("a", SHAPES)]);
  const text = `merge_method: passthrough
slices:
  - sources: [{model: a, layer_range: [0, 2]}]
  - sources: [{model: a, layer_range: [1, 2]}]
`;
  const { plan } = compile(text, models);
  assert.equal(plan.config.n_layers, 3);
  const third = plan.tensors.find(({ name }) => name === "block.2.a");
  assert.deepEqual(third?.sources, [{ model: 0, name: "block.1.a" }]);
});

test("tables that code computes are left out with a note", () => {
  const shapes = { ...SHAPES, "rotary.inv_freq": [1], position_ids: [3] };
  const { plan, notes } = compile(LINEAR, new Map([unheard("a", shapes), unheard("b", SHAPES)]));
  assert.equal(plan.tensors.length, Object.keys(SHAPES).length);
  assert.deepEqual(notes, [
    "left out, since every model computes them: rotary.inv_freq and 1 more",
  ]);
});

test("a tensor that only one of two unknown models has is refused, and dropped under compat", () => {
  const models = new Map([unheard("a", { ...SHAPES, extra: [1] }), unheard("b", SHAPES)]);
  assert.throws(() => compile(LINEAR, models), {
    message: "b has no tensor extra",
    hint: "merge models whose tensors have the same names",
  });
  const { plan } = compile(LINEAR, models, { compat: true });
  assert.equal(plan.tensors.find(({ name }) => name === "extra")?.sources.length, 1);
});

test("models of other sizes are told the fields that differ", () => {
  const raw = { hidden_size: 16, intermediate_size: 20, num_hidden_layers: 5 };
  const wide = inventedModels(["a", "b"], { b: { hiddenSize: 16 } });
  assert.throws(() => compile(LINEAR, wide), {
    message: /^a and b differ in hidden_size 8 vs 16 \(/,
  });
  const deep = inventedModels(["a", "b"], { b: { hiddenSize: 16, layers: 5, raw } });
  assert.throws(() => compile(LINEAR, deep), {
    message:
      "a gives 4 layers and b 5 (hidden_size 8 vs 16, intermediate_size 12 vs 20, num_hidden_layers 4 vs 5)",
  });
});

test("vocabularies that differ are an error with a remedy; compat crops them with a note", () => {
  const models = inventedModels(["a", "b"], { a: { raw: { vocab_size: 20 } } });
  assert.throws(() => compile(LINEAR, models), {
    message: "the vocabularies differ: model.embed_tokens.weight has these rows: a 20, b 16",
    hint: /tokenizer_source: union/,
  });
  const { plan, notes } = compile(LINEAR, models, { compat: true });
  const table = plan.tensors.find(({ name }) => name === "model.embed_tokens.weight");
  assert.deepEqual(table?.shape, [16, 8]);
  assert.equal(plan.config.vocab_size, 20, "mergekit leaves it");
  assert.match(notes[0]!, /^model\.embed_tokens\.weight is cropped to the 16 rows/);
});

test("task vectors crop to the base's rows under compat, and never grow", () => {
  const text =
    "merge_method: ties\nbase_model: base\nmodels: [{model: a, parameters: {weight: 1}}]\n";
  const small = { raw: { vocab_size: 12 } };
  const larger = inventedModels(["a", "base"], { base: small });
  const { plan } = compile(text, larger, { compat: true });
  assert.deepEqual(plan.tensors.find(({ name }) => name === "lm_head.weight")?.shape, [12, 8]);
  const smaller = inventedModels(["a", "base"], { a: small });
  assert.throws(() => compile(text, smaller, { compat: true }), { message: /vocabularies differ/ });
});

test("architectures that differ are merged on request, with a note", () => {
  const models = inventedModels(["a", "b"], { b: { architecture: "MistralForCausalLM" } });
  assert.throws(() => compile(LINEAR, models), { hint: /--allow-crimes/ });
  const { plan, notes } = compile(LINEAR, models, { allowCrimes: true });
  assert.equal(plan.tensors.find(({ name }) => name === "model.norm.weight")?.sources.length, 2);
  assert.deepEqual(notes, [
    "a is a LlamaForCausalLM and b a MistralForCausalLM: their tensors are matched by name",
  ]);
});

test("a chat template needs no embeddings, and a tokenizer does", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tsmerge-template-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "tokenizer_config.json"), "{}");
  const models = new Map([unheard(folder, { "block.0.a": [2], "block.1.a": [2] })]);
  const planned = (key: string) => {
    const text = `merge_method: passthrough\nmodels: [${folder}]\n${key}\n`;
    return outputTokenizer(readRecipe(text, { file: "r.yml" }).recipe, models, false);
  };
  const { files } = (await planned("chat_template: chatml"))!;
  assert.ok("chat_template.jinja" in files, Object.keys(files).join());
  await assert.rejects(planned("tokenizer_source: base"), /has no embeddings for a tokenizer/);
});
