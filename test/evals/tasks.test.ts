// Tasks as users meet them: names, data folders, CSV layouts, prompts, and what is said when one is wrong.

import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, rename, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { TsmergeError } from "../../src/base/errors.ts";
import { parseQuestions } from "../../src/evals/questions.ts";
import { listTasks, loadTasks } from "../../src/evals/tasks.ts";
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

test("more examples than dev has, or dev with its own answers, are refused", async () => {
  const many = await failure(loadTasks(["demo"], { split: "val", fewshot: 6 }));
  assert.match(many.message, /has 5 example questions, fewer than the 6/);
  const own = await failure(loadTasks(["demo"], { split: "dev", fewshot: 1 }));
  assert.match(own.message, /their own answers/);
});

test("an unknown task names the nearest and lists what there is", async () => {
  const error = await failure(loadTasks(["mmlu_anatmy"], { split: "val" }));
  assert.match(error.message, /"mmlu_anatmy"; did you mean "mmlu_anatomy"\?/);
  assert.match(error.hint ?? "", /demo, mmlu, mmlu_stem/);
});

test("mmlu has 57 subjects in four categories", async () => {
  const entry = (await listTasks()).get("mmlu");
  assert.ok(entry?.kind === "group");
  assert.deepEqual(
    entry.group.groups.map(({ alias, leaves }) => [alias, leaves.length]),
    [
      ["stem", 19],
      ["other", 13],
      ["social_sciences", 12],
      ["humanities", 13],
    ],
  );
  const total = [0, 1, 2].map((split) =>
    entry.group.leaves.reduce((sum, leaf) => sum + leaf.rows[split]!, 0),
  );
  assert.deepEqual(total, [285, 1531, 14042]);
});

test("missing data: one message with the folders tried, the layout and the flag", async () => {
  const none = await failure(loadTasks(["mmlu"], { split: "test" }));
  assert.match(none.message, /^no questions found for mmlu$/);
  assert.match(none.hint ?? "", /--data DIR.*\{dev,val,test\}\/<subject>_<split>\.csv.*data\.tar/);
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
  assert.deepEqual(folder, parent);
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
  assert.match(error.message, /mmlu_anatomy has 1 val questions instead of 14/);
  assert.equal(error.where, file);
});

test("a subject's missing file is named", { skip: skipWithoutShared }, async () => {
  const root = await temporary();
  await cp(join(DATA_DIR, "mmlu", "val"), join(root, "val"), { recursive: true });
  const gone = join(root, "val", "virology_val.csv");
  await rename(gone, `${gone}.away`);
  const options = { split: "val", dataDir: root, fewshot: 0 } as const;
  const error = await failure(loadTasks(["mmlu"], options));
  assert.match(error.message, /cannot read the val questions of mmlu_virology/);
  assert.equal(error.where, gone);
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
  const file = join(folder, "quiz.yml");
  const lines = [
    "name: quiz",
    "version: { group: 1, leaf: 1 }",
    "data: { folder: quiz, ships: true }",
    "fewshot: 0",
    'description: ""',
    'prompt: "{question}"',
    "metrics: [acc]",
    "subjects: { one: [0, 1, 0] }",
  ];
  await writeFile(file, lines.join("\n"));
  await mkdir(join(folder, "quiz", "val"), { recursive: true });
  await writeFile(join(folder, "quiz", "val", "one_val.csv"), " Q{choice0}? ,a,b,c,d,B\n");
  const suite = await loadTasks(["quiz"], { split: "val", includePaths: [folder] });
  assert.equal(suite.items[0]?.context, "Q{choice0}?");
  await writeFile(file, [...lines, "fewshots: 3"].join("\n"));
  const error = await failure(loadTasks(["quiz"], { split: "val", includePaths: [folder] }));
  assert.match(error.message, /fewshots/);
  assert.equal(error.where, file);
});
