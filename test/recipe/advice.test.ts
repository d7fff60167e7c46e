import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { advise, adviseOnModels } from "../../src/recipe/advice.ts";
import { readRecipe } from "../../src/recipe/yaml/read.ts";
import { inventedModel } from "./golden-models.ts";

const root = mkdtempSync(join(tmpdir(), "tsmerge-advice-"));
after(() => rmSync(root, { recursive: true, force: true }));

function recipe(text: string) {
  return readRecipe(text, { file: "r.yml" }).recipe;
}

/** Models a and b with weights, under a method with the base `base`. */
function weighed(method: string, a: string, b: string, rest = ""): string {
  const list = `models: [{model: a, parameters: {weight: ${a}}}, {model: b, parameters: {weight: ${b}}}]`;
  return `merge_method: ${method}\nbase_model: base\n${list}\n${rest}`;
}

const cases: Readonly<Record<string, [text: string, advice: RegExp | undefined]>> = {
  "fair weights get no word": [weighed("dare_ties", "0.5", "0.55"), undefined],
  "heavy dare weights do": [weighed("dare_ties", "1", "0.5"), /sum to 1.5: the changes/],
  "light gradients do": [weighed("dare_linear", "[0.5, 0]", "0.5"), /sum to 0.875/],
  "weights by filter have no sum": [
    weighed("dare_ties", "[{filter: mlp, value: 9}, {value: 0.5}]", "0.5"),
    undefined,
  ],
  "normalized weights count as a ratio": [weighed("linear", "1", "1"), /only their ratio counts/],
  "others scale the model": [
    weighed("linear", "1", "1", "parameters: {normalize: false}"),
    /result is that much larger/,
  ],
  "weights that cannot be normalized will be refused": [
    weighed("linear", "1", "-1"),
    /sum to 0, .* will be refused/,
  ],
  "a t beyond its models is told": [
    "merge_method: slerp\nbase_model: b\nmodels: [a, b]\nparameters: {t: [0.5, 1.5]}\n",
    /t 1.5 is outside \[0, 1\]/,
  ],
  "task vectors may have any weight": [weighed("task_arithmetic", "1", "1"), undefined],
  "ties without a density trims nothing": [weighed("ties", "0.5", "0.5"), /density of a, b/],
  "ties with a usual one gets no word": [
    weighed("ties", "1", "1", "parameters: {density: [0.2, 0.9]}"),
    undefined,
  ],
  "t of 0 is the base": [
    "merge_method: slerp\nbase_model: b\nmodels: [a, b]\nparameters: {t: 0}\n",
    /t is 0 everywhere: the result is b/,
  ],
  "t of 1 is the other": [
    "merge_method: slerp\nbase_model: b\nmodels: [a, b]\nparameters: {t: [{filter: mlp, value: [1, 1]}, {value: 1}]}\n",
    /t is 1 everywhere: the result is a/,
  ],
  "a gradient from 0 to 1 is neither": [
    "merge_method: slerp\nbase_model: b\nmodels: [a, b]\nparameters: {t: [0, 1]}\n",
    undefined,
  ],
  "a model beside itself": [
    "merge_method: linear\nmodels: [{model: a}, {model: a}]\nparameters: {weight: 0.5}\n",
    /a is merged with itself/,
  ],
  "a base among the models is no twin": [
    "merge_method: task_arithmetic\nbase_model: base\nmodels: [{model: base}, {model: a}]\nparameters: {weight: 1}\n",
    undefined,
  ],
};

for (const [name, [text, advice]] of Object.entries(cases)) {
  test(name, () => {
    const said = advise(recipe(text));
    assert.equal(said.length, advice === undefined ? 0 : 1, said.join("\n"));
    if (advice !== undefined) assert.match(said[0]!, advice);
  });
}

test("unlike chat templates and equal folders are told from the folders", async () => {
  const folder = (name: string, template?: string) => {
    const directory = join(root, name);
    mkdirSync(directory, { recursive: true });
    const config = template === undefined ? {} : { chat_template: template };
    writeFileSync(join(directory, "tokenizer_config.json"), JSON.stringify(config));
    return {
      ...inventedModel(name),
      ...{ directory, location: directory, tokenizerDirectory: directory },
    };
  };
  const models = new Map([
    ["a", folder("a", "one")],
    ["b", folder("b", "two")],
    ["c", folder("c")],
    ["d", { ...folder("a", "one"), reference: "d" }],
  ]);
  const of = (names: string, rest = "") =>
    adviseOnModels(
      recipe(`merge_method: linear\nmodels: [${names}]\nparameters: {weight: 1}\n${rest}`),
      models,
    );
  assert.match((await of("a, b, c")).join(), /templates of a, b differ: the output gets a's/);
  assert.deepEqual(await of("a, b", "chat_template: chatml\n"), []);
  assert.deepEqual(await of("a, c"), []);
  assert.deepEqual(await of("a, d"), ["a and d are the same folder"]);
});

test("what equal shapes hide is told: heads, positions", async () => {
  const directory = join(root, "plain");
  mkdirSync(directory);
  const model = (reference: string, raw: Readonly<Record<string, unknown>>) => {
    const where = { directory, location: reference, tokenizerDirectory: directory };
    return { ...inventedModel(reference, { raw }), ...where };
  };
  const models = new Map([
    ["a", model("a", { rope_theta: 10000 })],
    ["b", model("b", { rope_theta: 1e6, num_attention_heads: 4, head_dim: 2 })],
  ]);
  const text = "merge_method: linear\nmodels: [a, b]\nparameters: {weight: 0.5}\n";
  assert.deepEqual(await adviseOnModels(recipe(text), models), [
    "a and b differ in num_attention_heads 2 vs 4, rope_theta 10000 vs 1000000: the output's config.json is a's",
  ]);
});
