// Templates of task files over a document, and Python's literals.

import assert from "node:assert/strict";
import { test } from "node:test";
import { pythonLiteral } from "../../src/evals/python/literal.ts";
import { compileTemplate } from "../../src/evals/tasks/template.ts";

const ROW = {
  question: "\x1c hi\ufeff ",
  choices: { text: ["it's", "b"], label: ["1", "2"] },
  answerKey: "2",
  n: 3,
  flag: true,
  nothing: null,
};

for (const [template, expected] of [
  ["{{choices.label.index(answerKey)}}", 1],
  ["{{choices.text}}", ["it's", "b"]],
  ["{{[n, answerKey]}}", [3, "2"]],
  ["{{n}}", 3],
  ["{{n}} {{flag}} {{nothing}}", "3 True None"],
  ["Q: {{question.strip()}}\n", "Q: hi\ufeff\n"],
  ["Q:\r\n{{n}}\r\n", "Q:\n3\n"],
  ["{{'aBC d'.capitalize()}}", "Abc d"],
  ["{{' a  b '.split()|join('-')}}", "a-b"],
  ["{{'a b c'.split(' ')[:-1]|join(' ')}}", "a b"],
  ["{{'-'.join(choices.label)}}", "1-2"],
  ["{{'a1b'|regex_replace('\\\\d', '#')}}", "a#b"],
  ["{% for c in choices.text %}{{loop.index}}{{c}} {% endfor %}", "1it's 2b "],
  ["{% set m = n|int - 1 %}{{m}}", "2"],
  ["{% if n > 2 %}many{% else %}few{% endif %}", "many"],
  ["{{'x' if gone is defined else 'y'}}", "y"],
  ["{{gone if gone is defined}}", ""],
  ["[{{gone if gone is defined}}]", "[]"],
  ["{{n == '3'}} {{n == 3}} {{flag == 1}} {{answerKey != 2}}", "False True True True"],
  ["{{choices.label == ['1', '2']}} {{nothing == none}}", "True True"],
] as const) {
  test(`${template} renders as in Python's Jinja`, () => {
    assert.deepEqual(compileTemplate(template, "t.yaml, doc_to_text")(ROW), expected);
  });
}

test("a column that is not there, or a broken template, names file and field", () => {
  assert.throws(() => compileTemplate("{{gone}}!", "t.yaml, doc_to_text")(ROW), {
    message: /there is no column gone/,
    where: "t.yaml, doc_to_text",
  });
  assert.throws(() => compileTemplate("{{n", "t.yaml, doc_to_text"), /cannot render/);
  assert.throws(
    () => compileTemplate("{{choices.label.index('9')}}", "t.yaml")(ROW),
    /"9" is not in/,
  );
});

for (const [template, message] of [
  [
    "{{answerkey}}",
    /no column answerkey; did you mean "answerKey"\?; the columns are question, ch/,
  ],
  ["{{gone}}{{'x' if n is defined}}", /there is no column gone/],
  ["{{choices.txt}}", /there is no choices\.txt/],
  ["{{choices.text[2]}}", /there is no choices\.text\[2\]/],
  ["{% for c in choices.txt %}{{c}}{% endfor %}", /there is no choices\.txt/],
  ["{% if gone %}x{% endif %}", /there is no column gone/],
  ["{{'x' if gone.far is defined else 'y'}}", /there is no column gone/],
] as const) {
  test(`${template} uses what is not there, which is an error as in lm-eval`, () => {
    assert.throws(() => compileTemplate(template, "t.yaml, doc_to_text")(ROW), {
      message,
      where: "t.yaml, doc_to_text",
    });
  });
}

test("what may be missing can be asked for", () => {
  const render = (source: string): unknown => compileTemplate(source, "t.yaml")(ROW);
  assert.equal(render("{{gone|default('none')}}"), "none");
  assert.equal(render("{% if gone is not defined or gone %}a{% endif %}"), "a");
  assert.equal(render("{{'x' if choices.txt is undefined else 'y'}}"), "x");
  assert.equal(render("{% set m = n %}{% if m is defined and m > 2 %}{{m}}{% endif %}"), "3");
});

test("Python's literals", () => {
  assert.deepEqual(pythonLiteral("['a', \"it's\", 1, -2.5, True, None, ('x',)]"), [
    ...["a", "it's", 1, -2.5, true, null],
    ["x"],
  ]);
  assert.deepEqual(pythonLiteral(String.raw`['a\'b\n\d']`), ["a'b\n\\d"]);
  assert.deepEqual(pythonLiteral("[]"), []);
  for (const text of ["[1", "['a' 'b']", "f(1)", "[1] 2", "'a"]) {
    assert.throws(() => pythonLiteral(text), /is not a Python list/, text);
  }
});
