import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { filterProblem, matchesFilter } from "../../src/recipe/filter.ts";
import { readRecipe } from "../../src/recipe/yaml/read.ts";

const TENSOR = "model.layers.12.mlp.up_proj.weight";

test("a filter is part of a name, a glob, a regular expression, or the opposite of one", () => {
  for (const filter of [
    "mlp",
    ".12.",
    "*mlp*",
    "model.layers.1?.*",
    "/layers\\.\\d+\\.mlp/",
    "/^model/",
    "!self_attn",
    "!*norm*",
    "!/layers\\.[0-9]\\./",
  ]) {
    assert.equal(matchesFilter(filter, TENSOR), true, filter);
  }
  for (const filter of [
    "attn",
    "mlp*",
    "model?layers",
    "*.12",
    "/^mlp/",
    "!mlp",
    "!*mlp*",
    "!/./",
  ]) {
    assert.equal(matchesFilter(filter, TENSOR), false, filter);
  }
});

test("plain text never acts as a pattern", () => {
  const character = fc.constantFrom(..."ab.()[]{}+^$|\\/-0".split(""));
  const word = fc.string({ unit: character, minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(word, word, (part, whole) => {
      fc.pre(!/^\/.+\/$/.test(part));
      assert.equal(matchesFilter(part, whole), whole.includes(part));
      assert.equal(matchesFilter(`*${part}*`, whole), whole.includes(part));
    }),
  );
});

test("a malformed filter is refused where it stands", () => {
  assert.equal(filterProblem("/mlp/"), undefined);
  assert.throws(
    () =>
      readRecipe(
        "merge_method: linear\nmodels: [{model: a, parameters: {weight: [{filter: /(/, value: 1}]}}]\n",
        { file: "r.yml" },
      ),
    /a filter of weight is "\/\(\/".*[Uu]nterminated group/,
  );
});
