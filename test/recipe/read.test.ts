import assert from "node:assert/strict";
import { test } from "node:test";
import { renderError } from "../../src/base/errors.ts";
import { type ReadRecipe, readRecipe } from "../../src/recipe/yaml/read.ts";

const HEAD = "merge_method: ties\nbase_model: base\n";
const MODELS = "models:\n  - model: a\n    parameters: {weight: 1}\n";

function read(text: string, compat = false): ReadRecipe {
  return readRecipe(text, { file: "r.yml", compat });
}

function refusal(text: string, compat = false): string {
  try {
    read(text, compat);
  } catch (error) {
    return renderError(error);
  }
  assert.fail("the recipe was accepted");
}

test("a full recipe becomes plain data", () => {
  const { recipe, notes } = read(`
merge_method: ties
base_model: {model: {path: org/base, revision: v1}}
slices:
  - sources:
      - {model: org/base@v1, layer_range: [0, 2]}
      - model: a
        layer_range: [2, 4]
        parameters:
          weight: [{filter: mlp, value: [0.2, 0.8]}, {value: "0.6"}]
          density: .5
    parameters: {lambda: 0.9}
parameters: {normalize: false, int8_mask: true}
dtype: torch.bfloat16
out_dtype: float32
tokenizer_source: base
`);
  assert.deepEqual(notes, []);
  assert.deepEqual(recipe, {
    method: "ties",
    base: "org/base@v1",
    slices: [
      {
        sources: [
          { model: "org/base@v1", layerRange: [0, 2], parameters: {} },
          {
            model: "a",
            layerRange: [2, 4],
            parameters: {
              weight: [{ filter: "mlp", value: [0.2, 0.8] }, { value: 0.6 }],
              density: 0.5,
            },
          },
        ],
        parameters: { lambda: 0.9 },
      },
    ],
    parameters: { normalize: 0 },
    dtype: "bfloat16",
    outDtype: "float32",
    tokenizer: { source: "base", tokens: [] },
  });
});

test("every bad key comes in one error, each with its place and what to write", () => {
  const said = refusal(`${HEAD}parametrs: {normalize: true}
models:
  - model: a
    parameters: {wieght: 1, weight: 0.5, densty: 0.5}
  - modl: b
dtype: float64
`);
  for (const line of [
    'r.yml:3:1: a recipe has no key "parametrs"; did you mean "parameters"?',
    'r.yml:6:18: ties has no parameter "wieght"; did you mean "weight"?',
    'r.yml:6:42: ties has no parameter "densty"; did you mean "density"?',
    'r.yml:7:5: an entry of models has no key "modl"; did you mean "model"?',
    'r.yml:8:8: dtype is "float64" (write float32, float16 or bfloat16)',
  ]) {
    assert.ok(said.includes(line), `${said}\nlacks\n${line}`);
  }
});

test("under compat unknown keys are noted and ignored", () => {
  const { recipe, notes } = read(`${HEAD}${MODELS}parametrs: {normalize: true}\n`, true);
  assert.deepEqual(recipe.parameters, {});
  assert.equal(notes.length, 1);
  assert.match(notes[0]!, /^r\.yml:6:1: ignored: .*parametrs/);
});

test("an adapter follows its model after a plus, in mergekit's two spellings", () => {
  const models = (entry: string) =>
    read(`${HEAD}models: [{model: ${entry}, parameters: {weight: 1}}]\n`).recipe.slices[0]?.sources;
  assert.equal(models("org/a@v1+org/l@v2")?.[0]?.model, "org/a@v1+org/l@v2");
  const dictionary = "{model: {path: org/a, revision: v1}, lora: {path: org/l, revision: v2}}";
  assert.equal(models(dictionary)?.[0]?.model, "org/a@v1+org/l@v2");
  assert.equal(models("{model: {path: a}, lora: null}")?.[0]?.model, "a");
  for (const entry of ["a+b+c", "a+", "+b", "a@b@c", "a+b@"]) {
    const text = `${HEAD}models: [{model: "${entry}", parameters: {weight: 1}}]\n`;
    assert.match(refusal(text), /is not a model reference/, entry);
  }
  assert.equal(models("/data/c++/a")?.[0]?.model, "/data/c++/a");
  const override = "{model: {path: a}, override_architecture: B}";
  const text = `${HEAD}models: [{model: ${override}, parameters: {weight: 1}}]\n`;
  assert.match(refusal(text), /override_architecture is not supported/);
});

