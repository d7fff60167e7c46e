import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compileRecipe } from "../../src/recipe/compile/compile.ts";
import type { Recipe } from "../../src/recipe/recipe.ts";
import { readRecipe } from "../../src/recipe/yaml/read.ts";
import { renderRecipe } from "../../src/recipe/yaml/render.ts";
import { arbitraryRecipe } from "./arbitrary-recipe.ts";
import { inventedModels } from "./golden-models.ts";

test("a rendered recipe reads back equal, without a note, and plans the same merge", () => {
  const models = inventedModels(["a", "b", "c", "base"]);
  fc.assert(
    fc.property(arbitraryRecipe, (recipe) => {
      const { recipe: back, notes } = readRecipe(renderRecipe(recipe), { file: "r.yml" });
      assert.deepEqual(back, recipe);
      assert.deepEqual(
        notes.filter((one) => !one.includes("never reached")),
        [],
      );
      for (const compat of [false, true]) {
        const context = { models, seed: 1, compat };
        assert.deepEqual(compileRecipe(back, context), compileRecipe(recipe, context));
      }
    }),
    { numRuns: 300 },
  );
});

test("the header is comments, and its record comes back", () => {
  const recipe: Recipe = {
    method: "linear",
    slices: [{ sources: [{ model: "yes", parameters: { weight: 0.1 } }], parameters: {} }],
    parameters: { normalize: 0 },
  };
  const text = renderRecipe(recipe, {
    lines: ["made by a test", "two\nlines"],
    record: { seed: 5, parents: { yes: "abc" } },
  });
  assert.equal(
    text,
    `# made by a test
# two
# lines
# tsmerge: {"seed":5,"parents":{"yes":"abc"}}
merge_method: linear
models:
  - model: "yes"
    parameters:
      weight: 0.1
parameters:
  normalize: false
`,
  );
  const read = readRecipe(text, { file: "r.yml" });
  assert.deepEqual(read.recipe, recipe);
  assert.deepEqual([read.seed, read.record], [5, { seed: 5, parents: { yes: "abc" } }]);
});
