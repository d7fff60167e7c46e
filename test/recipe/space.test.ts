import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MERGE_METHODS } from "../../src/merge/methods/registry.ts";
import { compileRecipe } from "../../src/recipe/compile/compile.ts";
import { equalWeights, publishedMerges, singleModel } from "../../src/recipe/search/baselines.ts";
import { genomeReferences, isFlow, shortNames } from "../../src/recipe/search/genome.ts";
import { layerGroups } from "../../src/recipe/search/layer-groups.ts";
import { readSearchFile } from "../../src/recipe/search/search-file.ts";
import { type SearchSpace, searchSpace } from "../../src/recipe/search/space.ts";
import { readRecipe } from "../../src/recipe/yaml/read.ts";
import { renderRecipe } from "../../src/recipe/yaml/render.ts";
import { inventedModels } from "./golden-models.ts";

const MODELS = inventedModels(["org/m1", "org/m2", "org/base"]);

function genome(text: string) {
  const whole = `genome:\n  models: [org/m1, org/m2]\n${text}`;
  const { genome: read } = readSearchFile(whole, { file: "e.yml" }).config;
  assert.ok(!isFlow(read));
  return read;
}

function space(text: string, seed = 0): SearchSpace {
  return searchSpace(genome(text), MODELS, seed);
}

const TIES = "  merge_method: ties\n  base_model: org/base\n  normalize: false\n";

test("genes stand in mergekit-evolve's order: group, model, filter, parameter", () => {
  const { names, dimension } = space(`${TIES}  layer_granularity: 2\n  filters: [mlp]\n`);
  assert.equal(dimension, 16);
  assert.deepEqual(names.slice(0, 8), [
    "m1.weight[mlp]@0-1",
    "m1.density[mlp]@0-1",
    "m1.weight[rest]@0-1",
    "m1.density[rest]@0-1",
    "m2.weight[mlp]@0-1",
    "m2.density[mlp]@0-1",
    "m2.weight[rest]@0-1",
    "m2.density[rest]@0-1",
  ]);
});

test("several groups decode to slices that list the base", () => {
  const genes = Array.from({ length: 16 }, (_, i) => (i + 1) / 32);
  const recipe = space(`${TIES}  layer_granularity: 2\n  filters: [mlp]\n`).decode(genes);
  assert.equal(recipe.slices.length, 2);
  assert.deepEqual(recipe.slices[0]?.sources[1], {
    model: "org/m2",
    layerRange: [0, 2],
    parameters: {
      weight: [{ filter: "mlp", value: 5 / 32 }, { value: 7 / 32 }],
      density: [{ filter: "mlp", value: 6 / 32 }, { value: 8 / 32 }],
    },
  });
  assert.deepEqual(recipe.slices[1]?.sources[2], {
    model: "org/base",
    layerRange: [2, 4],
    parameters: {},
  });
});

