// Tasks as users meet them: names, data folders, CSV layouts, prompts, and what is said when one is wrong.

import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, rename, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { TsmergeError } from "../../src/base/errors.ts";
import { parseQuestions } from "../../src/evals/datasets/question-csv.ts";
import { listTasks } from "../../src/evals/tasks/task-folder.ts";
import { loadTasks } from "../../src/evals/tasks/tasks.ts";
import { DATA_DIR, skipWithoutShared } from "./shared.ts";

const temporary = (): Promise<string> => mkdtemp(join(tmpdir(), "tsmerge-tasks-"));

async function failure(promise: Promise<unknown>): Promise<TsmergeError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof TsmergeError, String(error));
  return error;
}

test("the demo needs no data folder and asks for its own files only", async () => {
  const suite = await loadTasks(["demo"], { split: "test" });
  assert.deepEqual(
    suite.leaves.map((leaf) => leaf.task),
    ["demo_math", "demo_geography", "demo_spanish", "demo_code"],
  );
  assert.equal(suite.items.length, 1000);
  const [first] = suite.items;
  assert.equal(first?.context, "Question: Which number is 2 less than 18?\nAnswer:");
  assert.deepEqual(first.continuations, [" 14", " 13", " 16", " 19"]);
  assert.deepEqual([first.gold, first.choices[first.gold]], [2, "16"]);
  assert.equal(Object.keys(suite.files).length, 4);
});

test("a folder of data that is not there is told, whether the tasks need it or not", async () => {
  const error = await failure(loadTasks(["demo"], { split: "test", dataDir: "/no/where" }));
  assert.equal(error.code, "usage");
  assert.match(error.message, /folder of benchmark data \/no\/where does not exist/);
});

test("worked examples are the first rows of dev, each with its answer", async () => {
  const suite = await loadTasks(["demo_math"], { split: "val", fewshot: 2 });
  const shots = suite.items[0]?.context.split("\n\n").slice(0, 2);
  assert.deepEqual(
    shots?.map((shot) => /^Question: .+\nAnswer: .+$/.test(shot)),
    [true, true],
  );
  assert.equal(suite.leaves[0]?.fewshot, 2);
  const plain = await loadTasks(["demo_math"], { split: "val" });
  assert.equal(
    plain.items[0]?.hash,
    suite.items[0]?.hash,
    "the item is the same however it is asked",
  );
  assert.notEqual(plain.dataHash, suite.dataHash);
});

test("more examples than dev has are refused", async () => {
  const many = await failure(loadTasks(["demo"], { split: "val", fewshot: 6 }));
  assert.match(many.message, /has 5 example questions, fewer than the 6/);
});

test("an unknown task names the nearest and lists what there is", async () => {
  const error = await failure(loadTasks(["mmlu_anatmy"], { split: "val" }));
  assert.match(error.message, /"mmlu_anatmy"; did you mean "mmlu_anatomy"\?/);
  assert.match(error.hint ?? "", /groups are .*demo, .*mmlu, .*mmlu_stem/);
});

test("mmlu has 57 subjects in four categories, and the names of all are listed", {
  skip: skipWithoutShared,
}, async () => {
  const { groups, leaves } = await loadTasks(["mmlu"], { split: "val", dataDir: DATA_DIR });
  assert.deepEqual(
    groups[0]?.groups.map(({ task, alias, leaves }) => [task, alias, leaves.length]),
    [
      ["mmlu_stem", "stem", 19],
      ["mmlu_other", "other", 13],
      ["mmlu_social_sciences", "social_sciences", 12],
      ["mmlu_humanities", "humanities", 13],
    ],
  );
  const total = ["dev", "validation", "test"].map((split) =>
    leaves.reduce((sum, { documents }) => sum + documents.config.rows![split]!, 0),
  );
  assert.deepEqual(total, [285, 1531, 14042]);
  const listed = await listTasks();
  assert.ok(leaves.every(({ task }) => listed.get(task)?.kind === "task"));
  assert.equal(listed.get("mmlu_stem")?.kind, "group");
});

