// What a plan holds otherwise than mergekit's is told, by tensor, and under compat nothing is.

import assert from "node:assert/strict";
import { test } from "node:test";
import { countFixes, type Fix, type FixName } from "../../src/merge/fixes.ts";
import { compileRecipe } from "../../src/recipe/compile/compile.ts";
import type { LoadedModels } from "../../src/recipe/compile/models.ts";
import { readRecipe } from "../../src/recipe/yaml/read.ts";
import { inventedModels } from "./golden-models.ts";

function fixesOf(text: string, models: LoadedModels, compat = false): Fix[] {
  const names: FixName[] = [];
  const { recipe } = readRecipe(text, { file: "r.yml", compat });
  compileRecipe(recipe, { models, seed: 3, compat, onFix: (name) => names.push(name) });
  return countFixes(names);
}

const linear = (weight: string) =>
  `merge_method: linear\nmodels: [{model: a}, {model: b}]\nparameters: {weight: ${weight}}\n`;
const PLAIN = linear("1");

const CASES: readonly [string, string, LoadedModels, Fix[]][] = [
  ["equal models", PLAIN, inventedModels(["a", "b"]), []],
  [
    "gradients that reach norm and head",
    linear("[0, 1]"),
    inventedModels(["a", "b"]),
    [{ name: "depth", tensors: 2 }],
  ],
  ["gradients that end where they begin", linear("[1, 0, 1]"), inventedModels(["a", "b"]), []],
  [
    "methods that mergekit promotes",
    "merge_method: arcee_fusion\nbase_model: a\nmodels: [{model: a}, {model: b}]\n",
    inventedModels(["a", "b"]),
    [{ name: "type", tensors: 39 }],
  ],
  [
    "an output type that is chosen",
    "merge_method: arcee_fusion\nbase_model: a\nmodels: [{model: a}, {model: b}]\nout_dtype: bfloat16\n",
    inventedModels(["a", "b"]),
    [],
  ],
  [
    "configurations that differ, without a base",
    PLAIN,
    inventedModels(["a", "b"], { b: { raw: { rope_theta: 1 } } }),
    [{ name: "donor", tensors: 1 }],
  ],
  [
    "a configuration with another vocabulary than its embeddings",
    PLAIN,
    withVocabulary(20),
    [{ name: "vocabulary", tensors: 1 }],
  ],
  [
    "a head that one model has and the other ties",
    PLAIN,
    inventedModels(["a", "b"], { b: { tied: true, raw: { tie_word_embeddings: true } } }),
    [
      { name: "donor", tensors: 1 },
      { name: "tied", tensors: 1 },
    ],
  ],
  [
    "heads that are stored and never read",
    PLAIN,
    inventedModels(["a", "b"], {
      a: { raw: { tie_word_embeddings: true } },
      b: { raw: { tie_word_embeddings: true } },
    }),
    [{ name: "unread", tensors: 1 }],
  ],
];

/** Models a and b of 16 embeddings whose configuration says otherwise. */
function withVocabulary(size: number): LoadedModels {
  const models = inventedModels(["a", "b"]);
  return new Map(
    [...models].map(([name, model]) => {
      const raw = { ...model.config.raw, vocab_size: size };
      return [name, { ...model, config: { ...model.config, raw } }];
    }),
  );
}

for (const [name, text, models, fixes] of CASES) {
  test(`${name}: ${fixes.map((fix) => fix.name).join() || "nothing"} told`, () => {
    assert.deepEqual(fixesOf(text, models), fixes);
    assert.deepEqual(fixesOf(text, models, true), [], "compat");
  });
}
