// Every reference run of lm-evaluation-harness: the same requests in the same order, the same metrics and
// standard errors under a fake model. MMLU's runs stand in goldens.test.ts.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import type { MetricKey } from "../../src/evals/metrics.ts";
import { summarise } from "../../src/evals/results.ts";
import { limitFirst } from "../../src/evals/splits.ts";
import { loadTasks } from "../../src/evals/tasks/tasks.ts";
import { fakeScore, requestsOf } from "./fake-model.ts";
import { DATA_DIR, GOLDENS, skipWithoutShared } from "./shared.ts";

interface Golden {
  readonly n_requests: number;
  readonly all_requests_sha256: string;
  readonly first_context: string;
  readonly results: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

interface Run {
  readonly task: string;
  readonly fewshot?: number;
  readonly seed?: number;
  readonly limit?: number;
  /** Lines of a task file that includes the bundled one. */
  readonly file?: readonly string[];
}

const TASKS = resolve(import.meta.dirname, "../../evals/tasks");
const fromValidation = (file: string): string[] => [
  `include: ${join(TASKS, file)}`,
  "training_split: validation",
];

const RUNS: Readonly<Record<string, Run>> = {
  arc_easy_0shot: { task: "arc_easy" },
  arc_easy_5shot_train_n: { task: "arc_easy", fewshot: 5 },
  arc_challenge_0shot: { task: "arc_challenge" },
  arc_challenge_25shot: { task: "arc_challenge", fewshot: 25 },
  winogrande_0shot: { task: "winogrande" },
  winogrande_5shot_train_default_n_plus_1: { task: "winogrande", fewshot: 5 },
  winogrande_5shot_fewshot_split_train_n: {
    task: "winogrande_fewshot_train",
    fewshot: 5,
    file: [`include: ${join(TASKS, "winogrande/winogrande.yaml")}`, "fewshot_split: train"],
  },
  winogrande_5shot_fewshot_from_validation_n_plus_1: {
    task: "winogrande",
    fewshot: 5,
    file: fromValidation("winogrande/winogrande.yaml"),
  },
  piqa_0shot: { task: "piqa" },
  piqa_5shot_train_default_n_plus_1: { task: "piqa", fewshot: 5 },
  piqa_3shot_fewshot_from_validation_n_plus_1: {
    task: "piqa",
    fewshot: 3,
    file: fromValidation("piqa/piqa.yaml"),
  },
  boolq_0shot: { task: "boolq" },
  boolq_2shot_seed42: {
    task: "boolq",
    fewshot: 2,
    seed: 42,
    limit: 100,
    file: fromValidation("boolq/boolq.yaml"),
  },
  openbookqa_0shot: { task: "openbookqa" },
  openbookqa_5shot_train_n: { task: "openbookqa", fewshot: 5 },
  truthfulqa_mc1: { task: "truthfulqa_mc1" },
  truthfulqa_mc2: { task: "truthfulqa_mc2" },
  hellaswag_sub1000_0shot: { task: "hellaswag" },
  hellaswag_sub1000_10shot_fewshot_from_same_n_plus_1: {
    task: "hellaswag",
    fewshot: 10,
    file: fromValidation("hellaswag/hellaswag.yaml"),
  },
  lambada_openai: { task: "lambada_openai" },
  wikitext: { task: "wikitext" },
  gsm8k_5shot: { task: "gsm8k" },
  gsm8k_cot_8shot: { task: "gsm8k_cot" },
  bbh_cot_fewshot: { task: "bbh_cot_fewshot" },
  // the original's filters are Python; these find the same answers in what the fake model writes
  bbh_zeroshot_navigate: {
    task: "bbh_zeroshot_navigate",
    file: [
      `include: ${join(TASKS, "bbh/_bbh.yaml")}`,
      "dataset_name: navigate",
      "output_type: generate_until",
      "num_fewshot: 0",
      'generation_kwargs: { until: ["</s>", "Q:", "<|im_end|>"], do_sample: false, temperature: 0.0 }',
      "metric_list: [{ metric: exact_match }]",
      "filter_list:",
      "- name: strict-match",
      "  filter: [{ function: regex, regex_pattern: '(?<=The answer is )(.*)(?=.)' }, { function: take_first }]",
      "- name: flexible-extract",
      "  filter: [{ function: regex, regex_pattern: '\\b(Yes|No)\\b', group_select: -1 }, { function: take_first }]",
    ],
  },
  leaderboard_bbh_boolean: { task: "leaderboard_bbh_boolean_expressions" },
};

function folderWith(run: Run): string[] {
  if (run.file === undefined) return [];
  const folder = join(mkdtempSync(join(tmpdir(), "tsmerge-run-")), run.task.split("_")[0]!);
  mkdirSync(folder);
  writeFileSync(join(folder, "run.yaml"), [...run.file, `task: ${run.task}`].join("\n"));
  return [folder];
}

for (const [name, run] of Object.entries(RUNS)) {
  test(`${name}: every request, metric and standard error is lm-eval's`, {
    skip: skipWithoutShared,
  }, async () => {
    const golden: Golden = JSON.parse(readFileSync(join(GOLDENS, "lm-eval.json"), "utf8"))[name];
    const suite = await loadTasks([run.task], {
      split: "test",
      dataDir: DATA_DIR,
      fewshot: run.fewshot,
      fewshotSeed: run.seed,
      includePaths: folderWith(run),
    });
    const items = run.limit === undefined ? suite.items : limitFirst(suite.items, run.limit);
    const requests = items.flatMap(requestsOf);
    assert.equal(requests[0]?.[0].slice(0, 4000), golden.first_context.slice(0, 4000));
    assert.equal(requests.length, golden.n_requests);
    const hash = createHash("sha256");
    for (const [context, continuation] of requests) hash.update(`${context}\0${continuation}\x01`);
    assert.equal(hash.digest("hex"), golden.all_requests_sha256);

    const scores = items.map(fakeScore);
    const result = summarise(suite, scores);
    const found = new Map([...result.tasks, ...result.groups].map((each) => [each.task, each]));
    assert.deepEqual([...found.keys()].sort(), Object.keys(golden.results).sort());
    for (const [task, metrics] of Object.entries(golden.results)) {
      for (const [key, value] of Object.entries(metrics)) {
        const [metric = "", filter] = key.split(",");
        if (filter === undefined || typeof value !== "number") continue; // names, counts, and N/A
        const wanted = filter === "none" ? metric : key;
        const estimate = found.get(task)?.metrics[wanted.replace("_stderr", "") as MetricKey]; // undefined fails
        const own = metric.endsWith("_stderr") ? estimate?.stderr : estimate?.value;
        const isClose =
          Math.abs((own ?? Number.NaN) - value) <= 1e-9 * Math.max(1, Math.abs(value));
        assert.ok(isClose, `${task} ${key}: ${own} instead of ${value}`);
      }
    }
  });
}
