// MMLU prompts and metrics against lm-evaluation-harness's own, run with a fake model.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { summarise } from "../../src/evals/results.ts";
import { limitFirst } from "../../src/evals/splits.ts";
import { loadTasks, type Suite } from "../../src/evals/tasks/tasks.ts";
import { DATA_DIR, fakeScores, GOLDENS, requestsHash, skipWithoutShared } from "./shared.ts";

interface Golden {
  readonly n_requests: number;
  readonly all_requests_sha256: string;
  readonly first_context: string;
  readonly results: Record<string, Record<string, number>>;
}

function golden(run: string): Golden {
  const file: Record<string, Golden> = JSON.parse(
    readFileSync(join(GOLDENS, "lm-eval.json"), "utf8"),
  );
  return file[run]!;
}

function assertReproduces(suite: Suite, expected: Golden): void {
  assert.equal(suite.items.length * 4, expected.n_requests);
  assert.equal(suite.items[0]?.context, expected.first_context);
  assert.equal(requestsHash(suite.items), expected.all_requests_sha256);
  const result = summarise(suite, fakeScores(suite.items));
  const found = new Map([...result.tasks, ...result.groups].map((each) => [each.task, each]));
  assert.deepEqual([...found.keys()].sort(), Object.keys(expected.results).sort());
  for (const [task, metrics] of Object.entries(expected.results)) {
    const acc = found.get(task)?.metrics.acc;
    assert.ok(acc !== undefined && acc.stderr !== null, task);
    const size = metrics.sample_len ?? metrics.sample_count;
    if (typeof size === "number") assert.equal(acc.n, size, task);
    assert.ok(Math.abs(acc.value - metrics["acc,none"]!) <= 1e-9, `${task}: ${acc.value}`);
    assert.ok(Math.abs(acc.stderr - metrics["acc_stderr,none"]!) <= 1e-9, `${task} stderr`);
  }
}

for (const [run, tasks, fewshot, limit] of [
  ["mmlu_5shot", ["mmlu"], undefined, undefined],
  ["mmlu_0shot", ["mmlu"], 0, undefined],
  ["mmlu_abstract_algebra_5shot_limit10", ["mmlu_abstract_algebra"], 5, 10],
  ["mmlu_stem_5shot_limit_frac", ["mmlu_stem"], 5, 0.05],
] as const) {
  test(`${run}: every request, metric and standard error is lm-eval's`, {
    skip: skipWithoutShared,
  }, async () => {
    const suite = await loadTasks(tasks, { split: "test", dataDir: DATA_DIR, fewshot });
    const items = limit === undefined ? suite.items : limitFirst(suite.items, limit);
    assertReproduces({ ...suite, items }, golden(run));
  });
}
