import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { renderError } from "../../src/base/errors.ts";
import { type ReadSearchFile, readSearchFile } from "../../src/recipe/search/search-file.ts";

const GENOME = `genome:
  models: [a, b]
  merge_method: dare_ties
  base_model: base
`;

function read(text: string): ReadSearchFile {
  return readSearchFile(text, { file: "e.yml" });
}

function refusal(text: string): string {
  try {
    read(text);
  } catch (error) {
    return renderError(error);
  }
  assert.fail("the file was accepted");
}

test("defaults are filled in", () => {
  const { config } = read(GENOME);
  assert.deepEqual(config, {
    genome: {
      models: ["a", "b"],
      methods: ["dare_ties"],
      base: "base",
      smooth: false,
      filters: [],
      parameters: { density: { lower: 0.05, upper: 1, start: 0.7 } },
      shares: true,
      dtype: "bfloat16",
      randomInit: false,
    },
    tasks: [],
    style: {},
    strategy: "auto",
    sigma: 1 / 6,
    budget: {},
  });
});

test("every key is read", () => {
  const { config } = read(`${GENOME}  layer_groups: 2
  filters: [mlp]
  smooth: true
  normalize: no
  allow_negative_weights: true
  tokenizer_source: base
  dtype: float16
  parameters:
    weight: {start: 0.75}
    density: 0.5
    lambda: {range: [0.5, 1.5], start: 0.9}
tasks:
  - mmlu
  - {name: demo, weight: 2, metric: "acc_norm,none"}
metric: acc
limit: 300
report_limit: 500
num_fewshot: 0
system_instruction: Be brief.
apply_chat_template: true
fewshot_as_multiturn: false
strategy: ga
population: 12
sigma: 0.2
seed: 4
racing: {rule: halving, rungs: 3}
budget: {max_evals: 100, max_items: 9000, minutes: 5, generations: 9}
random_init: true
`);
  assert.deepEqual(config, {
    genome: {
      models: ["a", "b"],
      methods: ["dare_ties"],
      base: "base",
      layers: { groups: 2 },
      smooth: true,
      filters: ["mlp"],
      parameters: {
        weight: { lower: -0.5, upper: 1.5, start: 0.75 },
        density: 0.5,
        lambda: { lower: 0.5, upper: 1.5, start: 0.9 },
        normalize: 0,
      },
      dtype: "float16",
      tokenizerSource: "base",
      randomInit: true,
    },
    tasks: [
      { name: "mmlu", weight: 1, metric: "acc" },
      { name: "demo", weight: 2, metric: "acc_norm" },
    ],
    metric: "acc",
    limit: 300,
    reportLimit: 500,
    fewshot: 0,
    style: { systemInstruction: "Be brief.", chat: { isMultiturn: false } },
    strategy: "ga",
    population: 12,
    sigma: 0.2,
    seed: 4,
    race: { rule: "halving", rungs: 3 },
    budget: { maxEvals: 100, items: 9000, minutes: 5, generations: 9 },
  });
});

test("all problems come at once, each at its line", () => {
  const said = refusal(`genome:
  models: [a, b]
  merge_method: tise
  base_model: c
  layer_granularity: two
  filtres: [x]
taks: []
limit: -1
budget: {max_eval: 3, minutes: 0}
racing: {rule: tset}
`);
  for (const line of [
    'e.yml:3:17: merge_method "tise" is not one of',
    'did you mean "ties"?',
    'e.yml:5:22: layer_granularity "two" is not a number',
    'e.yml:6:3: genome has no key "filtres"; did you mean "filters"?',
    'e.yml:7:1: a search file has no key "taks"; did you mean "tasks"?',
    "e.yml:8:8: limit -1",
    'e.yml:9:10: budget has no key "max_eval"; did you mean "max_evals"?',
    "e.yml:9:32: minutes 0",
    'e.yml:10:16: rule "tset" is not one of test, halving',
  ]) {
    assert.ok(said.includes(line), `${said}\nlacks\n${line}`);
  }
});

test("genes are checked against the method and their own range", () => {
  const said = refusal(`${GENOME}  parameters:
    weight: {start: 3}
    density: {range: [0, 1]}
    rescale: {range: [0, 1]}
    t: 0.5
    lambda: {range: [0, 1, 2]}
`);
  for (const line of [
    "e.yml:6:13: weight starts at 3 in [0, 1.5]",
    "e.yml:7:14: density 0 is outside",
    "e.yml:8:14: rescale is true or false and has no range",
    'e.yml:9:5: a search with dare_ties has no key "t"',
    "e.yml:10:21: range [0,1,2]",
  ]) {
    assert.ok(said.includes(line), `${said}\nlacks\n${line}`);
  }
});

test("models and base are checked against the method", () => {
  const file = (method: string, models: string, base = "") =>
    `genome:\n  models: ${models}\n  merge_method: ${method}\n${base}`;
  assert.match(refusal(file("ties", "[a, b]")), /ties needs a base_model/);
  assert.match(refusal(file("slerp", "[a, b, c]")), /exactly 2 models, and 3/);
  assert.match(refusal(file("slerp", "[a, b]", "  base_model: c\n")), /not one of the models/);
  assert.match(refusal(file("passthrough", "[a]")), /is not one of linear/);
  assert.match(refusal(file("linear", "[]")), /at least 1/);
  const listed = read(file("ties", "[base, a]", "  base_model: base\n"));
  assert.deepEqual(listed.config.genome.models, ["a"]);
  assert.match(listed.notes.join("\n"), /base is the base_model/);
  const unused = read(file("linear", "[a, b]", "  base_model: base\n"));
  assert.equal(unused.config.genome.base, undefined);
  assert.match(unused.notes.join("\n"), /linear has no base/);
});

