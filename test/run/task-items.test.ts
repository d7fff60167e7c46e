// Tasks in lm-evaluation-harness's format as a search's questions: dealt like any others, and refused where a
// report could not count right answers.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import type { Metric } from "../../src/evals/metrics.ts";
import { loadRunItems, type RunItems } from "../../src/run/items.ts";

const DATA = resolve(import.meta.dirname, "../../../shared/datasets");
const skip = existsSync(DATA) ? false : `no reference data in ${DATA}`;

function load(name: string, metric: Metric): Promise<RunItems> {
  return loadRunItems({
    tasks: [{ name, weight: 1, metric }],
    dataDir: DATA,
    includePaths: undefined,
    fewshot: undefined,
    limit: undefined,
    limitFirst: undefined,
    reportLimit: 100,
    seed: 1,
  });
}

test("a task with val and test splits is searched on val and reported on test", {
  skip,
}, async () => {
  const { search, selection, report, tasks } = await load("arc_challenge", "logprob");
  assert.equal(search.length + selection.length, 299);
  assert.equal(report.length, 100);
  assert.deepEqual(tasks[0]?.leaves, ["arc_challenge"]);
});

test("a task with one split is dealt by hash", { skip }, async () => {
  const { search, selection, report } = await load("winogrande", "acc");
  assert.ok(search.length > 550 && selection.length > 200, `${search.length}, ${selection.length}`);
  assert.equal(report.length, 100);
});

test("tasks that are not right or wrong, and metrics a task lacks, are refused", {
  skip,
}, async () => {
  await assert.rejects(load("truthfulqa_mc2", "acc"), /has no right and wrong answers/);
  await assert.rejects(load("winogrande", "acc_norm"), /winogrande has no metric acc_norm/);
  await assert.rejects(load("gsm8k", "acc"), /gsm8k has no metric acc/);
});
