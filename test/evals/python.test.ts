// Python's generator, strings and regular expressions, by values that CPython gives.

import assert from "node:assert/strict";
import { test } from "node:test";
import { pythonRandom } from "../../src/evals/python/random.ts";
import { pythonRegex } from "../../src/evals/python/regex.ts";
import {
  capitalize,
  codePoints,
  isDigit,
  lstrip,
  splitWords,
  strip,
} from "../../src/evals/python/text.ts";

test("Random(1234) gives CPython's words and samples, one after another", () => {
  const words = pythonRandom(1234);
  assert.deepEqual(
    [0, 1, 2, 3].map(() => words.bits(32)),
    [4150886329, 3342196574, 1892932127, 501869158],
  );
  const gsm8k = pythonRandom(1234);
  assert.deepEqual(
    [0, 1, 2].map(() => gsm8k.sample(7473, 5)),
    [
      [6374, 3610, 957, 61, 742],
      [7462, 6610, 4769, 286, 5501],
      [5677, 687, 806, 6279, 2905],
    ],
  );
  assert.deepEqual(pythonRandom(1234).sample(40398, 6), [28883, 7657, 490, 5940, 38156, 2288]);
  const many = pythonRandom(1234).sample(1119, 25);
  assert.deepEqual(many.slice(0, 7), [902, 239, 15, 185, 71, 171, 201]);
  assert.equal(new Set(many).size, 25);
});

test("a small population is drawn from a pool", () => {
  const random = pythonRandom(1234);
  assert.deepEqual(random.sample(10, 3), [7, 1, 0]);
  assert.deepEqual(random.sample(10, 3), [1, 0, 9]);
  assert.throws(() => random.sample(2, 3), /cannot draw 3 of 2/);
});

test("white space, case and length are Python's", () => {
  assert.equal(strip("\x1c\x85\u2028 a\ufeff "), "a\ufeff");
  assert.equal(lstrip("xxyx", "x"), "yx");
  assert.deepEqual(splitWords("  a\x1fb\n c "), ["a", "b", "c"]);
  assert.equal(capitalize("hELLO World"), "Hello world");
  assert.equal(capitalize(""), "");
  assert.equal(codePoints("a😀"), 2);
  assert.deepEqual(["12", "", "1.5", "²", "٣"].map(isDigit), [true, false, false, true, true]);
});

test("regular expressions match as in Python", () => {
  const found = (pattern: string, text: string): string[] => text.match(pythonRegex(pattern)) ?? [];
  assert.deepEqual(found("\\.$", "18.\n"), ["."]);
  assert.deepEqual(found(".+", "a\rb\nc"), ["a\rb", "c"]);
  assert.deepEqual(found("(?s)a.*c", "a\nb\nc"), ["a\nb\nc"]);
  assert.deepEqual(found("\\d+", "x٣4"), ["٣4"]);
  assert.deepEqual(found("#### (\\-?[0-9\\.\\,]+)", "#### -1,000."), ["#### -1,000."]);
  assert.deepEqual(found("\\s", "\ufeff\x1c"), ["\x1c"]);
  assert.deepEqual(found("{x}", "{x}"), ["{x}"]);
  assert.deepEqual(found("[]a]+", "a]b"), ["a]"]);
  assert.throws(() => pythonRegex("(?L)a"), /the flag L/);
});