test("a file of mergekit-evolve is taken, and what differs is noted", () => {
  const { config, notes } = read(`genome:
  models: [a, b]
  merge_method: dare_ties
  base_model: base
  layer_granularity: 8
  normalize: null
  allow_negative_weights: true
tasks:
  - name: x
    weight: 1.0
    metric: acc,none
  - y
limit: 1000
num_fewshot: null
shuffle: true
random_init:
sigma: null
apply_chat_template: true
fewshot_as_multiturn: true
`);
  assert.equal(config.tasks[0]?.metric, "acc");
  assert.equal(config.limit, 1000);
  const said = notes.join("\n");
  assert.deepEqual(config.style, { chat: { isMultiturn: true } });
  for (const word of ["weight", "density", "limit", "shuffle"]) {
    assert.match(said, new RegExp(`\\b${word}\\b`));
  }
});

test("questions are asked in the words of lm-evaluation-harness", () => {
  const style = (lines: string) => read(`${GENOME}tasks: [x]\n${lines}\n`).config.style;
  assert.deepEqual(style(""), {});
  assert.deepEqual(style("apply_chat_template: false\nfewshot_as_multiturn: false"), {});
  assert.deepEqual(style("apply_chat_template: tool_use\nfewshot_as_multiturn: false"), {
    chat: { template: "tool_use", isMultiturn: false },
  });
  assert.deepEqual(style("system_instruction: Be brief."), { systemInstruction: "Be brief." });
  const said = refusal(`${GENOME}tasks: [x]\nfewshot_as_multiturn: true\n`);
  assert.match(said, /e\.yml:6:1: fewshot_as_multiturn needs a conversation/);
  assert.match(said, /apply_chat_template: true/);
});

test("without a metric the note names the one that is used", () => {
  assert.match(read(`${GENOME}tasks: [x]\n`).notes.join("\n"), /e\.yml:5:8: .*logprob/);
  assert.doesNotMatch(read(`${GENOME}tasks: [x]\nmetric: acc\n`).notes.join("\n"), /logprob/);
});

for (const name of ["demo", "guide-evolve", "greedy-soup", "which-method"]) {
  test(`configs/${name}.yml is read`, () => {
    const path = resolve(import.meta.dirname, `../../configs/${name}.yml`);
    const { config } = readSearchFile(readFileSync(path, "utf8"), { file: path });
    assert.equal(config.genome.models.length, 4);
    const base = name === "greedy-soup" ? undefined : "evals/demo/models/base";
    assert.equal(config.genome.base, base);
  });
}

test("a metric may be of generated texts after a filter, and a slip in it is told", () => {
  const task = (metric: string) => read(`${GENOME}tasks: [{name: gsm8k, metric: "${metric}"}]\n`);
  const { config } = task("exact_match,strict-match");
  assert.equal(config.tasks[0]?.metric, "exact_match,strict-match");
  assert.throws(() => task("acc_nrm"), /did you mean "acc_norm"/);
});

test("programs and endpoints are read as sources of fitness", () => {
  const { config } = read(`${GENOME}tasks:
  - {name: mine, command: [node, score.mjs, "{model}"], direction: minimise, timeout: 5}
  - {name: arc_easy, metric: acc, http: {url: "http://h:1/v1/", parallel: 2}}
`);
  assert.deepEqual(config.tasks[0]?.source, {
    ...{ kind: "command", command: ["node", "score.mjs", "{model}"] },
    ...{ timeoutSeconds: 5, retries: 1, isMinimised: true },
  });
  assert.deepEqual(config.tasks[1], {
    ...{ name: "arc_easy", weight: 1, metric: "acc" },
    source: {
      ...{ kind: "http", url: "http://h:1/v1", serve: undefined, model: "{model}" },
      ...{ timeoutSeconds: 60, startSeconds: 300, retries: 2, parallel: 2 },
    },
  });
});

test("keys that do not go together are told", () => {
  const task = (rest: string) => () => read(`${GENOME}tasks: [{name: mine, ${rest}}]\n`);
  assert.throws(task("command: x, metric: acc"), /a program's score is its own metric/);
  assert.throws(task("weight: -1"), /weight -1 is not above 0; what is minimised counts/);
  assert.throws(task("timeout: 3"), /timeout says how a command is run/);
  assert.throws(task('command: x, http: {url: "http://h"}'), /both command and http/);
  assert.throws(task('http: {url: "http://h:{port}"}'), /nothing is started on/);
  assert.throws(task("http: {url: h}"), /not an address/);
  assert.throws(task('http: {url: "http://h", serv: x}'), /did you mean "serve"/);
});

test("a file that is no mapping is one problem", () => {
  assert.match(refusal("- a\n"), /^e\.yml:1:1: a search file is \["a"\]\n/);
});

test("wrong values are told in words", () => {
  const said = refusal(
    `${GENOME}tasks: [{name: x, weight: -1}]\nseed: 1.5\nlimit: many\nsigma: 2\n`,
  );
  for (const line of [
    "e.yml:5:27: weight -1 is not above 0",
    "e.yml:6:7: seed 1.5 is not a whole number",
    'e.yml:7:8: limit "many" is not a number',
    "e.yml:8:8: sigma 2 is not at most 1",
  ]) {
    assert.ok(said.includes(line), `${said}\nlacks\n${line}`);
  }
});
