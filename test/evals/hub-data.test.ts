// Data sets from the hub: what --data does not have comes from there, once, and is asserted like local data.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, test } from "node:test";
import { parquetWriteBuffer } from "hyparquet-writer";
import { type DatasetReference, readSplit } from "../../src/evals/datasets/read.ts";
import { loadTasks } from "../../src/evals/tasks/tasks.ts";
import { FakeHub } from "../hub/server.ts";

const CARD = `---
configs:
- config_name: main
  data_files:
  - split: test
    path: odd/place-*
---
`;
const hub = await FakeHub.open(
  {
    ...{ kind: "dataset", name: "org/quiz" },
    files: {
      "en/test-00000-of-00002.parquet": questions("1+1?", "2+2?"),
      "en/test-00001-of-00002.parquet": questions("3+3?"),
      "en/train-00000-of-00001.parquet": questions("4+4?"),
      "de/test-00000-of-00001.parquet": questions("5+5?"),
    },
  },
  {
    ...{ kind: "dataset", name: "org/carded" },
    files: {
      "README.md": Buffer.from(CARD),
      "odd/place-0.jsonl": Buffer.from('{"question":"6?"}\n'),
    },
  },
  {
    ...{ kind: "dataset", name: "org/script" },
    files: { "script.py": Buffer.from("print()") },
    converted: { "main/test/0000.parquet": questions("7+7?") },
  },
  {
    kind: "dataset",
    name: "gsm8k",
    files: { "main/test.jsonl": Buffer.from('{"question":"8?"}\n') },
  },
  {
    kind: "dataset",
    name: "org/gated",
    files: { "test.csv": Buffer.from("q\n9\n") },
    token: "hf_x",
  },
);
after(() => hub.close());
const root = mkdtempSync(join(tmpdir(), "tsmerge-hub-data-"));
after(() => rmSync(root, { recursive: true }));
afterEach(() => {
  hub.asked.length = 0;
});

const environment = { HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: join(root, "cache"), HOME: root };
const online = { hub: { environment, firstDelayMs: 1 } };
const offline = { hub: { environment: { ...environment, HF_HUB_OFFLINE: "1" } } };

function questions(...texts: string[]): Buffer {
  const columnData = [{ name: "question", data: texts, type: "STRING" as const }];
  return Buffer.from(parquetWriteBuffer({ columnData }));
}

function reference(path: string, name?: string): DatasetReference {
  return { path, name, dataFiles: undefined, where: "quiz.yaml" };
}

test("a split's shards come from the hub, alone and once", async () => {
  const { rows, files } = await readSplit(reference("org/quiz", "en"), "test", online);
  assert.deepEqual(
    rows.map(({ question }) => question),
    ["1+1?", "2+2?", "3+3?"],
  );
  assert.deepEqual(Object.keys(files), [
    "org/quiz/en/test-00000-of-00002.parquet",
    "org/quiz/en/test-00001-of-00002.parquet",
  ]);
  assert.equal(hub.count("hub", "/resolve/"), 2, "neither train nor de");
  hub.asked.length = 0;
  await readSplit(reference("org/quiz", "en"), "test", offline);
  await readSplit(reference("org/quiz", "en"), "train", online);
  assert.equal(hub.asked.filter(({ path }) => path.includes("/revision/")).length, 0);
  await assert.rejects(readSplit(reference("org/quiz", "de"), "test", offline), {
    message:
      /org\/quiz is cached without de\/test-00000-of-00001\.parquet, and HF_HUB_OFFLINE is set$/,
  });
});

test("a local copy goes before the hub", async () => {
  const dataDir = join(root, "local");
  mkdirSync(join(dataDir, "quiz/en"), { recursive: true });
  writeFileSync(join(dataDir, "quiz/en/test.jsonl"), '{"question":"0?"}\n');
  const { rows } = await readSplit(reference("org/quiz", "en"), "test", { ...online, dataDir });
  assert.deepEqual(rows, [{ question: "0?" }]);
  assert.deepEqual(hub.asked, []);
});

test("the card says where files are, and a script's data come from the hub's own copy", async () => {
  const carded = await readSplit(reference("org/carded", "main"), "test", online);
  assert.deepEqual(carded.rows, [{ question: "6?" }]);
  const script = await readSplit(reference("org/script", "main"), "test", online);
  assert.deepEqual(script.rows, [{ question: "7+7?" }]);
});

test("rows from the hub are counted as local ones are", async () => {
  await assert.rejects(readSplit(reference("gsm8k", "main"), "test", online), {
    message: "found 1 rows instead of 1319",
  });
});

test("what is nowhere is told with every way to get it", async () => {
  await assert.rejects(readSplit(reference("org/quiz", "enn"), "test", online), {
    code: "data",
    message: 'the data set org/quiz has no files for the split test of enn; did you mean "en"?',
    hint: "its configurations are de, en",
  });
  await assert.rejects(readSplit(reference("org/quizz", "en"), "test", online), {
    code: "data",
    message:
      /^no data found for org\/quizz, and .* shows no dataset org\/quizz \(401\); did you mean "org\/quiz"\?$/,
    hint: /check the name at .*\/datasets\/org\/quizz.*; or --data DIR, where DIR\/org\/quizz holds a copy/,
  });
  await assert.rejects(readSplit(reference("org/gated"), "test", online), {
    message: /the dataset org\/gated is gated \(401\)$/,
    hint: /accept its conditions.*HF_TOKEN.*; or --data DIR/,
  });
  await assert.rejects(readSplit(reference("lukaemon/bbh", "snarks"), "test", online), {
    message: "no data found for lukaemon/bbh",
    hint: /^--data DIR, where DIR or DIR\/bbh holds bbh\/snarks\.json \(`git clone .*BIG-Bench-Hard DIR\/bbh`\)$/,
  });
});

test("a task's questions and examples come from the hub", async () => {
  const folder = join(root, "tasks");
  mkdirSync(folder);
  writeFileSync(
    join(folder, "quiz.yaml"),
    `task: quiz
dataset_path: org/quiz
dataset_name: en
test_split: test
training_split: train
num_fewshot: 1
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_choice: [even, odd]
doc_to_target: 0
`,
  );
  const suite = await loadTasks(["quiz"], { split: "test", includePaths: [folder], ...online });
  assert.equal(suite.items.length, 3);
  assert.equal(suite.items[0]!.context, "4+4? even\n\n1+1?");
  assert.equal(Object.keys(suite.files).length, 3);
});