test("a subject with a count too few is named with its file", async () => {
  const folder = await temporary();
  const file = join(folder, "quiz.yaml");
  const lines = ["group: quiz", "subjects:", "  include: _one.yaml", "  splits: [dev, test]"];
  await writeFile(file, [...lines, "  categories: { all: { one: [5] } }"].join("\n"));
  await writeFile(join(folder, "_one.yaml"), "output_type: multiple_choice\n");
  const error = await failure(listTasks([folder]));
  assert.match(error.message, /field subjects: one has 1 counts for 2 splits/);
  assert.equal(error.where, file);
});

test("missing data: one message with the folders tried, the layout and the flag", async () => {
  const none = await failure(loadTasks(["mmlu"], { split: "test" }));
  assert.match(none.message, /^no data found for cais\/mmlu$/);
  assert.match(none.hint ?? "", /--data DIR.*DIR\/mmlu .*test\/abstract_algebra_test\.csv/);
  const empty = await temporary();
  const elsewhere = await failure(loadTasks(["mmlu"], { split: "test", dataDir: empty }));
  assert.ok(elsewhere.message.includes(join(empty, "mmlu")));
});

test("--data takes the mmlu folder or its parent", { skip: skipWithoutShared }, async () => {
  const parent = await loadTasks(["mmlu_anatomy"], { split: "val", dataDir: DATA_DIR });
  const folder = await loadTasks(["mmlu_anatomy"], {
    split: "val",
    dataDir: join(DATA_DIR, "mmlu"),
  });
  assert.deepEqual(folder.items, parent.items);
  assert.equal(folder.dataHash, parent.dataHash);
  assert.equal(parent.leaves[0]?.fewshot, 5);
});

test("a file of another length is refused with both counts", {
  skip: skipWithoutShared,
}, async () => {
  const root = await temporary();
  await mkdir(join(root, "val"), { recursive: true });
  const file = join(root, "val", "anatomy_val.csv");
  await writeFile(file, "question,choice0,choice1,choice2,choice3,answer\nWhy?,a,b,c,d,0\n");
  const error = await failure(loadTasks(["mmlu_anatomy"], { split: "val", dataDir: root }));
  assert.match(error.message, /found 1 rows instead of 14/);
  assert.equal(error.where, file);
});

test("a subject's missing file is named", { skip: skipWithoutShared }, async () => {
  const root = await temporary();
  await cp(join(DATA_DIR, "mmlu", "val"), join(root, "val"), { recursive: true });
  const gone = join(root, "val", "virology_val.csv");
  await rename(gone, `${gone}.away`);
  const options = { split: "val", dataDir: root, fewshot: 0 } as const;
  const error = await failure(loadTasks(["mmlu"], options));
  assert.match(error.hint ?? "", /virology_val\.csv/);
});

test("both CSV layouts give the same questions", () => {
  const withHeader = parseQuestions(
    'question,choice0,choice1,choice2,choice3,answer\n"Who, ""when""?",a,b,c,"d\ne",3\n',
    "x.csv",
  );
  const published = parseQuestions('"Who, ""when""?",a,b,c,"d\ne",D\n', "x.csv");
  assert.deepEqual(withHeader, [
    { question: 'Who, "when"?', choices: ["a", "b", "c", "d\ne"], answer: 3 },
  ]);
  assert.deepEqual(published, withHeader);
});

test("a wrong answer or column count names file and row", () => {
  assert.throws(
    () => parseQuestions("Q,a,b,c,d,E\n", "x.csv"),
    (error: unknown) => {
      assert.ok(error instanceof TsmergeError);
      assert.equal(error.where, "x.csv, row 1");
      return error.message === 'the answer is "E"';
    },
  );
  assert.throws(() => parseQuestions("Q,a,b,c,0\n", "x.csv"), /expected 6 columns, found 5/);
  assert.throws(() => parseQuestions("Q,a,b,c,d,0\nQ,a\n", "x.csv"), /not a CSV file of questions/);
});

