// Data flows: which layers are taken in which order, how their recipe is written, and what a file may say.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { renderError } from "../../src/base/errors.ts";
import { compileRecipe } from "../../src/recipe/compile/compile.ts";
import { readSearchFile } from "../../src/recipe/search/search-file.ts";
import { type SearchSpace, searchSpace } from "../../src/recipe/search/space.ts";
import { readRecipe } from "../../src/recipe/yaml/read.ts";
import { renderRecipe } from "../../src/recipe/yaml/render.ts";
import { inventedModels } from "./golden-models.ts";

const MODELS = inventedModels(["org/m1", "org/m2"], { "org/m2": { layers: 2 } });
const HEAD = "  models: [org/m1, org/m2]\n  merge_method: passthrough\n";

function read(text: string) {
  return readSearchFile(`genome:\n${text}`, { file: "e.yml" }).config.genome;
}

function space(flow: string): SearchSpace {
  return searchSpace(read(`${HEAD}  data_flow: ${flow}\n`), MODELS, 0);
}

/** `m1 0-4, m2 1-2 ×0.5` of a genome. */
function shown({ decode }: SearchSpace, genome: readonly number[]): string {
  return decode(genome)
    .slices.map(({ sources: [source] }) => {
      const { scale } = source!.parameters;
      const factor = scale === undefined ? "" : ` ×${(scale as { value: number }[])[0]!.value}`;
      return `${source!.model.slice(4)} ${source!.layerRange!.join("-")}${factor}`;
    })
    .join(", ");
}

test("every layer of every model is offered, once a pass, and the search starts at the first model", () => {
  const flow = space("{repeats: 2}");
  assert.equal(flow.dimension, 2 * (4 + 2));
  assert.deepEqual(flow.names.slice(3, 7), ["m1.3.in@1", "m2.0.in@1", "m2.1.in@1", "m1.0.in@2"]);
  assert.equal(shown(flow, flow.start), "m1 0-4");
  assert.ok(flow.start.every((x) => x > 0 && x < 1 && x !== 0.5));
});

test("taken layers follow one another in the order of the offers; neighbours make one slice", () => {
  const flow = space("{repeats: 2}");
  const take = (bits: string) =>
    shown(
      flow,
      [...bits].map((bit) => Number(bit)),
    );
  assert.equal(take("1111" + "01" + "0000" + "11"), "m1 0-4, m2 1-2, m2 0-2");
  assert.equal(take("1010" + "00" + "0011" + "00"), "m1 0-1, m1 2-3, m1 2-4");
  assert.equal(take("0001" + "00" + "1000" + "00"), "m1 3-4, m1 0-1");
  assert.equal(take("0000" + "00" + "0000" + "00"), "m1 0-1");
  assert.equal(take("1111" + "11" + "1111" + "11"), "m1 0-4, m2 0-2, m1 0-2"); // 8 layers: twice m1's
});

test("a scale acts on what a layer writes into the residual stream", () => {
  const flow = space("{scale: {range: [0.5, 1.5]}, max_layers: 3}");
  assert.deepEqual(flow.names.slice(0, 2), ["m1.0.in@1", "m1.0.scale@1"]);
  const genome = flow.names.map((name) => (name.includes("scale") ? 1 : 1));
  genome[3] = 0.75; // layer 1 of m1
  assert.equal(shown(flow, genome), "m1 0-1, m1 1-2 ×0.75, m1 2-3");
  const plan = compileRecipe(flow.decode(genome), { models: MODELS, seed: 0, compat: false });
  const scaled = plan.tensors.filter(({ perModel }) => perModel[0]!.scale === 0.75);
  assert.deepEqual(
    scaled.map(({ name }) => name),
    ["model.layers.1.mlp.down_proj.weight", "model.layers.1.self_attn.o_proj.weight"],
  );
  assert.equal(plan.config.num_hidden_layers, 3);
  assert.match(shown(space("{scale: 0.5}"), space("{}").start), /^m1 0-4 ×0.5$/);
});

test("every data flow is a recipe that its own file reproduces", () => {
  const flow = space("{repeats: 2, scale: {range: [0.2, 2], scale: log}}");
  const genes = fc.tuple(
    ...flow.lower.map((min, i) => fc.double({ min, max: flow.upper[i]!, noNaN: true })),
  );
  fc.assert(
    fc.property(genes, (genome) => {
      const recipe = flow.decode(genome);
      const { recipe: back, notes } = readRecipe(renderRecipe(recipe), { file: "r.yml" });
      assert.deepEqual([back, notes], [recipe, []]);
      compileRecipe(back, { models: MODELS, seed: 0, compat: false });
    }),
    { numRuns: 25 },
  );
});

test("what has no meaning beside data_flow is said at its place", () => {
  const refusal = (text: string): string => {
    try {
      read(text);
    } catch (error) {
      return renderError(error);
    }
    assert.fail("the file was accepted");
  };
  const said = refusal(`  models: {from: [a], subset: {min: 1}}
  merge_method: ties
  base_model: c
  smooth: true
  data_flow: {repeat: 2, scale: {choices: [1, 2]}, max_layers: 0}
`);
  for (const line of [
    "e.yml:2:31: subset means nothing beside data_flow",
    'e.yml:3:17: data_flow copies layers, and merge_method is "ties"',
    "e.yml:4:3: base_model means nothing beside data_flow",
    "e.yml:5:3: smooth means nothing beside data_flow",
    'e.yml:6:15: data_flow has no key "repeat"; did you mean "repeats"?',
    "max_layers 0",
  ]) {
    assert.ok(said.includes(line), `${said}\nlacks\n${line}`);
  }
  assert.match(refusal(`${HEAD}  data_flow: {scale: {choices: [1, 2]}}\n`), /scale has choices/);
  assert.match(refusal("  models: [a]\n  merge_method: passthrough\n"), /is not one of linear/);
});
