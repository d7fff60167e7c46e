import assert from "node:assert/strict";
import { test } from "node:test";
import { renderEnding } from "../../src/report/ending.ts";
import { type EvolveResult, RESULTS_SCHEMA, type ReportRow } from "../../src/run/evolve/results.ts";

function row(changes: Partial<ReportRow>): ReportRow {
  const score = { value: 0.7, n: 200, stderr: 0.0324, low: 0.6333, high: 0.7593 };
  return {
    role: "parent",
    label: "parent:a",
    won: false,
    bestParent: true,
    score,
    tasks: { quiz: score },
    fitness: -0.9,
    ...changes,
  };
}

function result(changes: Partial<EvolveResult>): EvolveResult {
  return {
    schemaVersion: RESULTS_SCHEMA,
    identity: "0",
    seed: 9,
    metric: "logprob ↑",
    tasks: [{ name: "quiz", weight: 1, metric: "logprob", reported: "acc", direction: "maximise" }],
    reportMetric: "acc ↑",
    isCounted: true,
    improved: false,
    verdict: "no improvement shown",
    winner: { label: "parent:a", recipeHash: "0", recipe: "" },
    report: [row({})],
    shortlist: [],
    search: {
      ended: "12 evaluations done",
      evaluations: 12,
      generations: 2,
      failed: 1,
      items: 1200,
      stopped: 0,
    },
    items: { search: 100, selection: 60, report: 200 },
    reportLooks: 1,
    ...changes,
  };
}

test("every accuracy stands beside its interval and its n, and the verdict follows", () => {
  const text = renderEnding(result({}));
  assert.match(text, /parent:a +\| 0\.700 \| +0\.633–0\.759 \| 200 \|/);
  assert.match(text, /\nno improvement shown\n/);
  assert.match(
    text,
    /12 candidates .* by logprob ↑ on 100 items .*1 failed.* on 60 others.* on 200 .*seed 9/,
  );
});

test("the winner is set off, with its gains and McNemar's p", () => {
  const gain = { delta: 0.123, gained: 40, lost: 15, p: 0.00001, low: 0.05, high: 0.2 };
  const loss = { delta: -0.02, gained: 4, lost: 8, p: 0.3877, low: -0.06, high: 0.021 };
  const winner = row({ role: "winner", label: "1.02", won: true, againstBestParent: gain });
  const text = renderEnding(result({ report: [winner, row({ againstEqualWeights: loss })] }));
  assert.match(text, /\*\*1\.02\*\* .*\| +\+12\.3 \| +\+5\.0 to \+20\.0 \| < 0\.0001 \|/);
  assert.match(text, /parent:a .*\| +−2\.0 \| −6\.0 to \+2\.1 \| +0\.39 \|/);
});

test("a second look at the report items is admitted", () => {
  assert.match(renderEnding(result({ reportLooks: 2 })), /looked at 2 times/);
});

test("many tasks are not spread over columns", () => {
  const { score } = row({});
  const tasks = Object.fromEntries(Array.from({ length: 57 }, (_, i) => [`t${i}`, score]));
  assert.doesNotMatch(renderEnding(result({ report: [row({ tasks })] })), /t56/);
});
