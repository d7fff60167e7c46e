// Option values, durations and exit codes: what is taken, what is refused, what the shell hears.

import assert from "node:assert/strict";
import { test } from "node:test";
import { clock } from "../../src/cli/clock.ts";
import { exitCodeOf } from "../../src/cli/failure.ts";
import { listOf, positiveNumber, wholeNumber } from "../../src/cli/values.ts";

test("numbers are taken as they are written, and nothing else is", () => {
  assert.equal(wholeNumber(1)("12"), 12);
  assert.equal(wholeNumber(0)("0"), 0);
  for (const text of ["0", "1.5", "-3", "", " ", "two", "1e400", "9007199254740993"]) {
    assert.throws(() => wholeNumber(1)(text), /expected a whole number of at least 1\./, text);
  }
  assert.equal(positiveNumber("0.5"), 0.5);
  for (const text of ["0", "-1", "", "Infinity", "x"]) {
    assert.throws(() => positiveNumber(text), /expected a number above 0\./, text);
  }
});

test("a list is written with commas, by repeating, or both", () => {
  assert.deepEqual(listOf("c, d,,", listOf("a,b", undefined)), ["a", "b", "c", "d"]);
});

test("durations are what a clock shows", () => {
  assert.deepEqual([0, 65, 3599.6, 7207].map(clock), ["0:00", "1:05", "1:00:00", "2:00:07"]);
});

test("exit codes tell usage, failure and Ctrl-C apart", () => {
  const codes = (["usage", "config", "data", "internal", "interrupted"] as const).map(exitCodeOf);
  assert.deepEqual(codes, [2, 2, 1, 1, 130]);
});
