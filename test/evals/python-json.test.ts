// Against CPython 3.11's repr, str and json.dumps.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PythonFloat, pythonFloat, pythonJson, pythonStr } from "../../src/evals/python/json.ts";

test("floats are written as repr writes them", () => {
  const written: Record<string, number> = {
    "1.0": 1,
    "0.1": 0.1,
    "-0.0": -0,
    "1e-05": 1e-5,
    "0.0001": 0.0001,
    "1.2345678901234568e+17": 123456789012345680,
    "1e+16": 1e16,
    "1000000000000000.0": 1e15,
    "9999999999999998.0": 9999999999999998,
    "1.5e-07": 1.5e-7,
    "5e-324": 5e-324,
    "1.7976931348623157e+308": 1.7976931348623157e308,
    "-42.939": -42.939,
    "100.0": 100,
    "12345.678": 12345.678,
    "0.6666666666666666": 2 / 3,
    "-Infinity": -Infinity,
    NaN: Number.NaN,
  };
  for (const [text, value] of Object.entries(written)) assert.equal(pythonFloat(value), text);
});

test("a float reads back as itself", () => {
  const double = fc.double({ noNaN: true, noDefaultInfinity: true });
  fc.assert(fc.property(double, (value) => Object.is(Number(pythonFloat(value)), value)));
});

test("JSON has Python's spaces, and text as it is", () => {
  const value = {
    a: [1, 2.5, { b: null, c: true }],
    e: [],
    o: {},
    s: "é\u2028\x7f\x01",
    u: undefined,
  };
  assert.equal(
    pythonJson(value),
    '{"a": [1, 2.5, {"b": null, "c": true}], "e": [], "o": {}, "s": "é\u2028\x7f\\u0001"}',
  );
  assert.equal(
    pythonJson({ a: [1, { b: new PythonFloat(1) }], e: [] }, 2),
    '{\n  "a": [\n    1,\n    {\n      "b": 1.0\n    }\n  ],\n  "e": []\n}',
  );
});

test("any JSON value is read back by JSON.parse", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const expected = JSON.parse(JSON.stringify(value));
      // -0 is one of the few that JSON.stringify loses
      assert.deepEqual(JSON.parse(JSON.stringify(JSON.parse(pythonJson(value, 2)))), expected);
    }),
  );
});

test("str() quotes the texts of a list as repr does", () => {
  const listed = (text: string): string => pythonStr([text]).slice(1, -1);
  assert.equal(pythonStr("it's"), "it's");
  assert.equal(pythonStr(0), "0");
  assert.equal(pythonStr(true), "True");
  assert.equal(pythonStr(["a", 1, null]), "['a', 1, None]");
  assert.equal(listed("it's"), `"it's"`);
  assert.equal(listed('say "hi"'), `'say "hi"'`);
  assert.equal(listed("both ' and \""), `'both \\' and "'`);
  assert.equal(listed("tab\t nl\n \\ \x7f\x00"), "'tab\\t nl\\n \\\\ \\x7f\\x00'");
  assert.equal(
    listed("é 😀 \u200b \u2028 \u00a0 \ufeff \u00ad \u3000 \ue000 \u{e0001}"),
    "'é 😀 \\u200b \\u2028 \\xa0 \\ufeff \\xad \\u3000 \\ue000 \\U000e0001'",
  );
});
