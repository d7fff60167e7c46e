// multi_choice_regex finds the choice that lm-evaluation-harness finds: fixtures/multi-choice-regex.json says what
// made its answers.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { choiceFilter } from "../../src/evals/choice-filter.ts";
import { keyOf, scoreItem } from "../../src/evals/metrics.ts";
import { sampleLines } from "../../src/evals/sample-log.ts";
import { loadTasks } from "../../src/evals/tasks/tasks.ts";

interface Goldens {
  readonly steps: readonly Readonly<Record<string, unknown>>[];
  readonly choices: readonly (readonly string[])[];
  readonly cases: readonly (readonly [number, number, string, string])[];
}

const GOLDENS: Goldens = JSON.parse(
  readFileSync(join(import.meta.dirname, "../fixtures/multi-choice-regex.json"), "utf8"),
);

test("the choice a text names is lm-eval's, by pattern, words or letter", () => {
  for (const [step, choices, text, expected] of GOLDENS.cases) {
    const found = choiceFilter(GOLDENS.steps[step]!)(text, GOLDENS.choices[choices]!);
    assert.equal(found, expected, JSON.stringify([step, choices, text]));
  }
});

const folder = mkdtempSync(join(tmpdir(), "tsmerge-choices-"));
after(() => rmSync(folder, { recursive: true, force: true }));

test("a task's own choices are looked for, in scores and logs", async () => {
  const file = (...rows: readonly object[]): string =>
    rows.map((row) => JSON.stringify(row)).join("\n");
  const row = { q: "Which?", choices: ["red", "blue"], a: "(B)" };
  writeFileSync(join(folder, "good.jsonl"), file(row));
  writeFileSync(join(folder, "bad.jsonl"), file({ q: "Which?", options: [], a: "(B)" }));
  for (const name of ["good", "bad"]) {
    const lines = [
      `task: ${name}`,
      "dataset_path: json",
      `dataset_kwargs: { data_files: { test: ${name}.jsonl } }`,
      "test_split: test",
      ...["output_type: generate_until", "doc_to_text: q", "doc_to_target: a"],
      "filter_list: [{ name: pick, filter: [{ function: multi_choice_regex }] }]",
      "metric_list: [{ metric: exact_match }]",
    ];
    writeFileSync(join(folder, `${name}.yaml`), lines.join("\n"));
  }
  const options = { split: "test", includePaths: [folder] } as const;
  const { items, leaves } = await loadTasks(["good"], options);
  const [item] = items;
  const score = scoreItem(keyOf(item!), [], [], ["I say blue"]);
  assert.equal(score.others?.["exact_match,pick"], 1);
  const answer = { logLikelihoods: [], greedy: [], texts: ["I say blue"] };
  const [line] = sampleLines({ item: item!, answer, score, metrics: leaves[0]!.metrics });
  assert.deepEqual(JSON.parse(line!).filtered_resps, ["(B)"]);
  await assert.rejects(loadTasks(["bad"], options), /multi_choice_regex needs a column choices/);
});
