// Kinds of genes: log, integer, choices, shares, the merge method and the models themselves; what a file may
// say of them, and what it is told where it errs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { renderError } from "../../src/base/errors.ts";
import { MERGE_METHODS } from "../../src/merge/methods/registry.ts";
import { compileRecipe } from "../../src/recipe/compile/compile.ts";
import { readSearchFile } from "../../src/recipe/search/search-file.ts";
import { weightsOf } from "../../src/recipe/search/shares.ts";
import { type SearchSpace, searchSpace } from "../../src/recipe/search/space.ts";
import { inventedModels } from "./golden-models.ts";

const MODELS = inventedModels(["org/m1", "org/m2", "org/m3", "org/base"]);
const THREE = "  models: [org/m1, org/m2, org/m3]\n";
const SUBSET = "  models: {from: [org/m1, org/m2, org/m3], subset: {min: 2}}\n";
const BASE = "  base_model: org/base\n";

function read(text: string) {
  return readSearchFile(`genome:\n${text}`, { file: "e.yml" });
}

function space(text: string): SearchSpace {
  return searchSpace(read(text).config.genome, MODELS, 0);
}

function refusal(text: string): string {
  try {
    read(text);
  } catch (error) {
    return renderError(error);
  }
  assert.fail("the file was accepted");
}

/** The start of a space with some genes changed, by name. */
function point({ names, start }: SearchSpace, changes: Readonly<Record<string, number>> = {}) {
  return names.map((name, i) => changes[name] ?? start[i]!);
}

test("weights that are divided by their sum are shares, one fewer than models, and start equal", () => {
  const shares = space(`${THREE}  merge_method: linear\n`);
  assert.deepEqual(shares.names, ["m1.share", "m2.share"]);
  const weights = (genes: readonly number[]) =>
    shares.decode(genes).slices[0]!.sources.map(({ parameters }) => parameters.weight);
  assert.deepEqual(weights(shares.start), [0.333333, 0.333333, 0.333333]);
  assert.deepEqual(weights([0.5, 0.2]), [0.5, 0.1, 0.4]);
  assert.deepEqual(weights([1, 0.7]), [1, 0.000001, 0.000001]); // a mean of nothing is no merge
});

test("shares reach every mixture: any weights that add up to 1 have their genes", () => {
  const wanted = [0.1, 0.25, 0.4, 0.25];
  const genes = [0.1, 0.25 / 0.9, 0.4 / 0.65];
  weightsOf(genes).forEach((weight, i) => {
    assert.ok(Math.abs(weight - wanted[i]!) < 1e-6);
  });
});

test("a range for weight, negative weights or no normalisation keep a gene for every weight", () => {
  for (const text of [
    "  merge_method: linear\n  parameters: {weight: {range: [0, 1]}}\n",
    "  merge_method: linear\n  allow_negative_weights: true\n",
    "  merge_method: linear\n  normalize: false\n",
    "  merge_method: linear\n  parameters: {normalize: {choices: [true, false]}}\n",
    `  merge_method: {choices: [linear, task_arithmetic]}\n${BASE}`,
  ]) {
    const weights = space(THREE + text).names.filter((name) => name.endsWith("weight"));
    assert.deepEqual(weights, ["m1.weight", "m2.weight", "m3.weight"], text);
  }
  const pair = "  models: [org/m1, org/m2]\n";
  assert.deepEqual(space(`${pair}  merge_method: nuslerp\n`).names, ["m1.share"]);
  assert.deepEqual(space(`${pair}  merge_method: multislerp\n`).names, ["m1.share"]);
});

test("log genes lie on a log scale, integers on whole numbers, choices on indices", () => {
  const genes = space(
    `${THREE}  merge_method: karcher\n  parameters: {max_iter: {range: [1, 9], start: 4, scale: integer}, tol: {range: [0.00000001, 0.01], scale: log}}\n`,
  );
  assert.deepEqual(genes.names, ["max_iter", "log10 tol"]);
  assert.deepEqual(
    [genes.lower, genes.upper],
    [
      [1, -8],
      [9, -2],
    ],
  );
  assert.deepEqual(
    [genes.start, genes.integer],
    [
      [4, -5],
      [true, false],
    ],
  );
  assert.deepEqual(genes.decode([7, -4.5]).parameters, { max_iter: 7, tol: 0.0000316228 });
  const choices = space(
    `${THREE}${BASE}  merge_method: ties\n  parameters: {density: {choices: [0.2, 0.5, 1], start: 0.5}, weight: 1, rescale: {choices: [true, false]}}\n`,
  );
  assert.deepEqual(choices.names.slice(0, 3), ["m1.density", "m2.density", "m3.density"]);
  assert.deepEqual(choices.categorical, [true, true, true, true]);
  assert.deepEqual(
    [choices.start, choices.upper],
    [
      [1, 1, 1, 0],
      [2, 2, 2, 1],
    ],
  );
  const recipe = choices.decode([2, 0, 1, 1]);
  assert.deepEqual(recipe.parameters, { normalize: 1, rescale: 0 });
  assert.deepEqual(
    recipe.slices[0]!.sources.map(({ parameters }) => parameters.density),
    [1, 0.2, 0.5],
  );
});

