// Equal values have equal addresses; slips find the name that was meant.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { canonicalJson, contentHash, sha256 } from "../../src/base/hash.ts";
import { didYouMean, suggest } from "../../src/base/suggest.ts";

test("SHA-256 of the standard's example", () => {
  const digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; // FIPS 180-2, B.1
  assert.equal(sha256("abc"), digest);
  assert.equal(sha256(new TextEncoder().encode("abc")), digest);
});

test("the order of keys does not change an address, at any depth", () => {
  const reversed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(reversed);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value)
        .reverse()
        .map(([key, member]) => [key, reversed(member)]),
    );
  };
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      assert.equal(contentHash(reversed(value)), contentHash(value));
      assert.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)));
    }),
  );
  assert.notEqual(contentHash([1, 2]), contentHash([2, 1]));
  assert.equal(canonicalJson({ b: 1, a: undefined }), '{"b":1}');
});

test("a slip is answered, a different word is not", () => {
  const known = ["weight", "density", "lambda"];
  assert.equal(suggest("wieght", known), "weight");
  assert.equal(suggest("temperature", known), undefined);
  assert.equal(suggest("weight", []), undefined);
  assert.equal(didYouMean("densty", known), '; did you mean "density"?');
  assert.equal(didYouMean("temperature", known), "");
});