test("a user's task file is found in its folder, and a wrong key in it is named", async () => {
  const folder = await temporary();
  const file = join(folder, "quiz.yaml");
  const lines = [
    "task: quiz",
    "dataset_path: json",
    "dataset_kwargs: { data_files: { test: quiz.jsonl } }",
    "test_split: test",
    "output_type: multiple_choice",
    'doc_to_text: "{{question.strip()}}"',
    "doc_to_choice: choices",
    "doc_to_target: answer",
  ];
  await writeFile(file, lines.join("\n"));
  const row = { question: " Q{choice0}? ", choices: ["a", "b"], answer: 1 };
  await writeFile(join(folder, "quiz.jsonl"), JSON.stringify(row));
  const options = { split: "test", includePaths: [folder] } as const;
  const suite = await loadTasks(["quiz"], options);
  assert.equal(suite.items[0]?.context, "Q{choice0}?");
  await writeFile(file, [...lines, "doc_to_txt: x", "rows: { test: 2 }"].join("\n"));
  const error = await failure(loadTasks(["quiz"], options));
  assert.match(error.message, /found 1 rows instead of 2/);
  assert.equal(error.where, file);
  await writeFile(file, [...lines, "doc_to_txt: x"].join("\n"));
  const { warnings } = await loadTasks(["quiz"], options);
  assert.match(warnings.join(), /doc_to_txt means nothing.*did you mean "doc_to_text"/);
});

test("what makes a question the same can be said apart from how it is asked", async () => {
  const folder = await temporary();
  const row = { question: "one and one", a: "two", b: "three" };
  await writeFile(join(folder, "quiz.jsonl"), JSON.stringify(row));
  const lines = [
    "dataset_path: json",
    "dataset_kwargs: { data_files: { test: quiz.jsonl } }",
    "test_split: test",
    "output_type: multiple_choice",
    'doc_to_identity: "{{[question, a, b]}}"',
    "doc_to_target: 0",
  ];
  const letters = ["task: letters", 'doc_to_text: "{{question}} A {{a}} B {{b}}"'];
  const options = ["task: options", "doc_to_text: question", 'doc_to_choice: "{{[a, b]}}"'];
  const files = { letters: [...letters, "doc_to_choice: [A, B]"], options };
  for (const [name, own] of Object.entries(files)) {
    await writeFile(join(folder, `${name}.yaml`), [...lines, ...own].join("\n"));
  }
  const { items } = await loadTasks(["letters", "options"], {
    split: "test",
    includePaths: [folder],
  });
  assert.equal(items.length, 2);
  assert.equal(items[0]?.hash, items[1]?.hash);
  assert.deepEqual(items[0]?.choices, ["A", "B"]);
});

test("options of generation are told to change nothing where no task generates", async () => {
  const { warnings } = await loadTasks(["demo_math"], {
    split: "test",
    genKwargs: { max_gen_toks: 8 },
  });
  assert.deepEqual(warnings, [
    "the options of generation change nothing: no task here generates text",
  ]);
});

test("rows that cannot be asked are told: no rows, no choices, an answer that is no choice", async () => {
  const folder = await temporary();
  const yaml = (name: string) => `task: ${name}
dataset_path: json
dataset_kwargs: {data_files: {test: ${name}.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{q}}"
doc_to_target: "{{a}}"
doc_to_choice: "{{c}}"
`;
  const ask = async (name: string, rows: readonly object[]) => {
    await writeFile(join(folder, `${name}.yaml`), yaml(name));
    await writeFile(
      join(folder, `${name}.jsonl`),
      rows.map((row) => JSON.stringify(row)).join("\n"),
    );
    return loadTasks([name], { split: "test", includePaths: [folder] });
  };
  assert.match((await failure(ask("rowless", []))).message, /rowless has no question in its split/);
  const choiceless = await failure(ask("choiceless", [{ q: "x", a: 0, c: [] }]));
  assert.match(choiceless.message, /field doc_to_choice gives (\[\]|"\[\]")/);
  const word = await failure(ask("word", [{ q: "x", a: 0, c: "xy" }]));
  assert.match(word.message, /field doc_to_choice gives "xy"/);
  assert.match(word.where ?? "", /word\.yaml$/);
  const { warnings } = await ask("beyond", [
    { q: "x", a: 0, c: [" a", " b"] },
    { q: "y", a: 7, c: [" a", " b"] },
  ]);
  assert.match(warnings.join(), /^question 1 of beyond: the right answer is none of the choices/);
});
