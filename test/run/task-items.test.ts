// Tasks in lm-evaluation-harness's format as a search's questions: dealt like any others, and refused where a
// report could not count right answers.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import type { MetricKey } from "../../src/evals/metrics.ts";
import { loadRunItems, type RunItems } from "../../src/run/evolve/items.ts";

const DATA = resolve(import.meta.dirname, "../../../shared/datasets");
const skip = existsSync(DATA) ? false : `no reference data in ${DATA}`;

function load(
  name: string,
  metric: MetricKey | undefined,
  changes: { fewshot?: number; includePaths?: string[] } = {},
): Promise<RunItems> {
  return loadRunItems({
    tasks: [{ name, weight: 1, metric }],
    dataDir: skip ? undefined : DATA,
    includePaths: undefined,
    fewshot: undefined,
    limit: undefined,
    limitFirst: undefined,
    reportLimit: 100,
    seed: 1,
    ...changes,
  });
}

test("a task with val and test splits is searched on val and reported on test", {
  skip,
}, async () => {
  const items = await load("arc_challenge", "logprob");
  const { search, selection, report, tasks, notes, files } = items;
  assert.deepEqual(Object.keys(files), [
    "arc/ARC-Challenge-Dev.jsonl",
    "arc/ARC-Challenge-Test.jsonl",
  ]);
  assert.equal(search.length + selection.length, 299);
  assert.equal(report.length, 100);
  assert.deepEqual(tasks[0]?.leaves, ["arc_challenge"]);
  assert.deepEqual(notes, [
    `arc_challenge: ${search.length} search and ${selection.length} selection questions from validation, ` +
      "100 report questions from test; no worked examples",
  ]);
});

test("a task with one split is dealt by hash", { skip }, async () => {
  const { search, selection, report, notes } = await load("winogrande", "acc");
  assert.ok(search.length > 550 && selection.length > 200, `${search.length}, ${selection.length}`);
  assert.equal(report.length, 100);
  assert.match(notes[0]!, /report questions from validation, dealt by hash; no worked examples$/);
});

test("questions that may be worked examples are asked nowhere", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tsmerge-items-"));
  const rows = Array.from({ length: 200 }, (_, i) => `{"q": "<${i}>", "a": "yes"}`);
  writeFileSync(join(folder, "quiz.jsonl"), rows.join("\n"));
  const lines = [
    "task: quiz",
    "dataset_path: json",
    "dataset_kwargs: { data_files: { test: quiz.jsonl } }",
    "test_split: test",
    "output_type: multiple_choice",
    "doc_to_text: q",
    "doc_to_choice: [yes, 'no']",
    "doc_to_target: a",
  ];
  for (const own of ["", "fewshot_config: { sampler: first_n }"]) {
    writeFileSync(join(folder, "quiz.yaml"), [...lines, own].join("\n"));
    const dealt = await load("quiz", "acc", { fewshot: 3, includePaths: [folder] });
    const items = [...dealt.search, ...dealt.selection, ...dealt.report];
    assert.equal(items.length, own === "" ? 180 : 197);
    const texts = items.map(({ context }) => context.match(/<\d+>/g)!);
    assert.ok(texts.every((each) => each.length === 4));
    const asked = new Set(texts.map((each) => each.at(-1)));
    assert.ok(texts.every((each) => each.slice(0, -1).every((example) => !asked.has(example))));
    assert.match(dealt.notes[0]!, /3 worked examples each from test, which are asked nowhere$/);
  }
});

test("a metric that a task lacks is refused with what it has", { skip }, async () => {
  await assert.rejects(load("winogrande", "acc_norm"), {
    message: /winogrande has no metric acc_norm/,
    hint: "its metrics are acc; logprob",
  });
  await assert.rejects(load("gsm8k", "acc"), /gsm8k has no metric acc/);
});

test("a task that no metric is asked of is searched by its smoothest", { skip }, async () => {
  const objective = async (name: string, metric?: MetricKey) => {
    const {
      metric: searched,
      reported,
      isMinimised,
      isCounted,
    } = (await load(name, metric)).tasks[0]!;
    return [searched, reported, isMinimised ? "↓" : "↑", isCounted];
  };
  assert.deepEqual(await objective("arc_easy"), ["logprob", "acc", "↑", true]);
  assert.deepEqual(await objective("wikitext"), ["bits_per_byte", "bits_per_byte", "↓", false]);
  assert.deepEqual(await objective("truthfulqa_mc2"), ["logprob", "acc", "↑", false]);
  const perplexity = ["perplexity", "perplexity", "↓", false];
  assert.deepEqual(await objective("lambada_openai", "perplexity"), perplexity);
  const strict = ["exact_match,strict-match", "exact_match,strict-match", "↑", true];
  assert.deepEqual(await objective("gsm8k", "exact_match"), strict);
});

test("questions without a right choice are refused to a search by log-probability", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tsmerge-items-"));
  const rows = Array.from({ length: 60 }, (_, i) => `{"q": "<${i}>", "a": ${i % 3}}`);
  writeFileSync(join(folder, "q.jsonl"), rows.join("\n"));
  writeFileSync(
    join(folder, "odd.yaml"),
    `task: odd
dataset_path: json
dataset_kwargs: { data_files: { test: q.jsonl } }
test_split: test
output_type: multiple_choice
doc_to_text: "{{q}}"
doc_to_choice: [x, y]
doc_to_target: a
`,
  );
  const options = { includePaths: [folder] };
  await assert.rejects(load("odd", undefined, options), {
    code: "data",
    message: /^question \d+ of odd has no right choice, so its log-probability is minus infinity/,
  });
  const { notes } = await load("odd", "acc", options);
  assert.match(notes.join(), /question 2 and 19 more of odd: the right answer is none/);
});