test("an unknown method suggests the nearest", () => {
  assert.match(refusal("merge_method: dare_tie\nmodels: []\n"), /r\.yml:1:15: .*"dare_ties"/);
});

test("words that YAML 1.1 reads as booleans are read so, with a note", () => {
  const { recipe, notes } = read(`${HEAD}${MODELS}parameters: {normalize: No}\n`);
  assert.deepEqual(recipe.parameters, { normalize: 0 });
  assert.match(notes.join(), /r\.yml:6:25: "No" is read as false/);
  assert.match(refusal(`${HEAD}${MODELS}parameters: {lambda: "no"}\n`), /not a number/);
});

test("numbers in exponent form and in quotes are numbers", () => {
  const { recipe } = read(`${HEAD}${MODELS}parameters: {lambda: 1e-3}\n`);
  assert.deepEqual(recipe.parameters, { lambda: 0.001 });
  assert.deepEqual(read(`${HEAD}${MODELS}parameters: {lambda: "1e-3"}\n`).recipe, recipe);
  assert.match(refusal(`${HEAD}${MODELS}parameters: {lambda: .nan}\n`), /not a number/);
});

test("one filter entry outside a list is a list of one, with a note", () => {
  const { recipe, notes } = read(
    `${HEAD}${MODELS}parameters: {lambda: {filter: mlp, value: 0.5}}\n`,
  );
  assert.deepEqual(recipe.parameters, { lambda: [{ filter: "mlp", value: 0.5 }] });
  assert.match(notes.join(), /list of one/);
});

test("an entry behind one without a filter is noted", () => {
  const { notes } = read(
    `${HEAD}${MODELS}parameters: {lambda: [{value: 1}, {filter: a, value: 2}]}\n`,
  );
  assert.match(notes.join(), /never reached/);
});

test("a parameter of all models has no place under one", () => {
  const text = `${HEAD}models: [{model: a, parameters: {weight: 1, lambda: 2}}]\n`;
  assert.match(refusal(text), /lambda holds for all models/);
  assert.equal(read(text, true).notes.length, 1);
});

test("values out of range are refused", () => {
  assert.match(
    refusal(`${HEAD}models: [{model: a, parameters: {weight: 1, density: 1.2}}]\n`),
    /density 1.2 is outside \[0, 1\]/,
  );
  assert.match(refusal(`${HEAD}${MODELS}parameters: {normalize: 0.5}\n`), /true or false/);
});

test("a required parameter may come from the top, and its absence names the model", () => {
  const bare = `${HEAD}models:\n  - model: a\n  - model: b\n`;
  assert.deepEqual(read(`${bare}parameters: {weight: 0}\n`).recipe.parameters, { weight: 0 });
  const said = refusal(bare);
  assert.match(said, /r\.yml:4:12: a has no weight/);
  assert.match(said, /r\.yml:5:12: b has no weight/);
});

test("bases and numbers of models are checked", () => {
  assert.match(
    refusal("merge_method: ties\nmodels: [{model: a, parameters: {weight: 1}}]\n"),
    /needs a base_model/,
  );
  assert.match(
    refusal("merge_method: slerp\nparameters: {t: 0.5}\nmodels: [a, b, c]\n"),
    /slerp merges 2 models, and 3/,
  );
  assert.match(
    refusal("merge_method: slerp\nbase_model: c\nparameters: {t: 0.5}\nmodels: [a, b]\n"),
    /c is not one of the models/,
  );
  assert.match(refusal("merge_method: slerp\nmodels: [a, b]\n"), /slerp needs t/);
});

