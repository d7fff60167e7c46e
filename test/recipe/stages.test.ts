import assert from "node:assert/strict";
import { test } from "node:test";
import { renderError } from "../../src/base/errors.ts";
import { readRecipes } from "../../src/recipe/yaml/read.ts";
import { orderStages } from "../../src/recipe/yaml/stages.ts";

/** A file of recipes, each `name: models`, of which `-` is the one without a name. */
function fileOf(...recipes: readonly (readonly [string, ...string[]])[]): string {
  return recipes
    .map(([name, ...models]) => {
      const head = name === "-" ? "" : `name: ${name}\n`;
      return `${head}merge_method: linear\nmodels: [${models.join(", ")}]\nparameters: {weight: 1}\n`;
    })
    .join("---\n");
}

function ordered(text: string) {
  const { stages, notes } = orderStages(readRecipes(text, { file: "r.yml" }), "r.yml");
  return { names: stages.map(({ name }) => name ?? "-"), notes };
}

function refusal(text: string): string {
  try {
    ordered(text);
  } catch (error) {
    return renderError(error);
  }
  assert.fail("the file was accepted");
}

test("stages come after those they use, the one without a name last", () => {
  const text = fileOf(["-", "two", "base"], ["two", "one", "a"], ["one", "a", "b"]);
  assert.deepEqual(ordered(text), { names: ["one", "two", "-"], notes: [] });
});

test("where all have names, the one that no other uses is the output", () => {
  assert.deepEqual(ordered(fileOf(["x", "y", "a"], ["y", "a", "b"])).names, ["y", "x"]);
  assert.deepEqual(ordered(fileOf(["only", "a", "b"])).names, ["only"]);
});

test("a stage that nothing uses is told", () => {
  const { names, notes } = ordered(fileOf(["idle", "a"], ["-", "a", "b"]));
  assert.deepEqual(names, ["-"]);
  assert.match(notes.join(), /does not use idle/);
});

test("circles, equal names and several outputs are refused", () => {
  assert.match(refusal(fileOf(["-", "x"], ["x", "y"], ["y", "x"])), /x uses y uses x/);
  assert.match(refusal(fileOf(["x", "y"], ["y", "x"])), /use each other: x uses y uses x/);
  assert.match(refusal(fileOf(["x", "x"])), /x uses x/);
  assert.match(refusal(fileOf(["x", "a"], ["x", "b"])), /two recipes are named x/);
  assert.match(refusal(fileOf(["-", "a"], ["-", "b"])), /2 of the 2 recipes have no name/);
  assert.match(refusal(fileOf(["x", "a"], ["y", "b"])), /no recipe uses x or y/);
  assert.match(refusal(fileOf(["../x", "a"])), /r\.yml:1:7: name is "\.\.\/x"/);
});

test("a problem in any recipe is placed in the whole file", () => {
  const text = `${fileOf(["x", "a"])}---\nmerge_method: linear\nmodls: [x]\n`;
  assert.match(refusal(text), /r\.yml:7:1: .*"modls"/);
});

test("a lone document between dashes is a plain recipe", () => {
  assert.deepEqual(ordered(`---\n${fileOf(["-", "a", "b"])}---\n`).names, ["-"]);
});
