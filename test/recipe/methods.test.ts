// What each kind of base means to a recipe: required, one of the models, optional, or none.

import assert from "node:assert/strict";
import { test } from "node:test";
import { compileRecipe } from "../../src/recipe/compile/compile.ts";
import { readRecipe } from "../../src/recipe/yaml/read.ts";
import { inventedModels } from "./golden-models.ts";

const MODELS = inventedModels(["a", "b", "c", "base"]);

function plan(text: string, compat = false) {
  const { recipe, notes } = readRecipe(text, { file: "r.yml", compat });
  const compiled = compileRecipe(recipe, { models: MODELS, seed: 1, compat });
  return { tensor: compiled.tensors[0]!, notes };
}

const weighted = (...names: string[]) =>
  `models: [${names.map((name) => `{model: ${name}, parameters: {weight: 0.5}}`).join(", ")}]\n`;

test("an optional base stands last, has no weight and is no model", () => {
  for (const method of ["nuslerp", "multislerp"]) {
    const { tensor } = plan(`merge_method: ${method}\nbase_model: base\n${weighted("a", "b")}`);
    assert.equal(tensor.base, 2);
    assert.equal(tensor.sources.length, 3);
    assert.deepEqual(tensor.perModel, [{ weight: 0.5 }, { weight: 0.5 }, {}]);
    assert.equal(plan(`merge_method: ${method}\n${weighted("a", "b")}`).tensor.base, undefined);
  }
});

test("nuslerp's base is not one of its two models", () => {
  assert.throws(
    () => plan(`merge_method: nuslerp\nbase_model: a\n${weighted("a", "b")}`),
    /nuslerp merges 2 models besides the base, and 1 are listed/,
  );
});

test("karcher averages a base in under compat only, and says so", () => {
  const text = "merge_method: karcher\nbase_model: base\nmodels: [a, b]\n";
  const compat = plan(text, true);
  assert.equal(compat.tensor.sources.length, 3);
  assert.match(compat.notes.join(), /base_model base is averaged in/);
  const native = plan(text);
  assert.equal(native.tensor.sources.length, 2);
  assert.match(native.notes.join(), /base_model base only gives its configuration/);
});

test("methods count their models besides the base", () => {
  for (const [text, message] of [
    ["merge_method: model_stock\nbase_model: base\nmodels: [a]\n", /at least 2 models besides/],
    [
      "merge_method: nearswap\nbase_model: base\nmodels: [a, b]\nparameters: {t: 0.1}\n",
      /merges 1 model besides/,
    ],
    ["merge_method: arcee_fusion\nbase_model: a\nmodels: [a, b, c]\n", /merges 2 models/],
    ["merge_method: ram\nmodels: [a]\n", /ram needs a base_model/],
  ] as const) {
    assert.throws(() => plan(text), message);
  }
});

test("what mergekit promotes to float32 is stored so under compat, unless the recipe says", () => {
  for (const method of ["arcee_fusion", "ramplus_tl"]) {
    const text = `merge_method: ${method}\nbase_model: a\nmodels: [a, b]\ndtype: bfloat16\n`;
    assert.equal(plan(text).tensor.dtype, "bfloat16");
    assert.equal(plan(text, true).tensor.dtype, "float32");
    assert.equal(plan(`${text}out_dtype: float16\n`, true).tensor.dtype, "float16");
  }
});
