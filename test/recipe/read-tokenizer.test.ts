import assert from "node:assert/strict";
import { test } from "node:test";
import { renderError } from "../../src/base/errors.ts";
import { mapReferences, modelReferences, type Recipe } from "../../src/recipe/recipe.ts";
import { readRecipe } from "../../src/recipe/yaml/read.ts";
import { renderRecipe } from "../../src/recipe/yaml/render.ts";

const HEAD = "merge_method: linear\nmodels: [{model: a, parameters: {weight: 1}}, {model: b}]\n";
const MODELS = "parameters: {weight: 1}\n";

function read(extra: string): Recipe {
  return readRecipe(HEAD + MODELS + extra, { file: "r.yml" }).recipe;
}

function refusal(extra: string): string {
  try {
    read(extra);
  } catch (error) {
    return renderError(error);
  }
  assert.fail("the recipe was accepted");
}

const FULL = `
tokenizer:
  source: union
  tokens:
    <|im_start|>: {source: c}
    <pad>: {source: {kind: zero}, force: true}
    "[INST]": {source: {kind: model_token, model: {model: {path: d, revision: v1}}, token: hi}}
    7: {source: {kind: model_token, model: a, token_id: 3}}
    plain:
  pad_to_multiple_of: 64
`;

test("a tokenizer block becomes plain data", () => {
  const recipe = read(FULL);
  assert.deepEqual(recipe.tokenizer, {
    source: "union",
    tokens: [
      {
        token: "<|im_start|>",
        source: { kind: "model_token", model: "c", token: "<|im_start|>" },
        force: false,
      },
      { token: "<pad>", source: { kind: "zero" }, force: true },
      {
        token: "[INST]",
        source: { kind: "model_token", model: "d@v1", token: "hi" },
        force: false,
      },
      { token: "7", source: { kind: "model_token", model: "a", token: 3 }, force: false },
      { token: "plain", force: false },
    ],
    padToMultipleOf: 64,
  });
  assert.deepEqual(modelReferences(recipe), ["a", "b", "c", "d@v1"]);
});

test("a recipe with a tokenizer and a template renders to one that reads back equal", () => {
  for (const extra of [
    FULL,
    "tokenizer_source: base\n",
    "tokenizer_source: org/name@v1\n",
    "tokenizer: {pad_to_multiple_of: 8}\n",
    "chat_template: auto\n",
    'chat_template: "{% for m in messages %}\\n{{ m }}{% endfor %}"\n',
  ]) {
    const recipe = read(extra);
    const back = readRecipe(renderRecipe(recipe), { file: "r.yml" });
    assert.deepEqual(back.recipe, recipe);
    assert.deepEqual(back.notes, []);
  }
});

test("references can be replaced everywhere at once", () => {
  const recipe = mapReferences(read(FULL), (reference) => `/x/${reference}`);
  assert.deepEqual(modelReferences(recipe), ["/x/a", "/x/b", "/x/c", "/x/d@v1"]);
  assert.equal(recipe.tokenizer?.source, "union");
});

test("what a tokenizer cannot mean is refused where it stands", () => {
  assert.match(refusal("tokenizer_source: base\ntokenizer: {}\n"), /r\.yml:4:19: .*both given/);
  assert.match(refusal("tokenizer: {sorce: base}\n"), /no key "sorce"; did you mean "source"/);
  assert.match(refusal("tokenizer: {pad_to_multiple_of: 0}\n"), /pad_to_multiple_of is 0/);
  assert.match(refusal("tokenizer: {tokens: {x: {source: {kind: zeros}}}}\n"), /kind is "zeros"/);
  assert.match(
    refusal("tokenizer: {tokens: {x: {source: {kind: model_token, model: a}}}}\n"),
    /token_id/,
  );
  assert.match(
    refusal("tokenizer: {tokens: {x: {source: {kind: model_token, model: a, token_id: -1}}}}\n"),
    /token_id is -1/,
  );
  assert.match(refusal("tokenizer: {tokens: {x: {force: 3}}}\n"), /force is 3/);
});

test("a chat template is auto, a name, or Jinja", () => {
  assert.equal(read("chat_template: llama3\n").chatTemplate, "llama3");
  assert.match(refusal("chat_template: lama3\n"), /r\.yml:4:16: .*did you mean "llama3"/);
  assert.match(refusal("chat_template: [a]\n"), /chat_template \["a"\]/);
});

test("one module is the whole model, its parameters above the file's", () => {
  const text = `
merge_method: linear
modules:
  default:
    models: [{model: a}, {model: b}]
    parameters: {weight: [{filter: mlp, value: 2}]}
parameters: {weight: 1, normalize: false}
`;
  const { recipe, notes } = readRecipe(text, { file: "r.yml" });
  assert.deepEqual(notes, []);
  assert.deepEqual(recipe.parameters, {
    weight: [{ filter: "mlp", value: 2 }, { value: 1 }],
    normalize: 0,
  });
  assert.deepEqual(modelReferences(recipe), ["a", "b"]);
  const other = readRecipe(text.replace("default", "text"), { file: "r.yml" });
  assert.match(other.notes.join(), /module text is read as the whole model/);
});

test("several modules are refused with what to write", () => {
  const text = "merge_method: linear\nmodules:\n  text: {models: [a]}\n  vision: {models: [b]}\n";
  assert.throws(
    () => readRecipe(text, { file: "r.yml" }),
    /modules names text, vision, and a model is one module/,
  );
  assert.match(refusal("modules: {default: {models: [a]}}\n"), /modules and models are both given/);
});