test("smooth groups decode to gradients over whole models", () => {
  const text = "  merge_method: linear\n  normalize: false\n  smooth: 3\n";
  const recipe = space(text).decode([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
  assert.deepEqual(recipe.slices, [
    {
      sources: [
        { model: "org/m1", parameters: { weight: [0.1, 0.3, 0.5] } },
        { model: "org/m2", parameters: { weight: [0.2, 0.4, 0.6] } },
      ],
      parameters: {},
    },
  ]);
});

test("slerp searches t over its whole range, between its two models", () => {
  const { names, lower, upper, start, decode } = space(
    "  merge_method: slerp\n  layer_groups: 2\n  filters: [self_attn]\n",
  );
  assert.deepEqual(names, ["t[self_attn]@0-1", "t[rest]@0-1", "t[self_attn]@2-3", "t[rest]@2-3"]);
  assert.deepEqual([lower, upper, start], [Array(4).fill(0), Array(4).fill(1), Array(4).fill(0.5)]);
  const recipe = decode([0.9, 0.8, 0.7, 0.6]);
  assert.equal(recipe.base, "org/m1");
  assert.deepEqual(recipe.slices[1]?.parameters, {
    t: [{ filter: "self_attn", value: 0.7 }, { value: 0.6 }],
  });
});

test("parameters may be fixed, and lambda searched", () => {
  const { names, decode } = space(
    `${TIES}  parameters: {density: 0.5, lambda: {range: [0.5, 2]}}\n`,
  );
  assert.deepEqual(names, ["m1.weight", "m2.weight", "lambda"]);
  const recipe = decode([0.1, 0.2, 1.25]);
  assert.deepEqual(recipe.slices[0]?.sources[0]?.parameters, { density: 0.5, weight: 0.1 });
  assert.deepEqual(recipe.parameters, { normalize: 0, lambda: 1.25 });
});

test("densities are multiples of 2^-12 and never 0, other genes multiples of 1e-6", () => {
  const { decode } = space(TIES);
  const recipe = decode([0.12345678, 0.3, -1e-9, 0]);
  assert.deepEqual(recipe.slices[0]?.sources[0]?.parameters, {
    weight: 0.123457,
    density: 1229 / 4096,
  });
  assert.deepEqual(recipe.slices[0]?.sources[1]?.parameters, { weight: 0, density: 1 / 4096 });
});

test("a start lies inside its box, and never on a bound by default", () => {
  for (const text of [
    TIES,
    "  merge_method: linear\n  allow_negative_weights: true\n",
    `${TIES}  parameters: {weight: {range: [0.75, 1]}}\n`,
  ]) {
    const { lower, upper, start } = space(text);
    start.forEach((x, i) => {
      assert.ok(lower[i]! < x && x < upper[i]!);
    });
  }
});

test("random_init starts anywhere in the box, by seed", () => {
  const text = `${TIES}random_init: true\n`;
  assert.deepEqual(space(text, 1).start, space(text, 1).start);
  assert.notDeepEqual(space(text, 1).start, space(text, 2).start);
});

const FORMS = [
  "  merge_method: ties\n  base_model: org/base\n  layer_groups: 2\n  filters: [mlp]\n",
  "  merge_method: {choices: [linear, slerp, karcher]}\n  smooth: 2\n",
  "  merge_method: {choices: [ties, della, ram, sce]}\n  base_model: org/base\n  layer_groups: 2\n" +
    "  parameters: {epsilon: {range: [0.00001, 0.4], scale: log}, rescale: {choices: [true, false]}}\n",
  "  merge_method: karcher\n  filters: [mlp]\n" +
    "  parameters: {max_iter: {range: [1, 9], scale: integer}, tol: {}}\n",
  "  merge_method: linear\n",
  "  merge_method: slerp\n  layer_groups: 3\n",
  "  merge_method: slerp\n  layer_granularity: 1\n  smooth: true\n",
  "  merge_method: task_arithmetic\n  base_model: org/base\n  tokenizer_source: base\n",
  `${TIES}  filters: [self_attn, mlp]\n  layer_granularity: 2\n`,
  "  merge_method: dare_ties\n  base_model: org/base\n  layer_groups: 2\n  smooth: true\n",
  "  merge_method: dare_linear\n  base_model: org/base\n  parameters: {lambda: {range: [0, 2]}}\n",
];

test("every decoded genome is a recipe that its own file reproduces", () => {
  for (const text of FORMS) {
    const { lower, upper, integer, categorical, decode } = space(text);
    const genes = fc.tuple(
      ...lower.map((low, i) =>
        integer[i] || categorical[i]
          ? fc.integer({ min: low, max: upper[i]! })
          : fc.double({ min: low, max: upper[i]!, noNaN: true }),
      ),
    );
    fc.assert(
      fc.property(genes, (values) => {
        const recipe = decode(values);
        const { recipe: back, notes } = readRecipe(renderRecipe(recipe), { file: "r.yml" });
        assert.deepEqual(back, recipe);
        assert.deepEqual(notes, []);
        const context = { models: MODELS, seed: 1, compat: false };
        assert.deepEqual(compileRecipe(back, context), compileRecipe(recipe, context));
      }),
      { numRuns: 25 },
    );
  }
});

test("layer groups fit whole layers", () => {
  const groups = layerGroups(genome(`${TIES}  layer_groups: 3\n`), MODELS);
  assert.deepEqual(groups, [
    { first: 0, end: 1 },
    { first: 1, end: 2 },
    { first: 2, end: 4 },
  ]);
  assert.throws(() => space(`${TIES}  layer_granularity: 3\n`), {
    message: "layer_granularity 3 does not fit the 4 layers of the models",
    hint: "write 0 (one group) or one of 1, 2, 4",
  });
  assert.throws(() => space(`${TIES}  layer_groups: 5\n`), /layer_groups 5 does not fit/);
});

test("models of different depth cannot share a space", () => {
  const models = inventedModels(["org/m1", "org/m2", "org/base"], { "org/m2": { layers: 6 } });
  assert.throws(
    () => searchSpace(genome(TIES), models, 0),
    /org\/m1 has 4 layers and org\/m2 has 6/,
  );
});

test("baselines are a parent as it stands and the plain average", () => {
  const context = { models: MODELS, seed: 0, compat: false };
  const single = compileRecipe(singleModel("org/base"), context);
  assert.deepEqual(single.models, ["/models/org/base"]);
  assert.equal(single.tensors[0]?.method, "passthrough");
  const recipe = equalWeights(genome(TIES));
  const average = compileRecipe(recipe, context).tensors[0];
  assert.deepEqual(
    [average?.method, average?.perModel, average?.global],
    ["linear", [{ weight: 1 }, { weight: 1 }], { normalize: 1 }],
  );
  assert.deepEqual(readRecipe(renderRecipe(recipe), { file: "r.yml" }).recipe, recipe);
});

test("published defaults are a baseline of every method that has them", () => {
  const [ties] = publishedMerges(genome(TIES));
  assert.deepEqual(ties?.recipe.parameters, { normalize: 1, lambda: 1 });
  assert.deepEqual(ties?.recipe.slices[0]?.sources[1], {
    model: "org/m2",
    parameters: { weight: 1, density: 0.2 },
  });
  const context = { models: MODELS, seed: 0, compat: false };
  for (const { name, base, maxModels } of MERGE_METHODS) {
    if (name === "passthrough" || maxModels < 2) continue;
    const needed = base === "required" ? "  base_model: org/base\n" : "";
    const text = `  merge_method: {choices: [${name}, linear]}\n${needed}`;
    for (const { method, recipe } of publishedMerges(genome(text))) {
      assert.equal(method, name);
      assert.deepEqual(readRecipe(renderRecipe(recipe), { file: "r.yml" }).recipe, recipe);
      compileRecipe(recipe, context);
    }
  }
});

test("short names are unique", () => {
  assert.deepEqual(shortNames(["a/x@v1", "b/x", "./c/y/"]), ["a/x@v1", "b/x", "y"]);
  assert.deepEqual(genomeReferences(genome(TIES)), ["org/m1", "org/m2", "org/base"]);
});
