// Tasks that are scored on generated text, from task file to metric: transformers' texts, and a killed
// evaluation that ends as if it had never been. The expected texts are greedy generate of transformers 5.18.0
// in float32, cut at the line's end.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { evaluateModel } from "../../src/run/eval/evaluate.ts";

const EVALS = join(import.meta.dirname, "../../evals");
const MODEL = join(EVALS, "demo/models/math");
const folder = mkdtempSync(join(tmpdir(), "tsmerge-texts-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const TEXTS = {
  math: "17,16,7,50,24,58,16,25,20,14,19,8,36,34,32,32,49,36,60,50".split(","),
  geography: [
    ...["Ndjamena", "Asia", "Bulgaria", "Bhutan", "Montevideo", "Asia", "Fiji", "Rabat", "Abuja"],
    ...["Jamaica", "Indonesia", "Tokyo", "Jordan", "Europe", "Africa", "Ngerulmud", "Venezuela"],
    ...["Ecuador", "Montevideo", "Gambia"],
  ],
};

/** Demo subjects whose answer is written instead of chosen. */
before(() => {
  for (const subject of Object.keys(TEXTS)) {
    const file = (split: string) => join(EVALS, "demo", split, `${subject}_${split}.csv`);
    const lines = [
      `include: ${join(EVALS, "tasks/demo", `${subject}.yaml`)}`,
      `task: ${subject}_text`,
      `dataset_kwargs: { data_files: { dev: ${file("dev")}, test: ${file("test")} } }`,
      "validation_split: null",
      "output_type: generate_until",
      "doc_to_choice: null",
      'doc_to_target: "{{[choice0, choice1, choice2, choice3][answer|int]}}"',
      "num_fewshot: 2",
      'generation_kwargs: { until: ["\\n"], max_gen_toks: 16 }',
      "filter_list: [{ name: s, filter: [{ function: remove_whitespace }] }]",
      "metric_list: [{ metric: exact_match }]",
    ];
    writeFileSync(join(folder, `${subject}.yaml`), lines.join("\n"));
  }
});

const TASKS = ["math_text", "geography_text"];
const options = { device: "cpu", includePaths: [folder], limitFirst: 20 } as const;

test("texts and their scores are transformers'", async () => {
  const store = join(folder, "whole.db");
  const { answers, results } = await evaluateModel(MODEL, TASKS, { ...options, store });
  const expected = [...TEXTS.math, ...TEXTS.geography];
  assert.deepEqual(
    answers.map(({ texts }) => texts),
    expected.map((text) => [` ${text}`]),
  );
  const values = results.tasks.map(({ metrics }) => metrics["exact_match,s"]!.value);
  assert.deepEqual(values, [0.7, 0.45]);
});

test("a generation that was killed is resumed after its last finished texts", async () => {
  const store = join(folder, "killed.db");
  const words = { ...options, model: MODEL, tasks: TASKS, store, dieAfter: 5 };
  const main = join(import.meta.dirname, "evaluate-main.ts");
  const argv = ["--import", "tsx", main, JSON.stringify(words)];
  const { signal, stderr } = spawnSync(process.execPath, argv);
  assert.equal(signal, "SIGKILL", String(stderr));
  const resumed = await evaluateModel(MODEL, TASKS, { ...options, store });
  assert.ok(resumed.statistics.resumed >= 5);
  const whole = await evaluateModel(MODEL, TASKS, { ...options, store: join(folder, "whole.db") });
  assert.equal(whole.statistics.known, 40);
  assert.deepEqual(resumed.answers, whole.answers);
});
