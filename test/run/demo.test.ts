// The public functions on the shipped demo family: forecast, evaluation, a short search.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { evolve } from "../../src/run/evolve/evolve.ts";
import { planEvolve } from "../../src/run/evolve/forecast.ts";
import { loadRunItems } from "../../src/run/evolve/items.ts";
import type { EvolveOptions } from "../../src/run/evolve/options.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const file = join(root, "configs/demo.yml");
const folder = mkdtempSync(join(tmpdir(), "tsmerge-demo-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function options(changes: Partial<EvolveOptions> = {}): EvolveOptions {
  return {
    file,
    text: readFileSync(file, "utf8"),
    runFolder: join(folder, "run"),
    tasks: ["demo"],
    budget: { maxEvals: 4 },
    device: "cpu",
    environment: {},
    ...changes,
  };
}

const items = {
  tasks: [{ name: "demo", weight: 1, metric: "acc" as const }],
  dataDir: undefined,
  includePaths: undefined,
  fewshot: undefined,
  limit: undefined,
  limitFirst: undefined,
  reportLimit: 1000,
  seed: 1,
};

test("search, selection and report share no question", async () => {
  const dealt = await loadRunItems(items);
  const hashes = [dealt.search, dealt.selection, dealt.report].map(
    (purpose) => new Set(purpose.map(({ hash }) => hash)),
  );
  const all = new Set(hashes.flatMap((set) => [...set]));
  assert.equal(all.size, hashes[0]!.size + hashes[1]!.size + hashes[2]!.size);
  assert.equal(dealt.search.length + dealt.selection.length, 1000);
  assert.equal(dealt.report.length, 1000);
});

test("a limit is a number of items in all, drawn from every subject", async () => {
  const { search, selection, report } = await loadRunItems({
    ...items,
    limit: 40,
    reportLimit: 80,
  });
  assert.equal(search.length, 40);
  assert.equal(selection.length, 40);
  assert.equal(report.length, 80);
  assert.equal(new Set(search.map(({ task }) => task)).size, 4);
  const first = await loadRunItems({ ...items, limitFirst: 3 });
  assert.equal(first.search.length, 12);
});

test("a forecast says what a search costs", async () => {
  const forecast = await planEvolve(options({ budget: { maxEvals: 150 } }));
  assert.equal(forecast.dimension, 8);
  assert.equal(forecast.evaluations, 150);
  assert.equal(forecast.genes.length, 8);
  assert.equal(forecast.baselines, 7);
  const { computed, naive } = forecast.tokens.search;
  assert.ok(computed < naive / 3, `${computed} tokens against ${naive}`);
  assert.ok(forecast.tokensInAll! > 150 * computed);
});

test("a search without a task says how to name one", async () => {
  const text = readFileSync(file, "utf8").replace("tasks: [demo]", "");
  await assert.rejects(evolve(options({ text, tasks: [] })), /no task is named/);
});

test("Ctrl-C keeps what is finished, and the same call goes on", async () => {
  const stop = new AbortController();
  const small = options({ limit: 40, reportLimit: 40 });
  let settled = 0;
  const interrupted = evolve(small, {
    signal: stop.signal,
    onEvent: (event) => {
      if (event.type === "scored" && ++settled === 7) stop.abort();
    },
  });
  await assert.rejects(interrupted, { code: "interrupted" });
  const again: string[] = [];
  const result = await evolve(small, {
    onEvent: (event) => {
      if (event.type === "scored") again.push(event.label);
    },
  });
  assert.equal(again.includes("parent:math"), false, "a finished candidate was scored again");
  assert.equal(result.search.evaluations, 4);
  assert.equal(result.report.length >= 6, true);
});

test("a user's task with one set of questions is dealt into three", async () => {
  const tasks = join(folder, "tasks");
  mkdirSync(tasks, { recursive: true });
  writeFileSync(
    join(tasks, "quiz.yaml"),
    [
      "task: quiz",
      "dataset_path: json",
      "dataset_kwargs: { data_files: { test: quiz.jsonl } }",
      "test_split: test",
      "output_type: multiple_choice",
      "doc_to_text: question",
      "doc_to_choice: [a, b]",
      "doc_to_target: 0",
    ].join("\n"),
  );
  const rows = Array.from({ length: 60 }, (_, i) => `{"question": "what is ${i} + 1?"}\n`);
  writeFileSync(join(tasks, "quiz.jsonl"), rows.join(""));
  const quiz = [{ name: "quiz", weight: 1, metric: "acc" as const }];
  const dealt = await loadRunItems({ ...items, tasks: quiz, includePaths: [tasks] });
  const sizes = [dealt.search, dealt.selection, dealt.report].map(({ length }) => length);
  assert.ok(sizes.every((size) => size > 3));
  assert.equal(sizes[0]! + sizes[1]! + sizes[2]!, 60);
});