test("the merge method is a gene, and parameters that the chosen one lacks are left out", () => {
  const genes = space(`${THREE}${BASE}  merge_method: {choices: [ties, della, task_arithmetic]}
  parameters: {epsilon: {}, lambda: {range: [0.5, 2]}}\n`);
  assert.equal(genes.names[0], "merge_method");
  assert.deepEqual(genes.categorical.slice(0, 2), [true, false]);
  const recipe = (method: number) => genes.decode(point(genes, { merge_method: method }));
  const keys = (method: number) =>
    Object.keys(recipe(method).slices[0]!.sources[0]!.parameters).sort();
  assert.deepEqual(keys(0), ["density", "weight"]);
  assert.deepEqual(keys(1), ["density", "epsilon", "weight"]);
  assert.deepEqual(keys(2), ["weight"]);
  for (const [method, name] of ["ties", "della", "task_arithmetic"].entries()) {
    assert.equal(recipe(method).method, name);
    compileRecipe(recipe(method), { models: MODELS, seed: 1, compat: false });
  }
});

test("which models take part is searched, within what the file and the method allow", () => {
  const genes = space(`${SUBSET}${BASE}  merge_method: ties\n  normalize: false\n`);
  assert.deepEqual(genes.names.slice(0, 3), ["m1.in", "m2.in", "m3.in"]);
  assert.deepEqual(genes.start.slice(0, 3), [1, 1, 1]);
  const chosen = (changes: Readonly<Record<string, number>>) =>
    genes.decode(point(genes, changes)).slices[0]!.sources.map(({ model }) => model);
  assert.deepEqual(chosen({}), ["org/m1", "org/m2", "org/m3"]);
  assert.deepEqual(chosen({ "m2.in": 0 }), ["org/m1", "org/m3"]);
  assert.deepEqual(chosen({ "m1.in": 0, "m2.in": 0 }), ["org/m1", "org/m3"]);
  const pairs = space(`${SUBSET}  merge_method: slerp\n`);
  const pair = pairs.decode(point(pairs, { "m1.in": 0, "m2.in": 1, "m3.in": 1 }));
  assert.equal(pair.base, "org/m2");
  assert.deepEqual(
    pair.slices[0]!.sources.map(({ model }) => model),
    ["org/m2", "org/m3"],
  );
});

test("smooth with a number has so many points; choices and integers hold over all depth", () => {
  const genes = space(`${THREE}${BASE}  merge_method: dare_ties
  smooth: 2
  normalize: false
  parameters: {density: {choices: [0.1, 0.5]}}\n`);
  assert.deepEqual(genes.names, [
    ...["m1.weight@0-1", "m1.density@0-1", "m2.weight@0-1", "m2.density@0-1"],
    ...["m3.weight@0-1", "m3.density@0-1", "m1.weight@2-3", "m2.weight@2-3", "m3.weight@2-3"],
  ]);
  const source = genes.decode([1, 1, 2, 0, 3, 0, 4, 5, 6]).slices[0]!.sources[0]!;
  assert.deepEqual(source.parameters, { weight: [1, 4], density: 0.5 });
});

test("every parameter with a number of every method can be searched, without code of its own", () => {
  for (const method of MERGE_METHODS) {
    if (method.name === "passthrough") continue;
    const searched = method.parameters.filter(({ search }) => search !== undefined);
    const models = ["org/m1", "org/m2", "org/m3"].slice(0, Math.min(3, method.maxModels));
    const base = method.base === "required" ? BASE : "";
    const asked = searched.map(({ name }) => `${name}: {}`).join(", ");
    const text = `  models: {from: [${models}], subset: {}}\n${base}  merge_method: ${method.name}\n`;
    const genes = space(`${text}  parameters: {${asked}}\n`);
    for (const { name } of searched) {
      assert.ok(
        genes.names.some((gene) => gene.endsWith(name)),
        `${method.name}: ${genes.names}`,
      );
    }
    genes.start.forEach((x, i) => {
      const isInside = genes.lower[i]! < x && x < genes.upper[i]!;
      assert.ok(isInside || genes.integer[i], `${method.name}: ${genes.names[i]} starts at ${x}`);
    });
    const recipe = genes.decode(genes.start);
    compileRecipe(recipe, { models: MODELS, seed: 1, compat: false });
  }
});

