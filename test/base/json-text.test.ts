import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { stringifyLike } from "../../src/base/json-text.ts";

test("floats stay floats, changed or not, and integers integers", () => {
  const model =
    '{"eps": 1e-05, "theta": 10000.0, "layers": 2, "rope": {"factors": [1.0, 8]}, "s": "1.0"}';
  const value = { ...JSON.parse(model), theta: 500000, layers: 3, added: 4 };
  assert.equal(
    stringifyLike(value, model),
    JSON.stringify(value, null, 2)
      .replace("500000", "500000.0")
      .replace(/\[\n\s+1,/, (found) => found.replace("1", "1.0")),
  );
});

test("strings that look like numbers, marks or keys of every object are left alone", () => {
  for (const text of [
    '{"a\\"1.0": "x 2.0", "b": [true, null, -3.0, 1E3]}',
    '"\\u0000float"',
    "[]",
  ]) {
    assert.deepEqual(JSON.parse(stringifyLike(JSON.parse(text), text)), JSON.parse(text));
  }
  assert.equal(stringifyLike({ toString: 1 }, "{}"), '{\n  "toString": 1\n}');
});

test("any JSON reads back as it was", () => {
  fc.assert(
    fc.property(fc.json(), fc.json(), (text, model) => {
      const value: unknown = JSON.parse(text);
      assert.deepEqual(JSON.parse(stringifyLike(value, model)), JSON.parse(JSON.stringify(value)));
    }),
  );
});
