// Every local layout of the reference data: found, counted and in the columns that task files name.

import assert from "node:assert/strict";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { type DatasetReference, readSplit } from "../../src/evals/datasets/read.ts";
import { parseBbhPrompt, wikiPages } from "../../src/evals/datasets/shapes.ts";
import { DATA_DIR, skipWithoutShared } from "./shared.ts";

function reference(path: string, name?: string, dataFiles?: unknown): DatasetReference {
  return { path, name, dataFiles, where: "quiz.yaml" };
}

for (const [path, name, split, rows, columns] of [
  ["allenai/ai2_arc", "ARC-Easy", "train", 2251, ["question", "choices", "answerKey"]],
  ["allenai/ai2_arc", "ARC-Easy", "test", 2376, ["question", "choices", "answerKey"]],
  ["allenai/ai2_arc", "ARC-Challenge", "validation", 299, ["question", "choices", "answerKey"]],
  ["Rowan/hellaswag", undefined, "validation", 1000, ["query", "choices", "gold"]],
  ["winogrande", "winogrande_xl", "train", 40398, ["sentence", "option1", "answer"]],
  ["winogrande", "winogrande_xl", "validation", 1267, ["sentence", "option1", "answer"]],
  ["baber/piqa", undefined, "train", 16113, ["goal", "sol1", "sol2", "label"]],
  ["baber/piqa", undefined, "validation", 1838, ["goal", "sol1", "sol2", "label"]],
  ["super_glue", "boolq", "validation", 3270, ["question", "passage", "label"]],
  ["openbookqa", "main", "train", 4957, ["question_stem", "choices", "answerKey"]],
  ["openbookqa", "main", "test", 500, ["question_stem", "choices", "answerKey"]],
  ["truthful_qa", "multiple_choice", "validation", 817, ["question", "mc1_targets", "mc2_targets"]],
  ["gsm8k", "main", "train", 7473, ["question", "answer"]],
  ["gsm8k", "main", "test", 1319, ["question", "answer"]],
  ["EleutherAI/wikitext_document_level", "wikitext-2-raw-v1", "test", 62, ["page"]],
  ["EleutherAI/lambada_openai", "default", "test", 5153, ["text"]],
  ["google/IFEval", undefined, "train", 541, ["prompt", "instruction_id_list", "kwargs"]],
  ["lukaemon/bbh", "snarks", "test", 178, ["input", "target"]],
  ["lukaemon/bbh", "snarks", "shots", 3, ["input", "target", "reasoning"]],
  ["openai_humaneval", undefined, "test", 164, ["prompt", "canonical_solution", "test"]],
  ["cais/mmlu", "anatomy", "test", 135, ["question", "choices", "answer", "subject"]],
] as const) {
  test(`${path} ${name ?? ""} ${split} has ${rows} rows`, { skip: skipWithoutShared }, async () => {
    const found = await readSplit(reference(path, name), split, {
      dataDir: DATA_DIR,
    });
    assert.equal(found.rows.length, rows);
    for (const column of columns) assert.notEqual(found.rows.at(-1)?.[column], undefined, column);
    for (const hash of Object.values(found.files)) assert.match(hash, /^[0-9a-f]{64}$/);
  });
}

test("a truncated file is refused with both counts", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tsmerge-data-"));
  await writeFile(join(folder, "test.jsonl"), '{"question":"1+1?","answer":"#### 2"}\n');
  await assert.rejects(
    readSplit(reference("gsm8k", "main"), "test", { dataDir: folder }),
    /found 1 rows instead of 1319/,
  );
  await assert.rejects(
    readSplit(reference("gsm8k", "main"), "train", { dataDir: folder }),
    /no data found for gsm8k; looked in/,
  );
  await assert.rejects(
    readSplit(reference("gsm9k"), "test", { dataDir: folder }),
    /did you mean "gsm8k"/,
  );
  await assert.rejects(
    readSplit(reference("gsm8k", "main"), "dev", { dataDir: folder }),
    /has no split dev/,
  );
});

test("a task's own files are read beside it, by split", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tsmerge-data-"));
  await writeFile(join(folder, "a.jsonl.gz"), gzipSync('{"q":1}\n{"q":2}\n'));
  await writeFile(join(folder, "b.csv"), 'q,r\n"3,5",x\n');
  await writeFile(join(folder, "c.json"), '{"canary":"x","rows":[{"q":4}]}');
  const dataFiles = { test: ["a.jsonl.gz", "b.csv", "c.json"] };
  const own = { ...reference("json", undefined, dataFiles), where: join(folder, "quiz.yaml") };
  const { rows } = await readSplit(own, "test", {});
  assert.deepEqual(rows, [{ q: 1 }, { q: 2 }, { q: "3,5", r: "x" }, { q: 4 }]);
  await assert.rejects(readSplit(own, "train", {}), /no files for the split train/);
});

test("pages begin at titles of one level", () => {
  const pages = wikiPages(" \n = A = \n \n = = B = = \n text\n = C = \n");
  assert.deepEqual(
    pages.map(({ page }) => page),
    [" = A = \n \n = = B = = \n text", " = C = \n"],
  );
});

test("worked examples are cut into question, reasoning and answer", () => {
  const text =
    "canary\n-----\nSay it.\n\nQ: a?\nA: Let's think step by step.\nHm. So the answer is (A).\n";
  assert.deepEqual(parseBbhPrompt(text, "x"), {
    instruction: "Say it.",
    shots: [{ input: "a?", target: "(A)", reasoning: "Hm. So the answer is (A)." }],
  });
});

test("JSON lines may be called .json, and columns be cut by tabs", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tsmerge-data-"));
  await writeFile(join(folder, "a.json"), '{"q":1}\n{"q":2}\n');
  await writeFile(join(folder, "b.tsv"), "q\tr\nx, y\tz\n");
  await writeFile(join(folder, "c.txt"), "x");
  const named = (test: string) => ({
    ...reference("json", undefined, { test }),
    where: join(folder, "quiz.yaml"),
  });
  assert.deepEqual((await readSplit(named("a.json"), "test", {})).rows, [{ q: 1 }, { q: 2 }]);
  assert.deepEqual((await readSplit(named("b.tsv"), "test", {})).rows, [{ q: "x, y", r: "z" }]);
  await assert.rejects(readSplit(named("c.txt"), "test", {}), /says no known format/);
});
