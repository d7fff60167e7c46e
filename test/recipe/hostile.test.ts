// Whatever stands in a file, the readers answer with data or with a TsmergeError that names a place.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { stringify } from "yaml";
import { renderError, TsmergeError } from "../../src/base/errors.ts";
import { readSearchFile } from "../../src/recipe/search/search-file.ts";
import { readRecipe } from "../../src/recipe/yaml/read.ts";

const KEYS = [
  "merge_method",
  "models",
  "model",
  "slices",
  "sources",
  "layer_range",
  "base_model",
  "parameters",
  "weight",
  "density",
  "dare",
  "drop_rate",
  "t",
  "lambda",
  "filter",
  "value",
  "dtype",
  "tokenizer_source",
  "genome",
  "tasks",
  "name",
  "metric",
  "range",
  "start",
  "budget",
  "filters",
  "layer_granularity",
  "__proto__",
  "constructor",
];

const WORDS = ["ties", "dare_ties", "slerp", "linear", "a", "b", "yes", "", "mlp", "a@b@c", "x+y"];

const anything = fc.letrec<{ node: unknown }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom<unknown>(null, true, -1, 0, 0.5, 2, Number.POSITIVE_INFINITY, ...WORDS),
    fc.array(tie("node"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...KEYS), tie("node"), { maxKeys: 5 }),
  ),
})).node;

const file = fc
  .record({ method: fc.constantFrom(...WORDS), rest: anything, genome: anything })
  .map(({ method, rest, genome }) =>
    typeof rest === "object" && rest !== null && !Array.isArray(rest)
      ? { merge_method: method, ...rest, genome }
      : rest,
  );

function answers(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof TsmergeError, String(error));
    assert.match(renderError(error), /^f\.yml/);
  }
}

test("any tree of keys is answered", () => {
  fc.assert(
    fc.property(file, fc.boolean(), (value, compat) => {
      const text = stringify(value);
      answers(() => readRecipe(text, { file: "f.yml", compat }));
      answers(() => readSearchFile(text, { file: "f.yml" }));
    }),
    { numRuns: 1000 },
  );
});

test("aliases that cannot be written out are refused", () => {
  const bomb = ["a: &a [1, 1]"];
  for (let i = 0; i < 12; i++) {
    const [from, to] = ["abcdefghijklmn"[i], "abcdefghijklmn"[i + 1]];
    bomb.push(`${to}: &${to} [*${from}, *${from}]`);
  }
  for (const text of ["*a", "models: *x", "models: &x [*x]", bomb.join("\n")]) {
    assert.throws(() => readRecipe(text, { file: "f.yml" }), /alias/, text);
  }
});

test("any text is answered", () => {
  const character = fc.constantFrom(..."ab:-#&*{}[]\"'|>%@!? \n\t0.1".split(""));
  fc.assert(
    fc.property(fc.string({ unit: character, maxLength: 60 }), (text) => {
      answers(() => readRecipe(text, { file: "f.yml" }));
      answers(() => readSearchFile(text, { file: "f.yml" }));
    }),
    { numRuns: 1000 },
  );
});
