// The forms that published guides use do what goldens/merge/guides/expected.json states.

import assert from "node:assert/strict";
import { test } from "node:test";
import { renderError, TsmergeError } from "../../src/base/errors.ts";
import { readRecipe } from "../../src/recipe/read.ts";
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
