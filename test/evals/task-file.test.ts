// Task files of a user: what is read, merged, warned of, and refused with file and field before any data.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { TsmergeError } from "../../src/base/errors.ts";
import { loadTasks, type Suite } from "../../src/evals/tasks/tasks.ts";

const QUIZ = [
  "dataset_path: json",
  "dataset_kwargs: { data_files: { test: q.jsonl, train: t.jsonl } }",
  "test_split: test",
  "output_type: multiple_choice",
  'doc_to_text: "{{q}}?"',
  "doc_to_choice: [no, yes]", // YAML 1.1: two booleans
  "doc_to_target: a",
];

async function folderOf(files: Readonly<Record<string, readonly string[]>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "tsmerge-files-"));
  const data = { "q.jsonl": ['{"q":"1","a":0}', '{"q":"2","a":"True"}', '{"q":"3","a":7}'] };
  const train = { "t.jsonl": ['{"q":"t0","a":1}', '{"q":"t1","a":0}'] };
  for (const [name, lines] of Object.entries({ ...data, ...train, ...files })) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), lines.join("\n"));
  }
  return folder;
}

async function load(
  files: Readonly<Record<string, readonly string[]>>,
  task = "quiz",
  fewshot?: number,
): Promise<Suite> {
  const includePaths = [await folderOf(files)];
  return loadTasks([task], { split: "test", includePaths, fewshot });
}

async function failure(promise: Promise<unknown>): Promise<TsmergeError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof TsmergeError, String(error));
  return error;
}

test("a file of one's own: YAML 1.1 booleans, answers by index or text, out of range never right", async () => {
  const { items } = await load({ "quiz.yaml": ["task: quiz", ...QUIZ] });
  assert.deepEqual(
    items.map(({ context, continuations, gold }) => [context, continuations, gold]),
    [
      ["1?", [" False", " True"], 0],
      ["2?", [" False", " True"], 1],
      ["3?", [" False", " True"], -1],
    ],
  );
});

test("includes merge in order, the file's own keys last", async () => {
  const suite = await load({
    "sub/quiz.yaml": ["task: quiz", "include: [../a_yaml, ../b_yaml]", 'target_delimiter: "-"'],
    a_yaml: QUIZ,
    b_yaml: ['doc_to_text: "B {{q}}"', 'target_delimiter: "+"', "num_fewshot: 2"],
    "sub/q.jsonl": ['{"q":"1","a":0}'],
    "sub/t.jsonl": ['{"q":"t0","a":1}', '{"q":"t1","a":0}'],
  }).catch((error: unknown) => error);
  assert.ok(suite instanceof TsmergeError, "without a training split the pool is the test split");
  assert.match(suite.message, /has 1 example questions, fewer than the 2/);
});

test("worked examples use the delimiters and fields of fewshot_config", async () => {
  const { items } = await load(
    {
      "quiz.yaml": [
        ...["task: quiz", ...QUIZ, "training_split: train", 'description: "About {{q}}. "'],
        'fewshot_config: { sampler: first_n, doc_to_text: "S {{q}}:", fewshot_delimiter: "|" }',
      ],
    },
    "quiz",
    2,
  );
  assert.equal(items[0]?.context, "About 1. S t0: True|S t1: False|1?");
});

test("an explicit zero of worked examples stays", async () => {
  const { leaves } = await load(
    { "quiz.yaml": ["task: quiz", ...QUIZ, "num_fewshot: 0"] },
    "quiz",
    3,
  );
  assert.equal(leaves[0]?.fewshot, 0);
});

test("unknown keys are warned of, with the nearest known one", async () => {
  const { warnings } = await load({ "quiz.yaml": ["task: quiz", ...QUIZ, "num_fewshots: 3"] });
  assert.deepEqual(warnings, [
    'quiz.yaml: num_fewshots means nothing to tsmerge; did you mean "num_fewshot"?',
    "question 2 of quiz: the right answer is none of the choices, so every answer counts as wrong",
  ]);
});

test("what needs Python is refused by file and field before any data is read", async () => {
  for (const [line, message] of [
    ["doc_to_text: !function utils.f", /field doc_to_text needs the Python function utils\.f/],
    ["process_docs: !function utils.f", /field process_docs needs the Python function utils\.f/],
    ["process_results: !function utils.f", /field process_results needs/],
    ["metric_list: [{ metric: !function utils.f }]", /field metric_list needs/],
    ["metric_list: [{ metric: brier_score }]", /field metric_list: brier_score is not known/],
    ["class: !function task.Quiz", /field class: this task is a Python class/],
    ["num_fewshot: many", /num_fewshot/],
    ["output_type: multiple_choices", /output_type/],
  ] as const) {
    const key = line.split(":")[0]!;
    const lines = QUIZ.filter((each) => !each.startsWith(`${key}:`));
    const own = ["task: quiz", ...lines, line, 'dataset_name: "gone"'];
    const error = await failure(load({ "quiz.yaml": own, "q.jsonl": ["not JSON"] }));
    assert.match(error.message, message);
    assert.match(error.where ?? "", /quiz\.yaml/);
  }
});

test("a file that includes itself, or a missing file, is named", async () => {
  const cycle = await failure(load({ "quiz.yaml": ["task: quiz", "include: quiz.yaml"] }));
  assert.match(cycle.message, /includes itself/);
  const missing = await failure(load({ "quiz.yaml": ["task: quiz", "include: gone_yaml"] }));
  assert.match(missing.message, /which .*quiz\.yaml includes/);
});

test("keys may be quoted, and a tag is found beside files that cannot be read", async () => {
  const files = {
    "quiz.yaml": ['"task": "quiz"', '"tag": "small"', ...QUIZ],
    "broken.yaml": ["task: broken", "task: twice"],
  };
  const named = await load(files);
  assert.equal(named.items.length, 3);
  const tagged = await load(files, "small");
  assert.deepEqual(
    tagged.leaves.map(({ task }) => task),
    ["quiz"],
  );
  const ours = { ...files, "broken.yaml": ["tag: small", ...files["broken.yaml"]] };
  assert.match((await failure(load(ours, "small"))).message, /Map keys must be unique/);
});

test("groups average what they say, tags only list, and members may override", async () => {
  const files = {
    "one.yaml": ["task: one", "tag: [quizzes]", ...QUIZ],
    "two.yaml": ["task: two", "tag: quizzes", ...QUIZ],
    "group.yaml": [
      "group: both",
      "task: [one, { task: two, num_fewshot: 0, target_delimiter: '-' }]",
      "aggregate_metric_list: [{ metric: acc, weight_by_size: false }]",
    ],
  };
  const group = await load(files, "both");
  assert.deepEqual(group.groups[0]?.metrics, ["acc"]);
  assert.deepEqual(group.groups[0]?.unweighted, ["acc"]);
  assert.deepEqual(group.items.at(-1)?.continuations, ["-False", "-True"]);
  const tag = await load(files, "quizzes");
  assert.deepEqual(
    tag.leaves.map(({ task }) => task),
    ["one", "two"],
  );
  assert.deepEqual(tag.groups[0]?.metrics, []);
  const lost = { "group.yaml": ["group: both", "task: [won]"], "one.yaml": files["one.yaml"] };
  const error = await failure(load(lost, "both"));
  assert.match(error.message, /names the task won, which no file defines; did you mean "one"/);
});