test("slerp's other model may be listed alone, as mergekit has it", () => {
  for (const method of ["slerp", "arcee_fusion"]) {
    const t = method === "slerp" ? "parameters: {t: 0.5}\n" : "";
    const text = `merge_method: ${method}\nbase_model: a\nmodels: [b]\n${t}`;
    const { recipe, notes } = readRecipe(text, { file: "r.yml" });
    assert.deepEqual(
      recipe.slices[0]?.sources.map(({ model }) => model),
      ["b", "a"],
    );
    assert.equal(recipe.base, "a");
    assert.deepEqual(notes, []);
  }
  const sliced = "slices: [{sources: [{model: b, layer_range: [0, 2]}]}]";
  const text = `merge_method: slerp\nbase_model: a\n${sliced}\nparameters: {t: 0.5}\n`;
  assert.match(refusal(text), /slerp merges 2 models, and 1/);
});

test("layer ranges are checked", () => {
  const slice = (a: string, b: string) =>
    `merge_method: linear\nparameters: {weight: 1}\nslices:\n  - sources:\n      - {model: a, layer_range: ${a}}\n      - {model: b, layer_range: ${b}}\n`;
  assert.match(refusal(slice("[0, 2]", "[0, 3]")), /r\.yml:6:17: .*3 layers and \[0, 2\]/);
  assert.match(refusal(slice("[0, 2]", "[2, 0]")), /layer_range is \[2,0\]/);
  assert.match(refusal(slice("[0, 2]", "null")), /no layer_range/);
});

test("models and slices that disagree are refused", () => {
  const said = refusal(`merge_method: passthrough
models: [{model: a}]
slices: [{sources: [{model: b, layer_range: [0, 1]}]}]
`);
  assert.match(said, /only one of them names b, a/);
});

test("the record in a comment gives the seed back", () => {
  const text = `# tsmerge: {"seed":7,"version":"0.1.0"}\n${HEAD}${MODELS}`;
  const { seed, record } = read(text);
  assert.equal(seed, 7);
  assert.deepEqual(record, { seed: 7, version: "0.1.0" });
  const spoilt = read(`# tsmerge: {"seed":\n${HEAD}${MODELS}`);
  assert.equal(spoilt.seed, undefined);
  assert.equal(spoilt.notes.length, 1);
});

test("a parameter at the top is lost indentation", () => {
  assert.match(refusal(`${HEAD}${MODELS}density: 0.5\n`), /r\.yml:6:1: density .*indentation/s);
});

test("files that are no recipe are refused in a sentence", () => {
  for (const text of ["", "- a\n", "hello", "a: [1\n", "a: 1\n---\nb: 2\n", "a: 1\na: 2\n"]) {
    assert.match(refusal(text), /r\.yml/, JSON.stringify(text));
  }
});

test("an anchor stands for its value", () => {
  const { recipe } = read(`${HEAD}models:
  - {model: a, parameters: &p {weight: 0.5}}
  - {model: b, parameters: *p}
`);
  assert.deepEqual(recipe.slices[0]!.sources[1]!.parameters, { weight: 0.5 });
});

test("a value that is no number is one problem, and NaN is called so", () => {
  const ties = (weight: string, normalize: string) =>
    `merge_method: ties\nbase_model: c\nmodels: [{model: a, parameters: {weight: ${weight}}}]\nparameters: {normalize: ${normalize}}\n`;
  assert.throws(() => readRecipe(ties("1", "maybe"), { file: "r.yml" }), {
    message: 'normalize is "maybe", not a number',
  });
  assert.throws(() => readRecipe(ties(".nan", "true"), { file: "r.yml" }), {
    message: "weight is NaN, not a number",
  });
});
