// The files of an evaluation have lm-eval's names and keys.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { evaluateModel } from "../../src/run/eval/evaluate.ts";
import { requireWritable, timeId, writeResultFiles } from "../../src/run/eval/result-files.ts";
import { folderNameOf } from "../../src/run/eval/result-record.ts";

const MODEL = join(import.meta.dirname, "../../evals/demo/models/math");
const folder = mkdtempSync(join(tmpdir(), "tsmerge-results-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const time = new Date(2026, 10, 22, 10, 4, 5, 60);
const asked = {
  modelName: "org/model",
  modelArgs: { pretrained: "org/model" },
  limit: 8,
  genKwargs: null,
  seeds: { limit: 0, fewshot: 1234 },
  systemInstruction: null,
  chatTemplate: null,
  fewshotAsMultiturn: null,
  started: 1000,
  ended: 1002.5,
};

test("results and samples stand in the model's folder under the time", async () => {
  const store = join(folder, "answers.db");
  const evaluation = await evaluateModel(MODEL, ["demo"], { device: "cpu", store, limit: 8 });
  const options = { path: join(folder, "out"), logSamples: true, predictOnly: false, time };
  const files = await writeResultFiles(evaluation, asked, options);
  const id = "2026-11-22T10-04-05.060000";
  assert.equal(timeId(time), id);
  const own = join(folder, "out", "org__model");
  const tasks = ["code", "geography", "math", "spanish"].map((name) => `demo_${name}`);
  const names = [`results_${id}.json`, ...tasks.map((task) => `samples_${task}_${id}.jsonl`)];
  assert.deepEqual(readdirSync(own).sort(), names.sort());
  assert.deepEqual(files.map((file) => file.slice(own.length + 1)).sort(), names);

  const text = readFileSync(join(own, `results_${id}.json`), "utf8");
  const record = JSON.parse(text);
  const first = [
    ...["results", "groups", "group_subtasks", "configs", "versions", "n-shot"],
    ...["higher_is_better", "n-samples", "config", "git_hash", "date"],
  ];
  assert.deepEqual(Object.keys(record).slice(0, first.length), first);
  const whole = evaluation.results.groups[0]!.metrics.acc!;
  assert.equal(record.results.demo["acc,none"], whole.value);
  assert.equal(record.groups.demo["acc_stderr,none"], whole.stderr);
  assert.equal(record.results.demo.sample_count, 8);
  assert.equal(record.results.demo_math.sample_len, 2);
  assert.equal(record.results.demo_math.alias, " - math");
  assert.deepEqual(record["n-samples"].demo_math, { original: 250, effective: 2 });
  assert.deepEqual(record.higher_is_better.demo_math, { acc: true, acc_norm: true, logprob: true });
  assert.deepEqual(record.group_subtasks, { demo: tasks });
  assert.equal(record.model_name_sanitized, "org__model");
  assert.equal(record.total_evaluation_time_seconds, "2.5");
  assert.match(record.task_hashes.demo_math, /^[0-9a-f]{64}$/);
  assert.deepEqual(record.tsmerge.conditions.bos, { added: true, prefixId: 0 });
  assert.equal(record.tsmerge.intervals.demo.acc.n, 8);

  const lines = readFileSync(join(own, `samples_demo_math_${id}.jsonl`), "utf8").split("\n");
  assert.equal(lines.length, 3);
  const asJson = { ...options, path: join(folder, "single/here.json"), logSamples: false };
  assert.deepEqual(await writeResultFiles(evaluation, asked, asJson), [
    join(folder, "single", `here_${id}.json`),
  ]);
});

test("a model's folder is named as lm-eval names it", () => {
  assert.equal(folderNameOf("meta-llama/Llama-3.2-1B"), "meta-llama__Llama-3.2-1B");
  assert.equal(folderNameOf("/tmp/a:b/*c"), "__tmp__a__b__c");
});

test("a place that cannot be written is told before anything is scored, and nothing is made", async () => {
  const file = join(folder, "taken");
  writeFileSync(file, "");
  await assert.rejects(requireWritable(join(file, "out")), { code: "io" });
  await assert.rejects(requireWritable(file), { message: /which is a file/ });
  const before = readdirSync(folder);
  await requireWritable(join(folder, "new/out"));
  await requireWritable(join(folder, "new/out.json"));
  assert.deepEqual(readdirSync(folder), before);
});