test("what is wrong with a gene is said at its place, with what would do", () => {
  const said = refusal(`${THREE}${BASE}  merge_method: {choices: [tise, linear]}\n`);
  assert.match(said, /e\.yml:4:28: merge_method "tise" is not one of .*did you mean "ties"\?/);
  const genes = refusal(`${THREE}${BASE}  merge_method: della
  smooth: 2
  layer_groups: 2
  parameters:
    weight: {range: [0, 1], scale: lag}
    density: {choices: [0.5]}
    epsilon: {range: [0, 0.3], scale: log}
    lambda: {choices: [1, 2], range: [1, 2]}
    rescale: {range: [0, 1]}
    densty: 1
`);
  for (const line of [
    "layer_groups and smooth with a number are both given",
    'e.yml:8:36: scale "lag" is not one of linear, log, integer',
    "e.yml:9:24: choices [0.5] has fewer than two choices",
    "e.yml:10:14: epsilon has a log scale and the range [0, 0.3]",
    "e.yml:11:13: lambda has choices and a range",
    "e.yml:12:14: rescale is true or false and has no range",
    'e.yml:13:5: a search with della has no key "densty"; did you mean "density"?',
  ]) {
    assert.ok(genes.includes(line), `${genes}\nlacks\n${line}`);
  }
  assert.match(
    refusal("  models: {from: [a, b, c], subset: {min: 3}}\n  merge_method: slerp\n"),
    /e\.yml:2:37: subset takes 3 to 3 of 3 models, and slerp merges 2/,
  );
  assert.match(refusal(`${THREE}  merge_method: karcher\n`), /nothing is left to search/);
  assert.match(
    refusal(`  models: [org/m1]\n${BASE}  merge_method: {choices: [nearswap, slerp]}\n`),
    /t is not the same in nearswap and slerp/,
  );
});

test("a start on a bound is noted", () => {
  const { notes } = read(
    `${THREE}  merge_method: linear\n  parameters: {weight: {range: [0, 1], start: 1}}\n`,
  );
  assert.match(
    notes.join("\n"),
    /weight starts on its bound 1: the search begins half a step inside/,
  );
});

test("a search in which nothing is left says why", () => {
  const one = "  models: [org/m1]\n  merge_method: linear\n";
  assert.match(refusal(one), /nothing is left to search: linear is to weigh one model alone/);
  const fixed = `${THREE}  merge_method: linear\n  parameters: {weight: 0.5}\n`;
  assert.match(refusal(fixed), /nothing is left to search: weight of linear is fixed/);
});

test("an empty range is one problem, not two", () => {
  const said = refusal(`${THREE}  merge_method: linear\n  parameters: {weight: {range: [1, 0]}}\n`);
  assert.match(said, /^e\.yml:4:24: weight has the empty range \[1, 0\]\n {2}hint: /);
});

test("a model that is listed twice is told", () => {
  const { notes } = read("  models: [org/m1, org/m2, org/m1]\n  merge_method: linear\n");
  assert.match(notes.join("\n"), /org\/m1 is listed twice and takes part once/);
});

test("a filter that matches no tensor is refused in a search and noted in a recipe", () => {
  assert.throws(() => space(`${THREE}  merge_method: linear\n  filters: [self_atn]\n`), {
    code: "config",
    message: 'the filter "self_atn" matches no tensor',
  });
  const linear = space(`${THREE}  merge_method: linear\n  filters: [mlp]\n`);
  const recipe = linear.decode(linear.start);
  const heard = (filter: string): string[] => {
    const notes: string[] = [];
    const parameters = { weight: [{ filter, value: 1 }, { value: 0 }] };
    const onNote = (note: string) => notes.push(note);
    compileRecipe({ ...recipe, parameters }, { models: MODELS, seed: 0, compat: false, onNote });
    return notes;
  };
  assert.deepEqual(heard("self_atn"), [
    'the filter "self_atn" matches no tensor and changes nothing',
  ]);
  assert.deepEqual(heard("mlp"), []);
});
