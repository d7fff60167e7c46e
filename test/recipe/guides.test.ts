// The forms that published guides use do what goldens/merge/guides/expected.json states.

import assert from "node:assert/strict";
import { test } from "node:test";
import { renderError, TsmergeError } from "../../src/base/errors.ts";
import { readRecipe } from "../../src/recipe/yaml/read.ts";
import { goldenText, skip } from "./golden-models.ts";

interface Expected {
  readonly equals?: string;
  readonly note?: readonly string[];
  readonly error?: readonly string[];
  readonly compat?: string;
}

const expected: Record<string, Expected> = skip
  ? {}
  : JSON.parse(goldenText("guides/expected.json"));

/** What a user reads, after file, line and column. */
const SENTENCES: Readonly<Record<string, string>> = {
  "slerp-no-base": "no base_model is given: models/alpha, the first source, is it (t = 0)",
  "slerp-no-base-filters": "no base_model is given: models/beta, the first source, is it (t = 0)",
  "slerp-models-and-slices": "models and slices name the same models: the slices hold",
  "linear-no-weights": "no weight is given: every model gets weight 1, the plain average",
  "ties-base-with-parameters": "models/base is the base_model: its weight and density are not used",
  "dare-ties-base-with-parameters":
    "models/base is the base_model: its weight and density are not used",
  "task-arithmetic-base-with-parameters": "models/base is the base_model: its weight is not used",
  "dare-drop-rate": "drop_rate 0.4 is read as density 0.6",
  "dare-drop-rate-conflict":
    "drop_rate 0.9 means density 0.1, but density is 0.5 (keep density and delete dare)",
  "dare-invented-parameters":
    'dare_ties has no parameter "dare_linear" (dare_linear is a merge method: write merge_method: dare_linear at the top)',
  "indentation-lost":
    "the indentation was lost: what belongs to a list entry (parameters:, weight:) stands two spaces to the right of its dash",
  "moe-in-merge-file":
    "moe is not a merge method: a mixture of experts is a program of its own (mergekit-moe), which arrives later",
};

test("every guide that needs a word has its sentence", { skip }, () => {
  const spoken = Object.entries(expected).filter(([, { note, error }]) => note ?? error);
  assert.deepEqual(spoken.map(([name]) => name).sort(), Object.keys(SENTENCES).sort());
});

test("the goldens of guides are there", { skip }, () => {
  assert.equal(Object.keys(expected).length, 13);
});

for (const [name, { note, error, equals, compat }] of Object.entries(expected)) {
  const file = `${name}.yml`;
  const text = goldenText(`guides/${file}`);

  if (equals !== undefined) {
    test(`${name} is read in both modes, with a note`, () => {
      for (const mode of [false, true]) {
        const { notes } = readRecipe(text, { file, compat: mode });
        const said = notes.join("\n");
        for (const word of note ?? []) assert.ok(said.includes(word), `${said} lacks ${word}`);
        const [place, sentence] = (notes[0] ?? "").split(/(?<=:\d+:\d+): /);
        assert.equal(sentence, SENTENCES[name], place);
        assert.equal(notes.length === 0, note === undefined);
        for (const one of notes) assert.match(one, /\.yml:\d+:\d+: /);
      }
    });
  }
  if (error !== undefined) {
    test(`${name} is refused, with every key named`, () => {
      assert.throws(
        () => readRecipe(text, { file }),
        (thrown: unknown) => {
          assert.ok(thrown instanceof TsmergeError);
          const said = renderError(thrown);
          for (const word of error) assert.ok(said.includes(word), `${said} lacks ${word}`);
          assert.ok(said.includes(SENTENCES[name]!), said);
          assert.match(said, /\.yml:\d+:\d+/);
          return true;
        },
      );
    });
    test(`${name} under compat is ${compat === undefined ? "refused too" : "noted"}`, () => {
      if (compat === undefined) {
        assert.throws(() => readRecipe(text, { file, compat: true }), TsmergeError);
        return;
      }
      const said = readRecipe(text, { file, compat: true }).notes.join("\n");
      for (const word of error) assert.ok(said.includes(word), `${said} lacks ${word}`);
    });
  }
}
