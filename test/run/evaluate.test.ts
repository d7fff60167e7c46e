// One model on the demo tasks: lm-eval's numbers, no question asked twice, no score shared, and a killed
// evaluation that ends as if it had never been.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { ScopedAnswers } from "../../src/lineage/item-store.ts";
import { loadTokenizer } from "../../src/model/tokenizer.ts";
import { compileRecipe } from "../../src/recipe/compile/compile.ts";
import { loadModels } from "../../src/recipe/compile/models.ts";
import { singleModel } from "../../src/recipe/search/baselines.ts";
import { askAll } from "../../src/run/eval/answers.ts";
import { type Evaluation, evaluateModel } from "../../src/run/eval/evaluate.ts";
import { chooseItems } from "../../src/run/eval/item-choice.ts";

const ROOT = join(import.meta.dirname, "../..");
const MODELS = join(ROOT, "evals/demo/models");
const folder = mkdtempSync(join(tmpdir(), "tsmerge-evaluate-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const store = (name: string): string => join(folder, name, "answers.db");
const evaluated = (model: string, options: object = {}): Promise<Evaluation> =>
  evaluateModel(join(MODELS, model), ["demo"], {
    device: "cpu",
    store: store("shared"),
    ...options,
  });

test("a model's evaluation is lm-eval's: geography knows its 250 capitals", async () => {
  const { results, scores, statistics } = await evaluated("geography");
  const accuracy = (task: string) => results.tasks.find((one) => one.task === task)!.metrics.acc!;
  // the family's published table
  assert.equal(accuracy("demo_geography").value, 1);
  assert.equal(accuracy("demo_math").value, 0.568);
  assert.equal(results.groups[0]!.metrics.acc!.value, 0.728);
  assert.equal(scores.length, 1000);
  assert.equal(statistics.known, 0);
  assert.ok(statistics.cost.nodes < statistics.cost.naiveTokens / 3);
});

test("what was answered is not asked again; a wider question asks what is new", async () => {
  const again = await evaluated("geography", { limit: 50 });
  assert.deepEqual([again.statistics.known, again.statistics.batches], [50, 0]);
  const shots = await evaluated("geography", { limit: 8, fewshot: 1 });
  assert.equal(shots.statistics.known, 0);
  const more = await evaluated("geography", { limit: 12, fewshot: 1 });
  assert.deepEqual([more.statistics.requests, more.statistics.known], [12, 8]);
  assert.deepEqual(
    more.scores.filter(({ hash }) => shots.items.some((item) => item.hash === hash)),
    shots.scores,
  );
});

test("another model, type or tokenizer setting shares no answer", async () => {
  const few = { limit: 4 };
  const other = await evaluated("math", few);
  assert.equal(other.statistics.known, 0);
  const rounded = await evaluated("math", { ...few, dtype: "float16" });
  assert.equal(rounded.statistics.known, 0);
  assert.equal(rounded.conditions.dtype, "float16");
  const copy = join(folder, "no-bos");
  cpSync(join(MODELS, "math"), copy, { recursive: true });
  const file = join(copy, "tokenizer_config.json");
  const config = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(file, JSON.stringify({ ...config, add_bos_token: false }));
  const options = { device: "cpu", store: store("shared"), ...few } as const;
  const plain = await evaluateModel(copy, ["demo"], options);
  assert.equal(plain.statistics.known, 0);
  assert.deepEqual([other.conditions.bos.added, plain.conditions.bos.added], [true, false]);
  assert.notDeepEqual(plain.answers, other.answers);
});

test("an evaluation killed twice ends with the very numbers of one that was not", async () => {
  const options = { device: "cpu", limit: 150, seed: 5 } as const;
  const model = join(MODELS, "spanish");
  const die = (dieAfter: number): void => {
    const words = JSON.stringify({
      ...{ ...options, model, tasks: ["demo"], store: store("killed"), dieAfter },
    });
    const main = join(import.meta.dirname, "evaluate-main.ts");
    const { signal, stderr } = spawnSync(process.execPath, ["--import", "tsx", main, words]);
    assert.equal(signal, "SIGKILL", String(stderr));
  };
  die(3);
  die(6);
  const killed = await evaluateModel(model, ["demo"], { ...options, store: store("killed") });
  const whole = await evaluateModel(model, ["demo"], { ...options, store: store("whole") });
  assert.deepEqual(killed.answers, whole.answers);
  assert.ok(killed.statistics.resumed >= 6, `${killed.statistics.resumed} batches were resumed`);
  assert.equal(whole.statistics.resumed, 0);
});

test("Ctrl-C keeps what is finished", async () => {
  const stop = new AbortController();
  const options = { store: store("stopped"), signal: stop.signal, onProgress: () => stop.abort() };
  await assert.rejects(evaluated("code", options), /stopped before/);
  const { statistics } = await evaluated("code", { store: store("stopped") });
  assert.ok(statistics.resumed > 0);
});

test("a store that cannot be written ends the evaluation, and leaves no thread behind", async () => {
  const directory = join(MODELS, "base");
  const models = await loadModels([directory], async (reference) => reference);
  const tokenizer = await loadTokenizer(directory);
  const { items } = await chooseItems(["demo"], { limit: 2 });
  const subject = {
    ...({ name: "base", tokenizer, device: "cpu", threads: 1, int8: false } as const),
    plan: compileRecipe(singleModel(directory), { models, seed: 0, compat: false }),
    limits: { prefixId: tokenizer.prefixId, maxLength: 64 },
  };
  const answers = {
    begin: (requests: readonly string[]) => ({ key: "k", requests, batches: new Map() }),
    record() {
      throw new Error("the disk is full");
    },
  } as unknown as ScopedAnswers; // nothing else is called before it fails
  const threads = (): number =>
    process.getActiveResourcesInfo().filter((kind) => kind === "MessagePort").length;
  const before = threads();
  await assert.rejects(askAll(items, subject, answers), /the disk is full/);
  assert.equal(threads(), before);
});
