// Strict JSON: what JSON.parse reads, except that no object may repeat a key.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseJson, readJson } from "../../src/base/json.ts";

test("text without a repeated key reads as JSON.parse reads it", () => {
  fc.assert(
    fc.property(fc.json(), fc.nat(4), (text, indent) => {
      const value: unknown = JSON.parse(text);
      assert.deepEqual(parseJson(JSON.stringify(value, null, indent), "text"), value);
    }),
  );
});

test("a repeated key is found at any depth, however it is escaped", () => {
  fc.assert(
    fc.property(fc.string(), fc.json(), fc.json(), (key, first, second) => {
      const name = JSON.stringify(key);
      const escaped = `"${[...Array(key.length).keys()]
        .map((at) => `\\u${key.charCodeAt(at).toString(16).padStart(4, "0")}`)
        .join("")}"`;
      const text = `[1, {"${key === "x" ? "y" : "x"}": {${name}: ${first}, ${escaped} : ${second}}}]`;
      assert.throws(() => parseJson(text, "text"), { code: "data", where: "text" });
    }),
  );
});

test("the same key in two objects, or as a value, is no repetition", () => {
  const text = '{"a": {"a": "a"}, "b": ["a", "a", {"a": 1}], "c": "{\\"a\\": 1, \\"a\\": 2}"}';
  assert.deepEqual(parseJson(text, "text"), JSON.parse(text));
});

test("a key named __proto__ is data", () => {
  assert.deepEqual(Object.keys(parseJson('{"__proto__": 1}', "text") as object), ["__proto__"]); // an object
});

test("nesting that would overflow a stack is refused", () => {
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  assert.equal(JSON.stringify(parseJson(nested(256), "text")), nested(256));
  assert.throws(() => parseJson(nested(100_000), "text"), { code: "data", where: "text" });
});

test("malformed text and a missing file say what and where", async () => {
  assert.throws(() => parseJson('{"a": ', "model/config.json"), {
    code: "data",
    where: "model/config.json",
    message: /^not valid JSON: /,
  });
  await assert.rejects(readJson("/nowhere/config.json"), {
    code: "io",
    message: /^cannot read \/nowhere\/config\.json: /,
  });
});
