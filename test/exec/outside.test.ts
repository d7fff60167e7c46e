// What the executor around the executor does: models written and deleted, programs asked, servers started and ended,
// failures as outcomes, and nothing measured twice.

import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Item } from "../../src/evals/item.ts";
import { endpointParts, outsideScores } from "../../src/evals/outside.ts";
import type { BatchReport, CandidateJob, Executor } from "../../src/exec/executor.ts";
import { OutsideExecutor, type OutsideOptions } from "../../src/exec/outside.ts";
import type { MergePlan } from "../../src/merge/plan.ts";
import type { CommandSource, EndpointSource } from "../../src/recipe/search/task-choice.ts";
import { logProbability } from "./endpoint-server.ts";

const folder = mkdtempSync(join(tmpdir(), "tsmerge-outside-"));
const signal = new AbortController().signal;
const plan = {} as MergePlan; // only passed on

const items = [0, 1].map((docId): Item => {
  const texts = { continuations: [" a", " b"], choices: ["a", "b"] };
  return {
    task: "quiz",
    docId,
    hash: `${docId}`,
    context: "Q:",
    gold: 0,
    document: {},
    target: 0,
    ...texts,
  };
});

function command(script: string, changes: Partial<CommandSource> = {}): CommandSource {
  const words = [process.execPath, "-e", script, "{model}", "{split}"];
  return {
    kind: "command",
    command: words,
    timeoutSeconds: 20,
    retries: 0,
    isMinimised: false,
    ...changes,
  };
}

function outside(name: string, changes: Partial<OutsideOptions>): OutsideExecutor {
  return new OutsideExecutor({
    ...{ inner: undefined, slots: 1, sources: new Map(), folder: join(folder, name) },
    workload: () => ({ innerResults: 0, parts: [{ kind: "command", task: "mine" }] }),
    async writeModel(_, path) {
      mkdirSync(path);
      writeFileSync(join(path, "config.json"), "{}");
    },
    ...changes,
  });
}

async function run(executor: Executor, changes: Partial<CandidateJob> = {}) {
  const reports: BatchReport[] = [];
  const job = { id: "0.01", plan, workloads: [{ name: "search", done: [] }], ...changes };
  const outcome = await executor.submit(job, (report) => reports.push(report), signal);
  return { outcome, reports };
}

const PRINT = `const [model, split] = process.argv.slice(1);
const there = require("fs").readdirSync(model);
console.log("scoring " + split);
console.log(JSON.stringify({ items: [there.length, split.length] }));`;

test("a program gets the model's folder and the split, and the folder is gone afterwards", async () => {
  const executor = outside("gone", { sources: new Map([["mine", command(PRINT)]]) });
  const { outcome, reports } = await run(executor);
  assert.ok(outcome.ok);
  const [score] = reports;
  assert.deepEqual([score?.workload, score?.batch], ["search", 0]);
  const scores = outsideScores({ kind: "command", task: "mine" }, "search", score?.result);
  assert.deepEqual(
    scores.map(({ others }) => others?.score),
    [1, 6],
  );
  assert.deepEqual(readdirSync(join(folder, "gone")), []);
  await executor.close();
  assert.equal(existsSync(join(folder, "gone")), false);
});

test("what is known is neither measured nor written for again", async () => {
  const fail = async (): Promise<void> => assert.fail("a model was written");
  const executor = outside("known", { writeModel: fail });
  const { outcome, reports } = await run(executor, { workloads: [{ name: "search", done: [0] }] });
  assert.ok(outcome.ok);
  assert.deepEqual(reports, []);
});

test("a result that cannot be recorded is no failure of the candidate's", async () => {
  const executor = outside("full", { sources: new Map([["mine", command(PRINT)]]) });
  const onBatch = (): void => {
    throw new Error("the disk is full");
  };
  const job = { id: "0.01", plan, workloads: [{ name: "search", done: [] }] };
  await assert.rejects(executor.submit(job, onBatch, signal), /the disk is full/);
});

test("the inner executor gets its share only, and its failure is the candidate's", async () => {
  const asked: CandidateJob[] = [];
  const inner: Executor = {
    slots: 1,
    async submit(job) {
      asked.push(job);
      return { ok: false, id: job.id, error: { code: "numeric", message: "not finite" } };
    },
    async close() {},
  };
  const workload = () => ({ innerResults: 2, parts: [{ kind: "command", task: "mine" } as const] });
  const sources = new Map([["mine", command(PRINT)]]);
  const executor = outside("inner", { inner, workload, sources });
  const first = await run(executor, { workloads: [{ name: "search", done: [2] }] });
  assert.equal(first.outcome.ok, false);
  const second = await run(executor, { workloads: [{ name: "search", done: [0, 1] }] });
  assert.ok(second.outcome.ok);
  assert.deepEqual([asked.length, second.reports[0]?.batch], [1, 2]);
});

test("a failing program fails the candidate, with the end of its stderr, after its retries", async () => {
  const log = join(folder, "log");
  const script = `require("fs").appendFileSync(${JSON.stringify(log)}, "x");
    console.error("no such layer"); process.exit(2)`;
  const sources = new Map([["mine", command(script, { retries: 2 })]]);
  const { outcome } = await run(outside("failing", { sources }));
  assert.ok(!outcome.ok);
  assert.match(outcome.error.message, /ended with code 2.*no such layer/s);
  assert.equal(readFileSync(log, "utf8"), "xxx");
  const silent = new Map([["mine", command('console.log("hello")')]]);
  const other = await run(outside("silent", { sources: silent }));
  assert.ok(!other.outcome.ok);
  assert.match(other.outcome.error.message, /printed no JSON but "hello/);
});

test("Ctrl-C is no failure of the candidate", async () => {
  const stop = new AbortController();
  const sources = new Map([["mine", command("setTimeout(() => {}, 20000)")]]);
  const executor = outside("stopped", { sources });
  setTimeout(() => stop.abort(), 300);
  const job = { id: "0.01", plan, workloads: [{ name: "search", done: [] }] };
  await assert.rejects(
    executor.submit(job, () => {}, stop.signal),
    { code: "interrupted" },
  );
  assert.deepEqual(readdirSync(join(folder, "stopped")), []);
});

function endpoint(serve: readonly string[]): EndpointSource {
  return {
    ...{ kind: "http", url: "http://127.0.0.1:{port}/v1", model: "{model}", serve },
    ...{ timeoutSeconds: 10, startSeconds: 30, retries: 0, parallel: 2 },
  };
}

test("a server is started for a candidate, asked, and ended", async () => {
  const server = join(import.meta.dirname, "endpoint-server.ts");
  const parts = endpointParts("quiz", items);
  const sources = new Map([
    ["quiz", endpoint([process.execPath, "--import", "tsx", server, "{port}"])],
  ]);
  const executor = outside("served", { sources, workload: () => ({ innerResults: 0, parts }) });
  const { outcome, reports } = await run(executor);
  assert.ok(outcome.ok, JSON.stringify(outcome));
  const scores = outsideScores(parts[0]!, "search", reports[0]?.result);
  assert.deepEqual(
    scores.map(({ logLikelihoods, acc }) => [logLikelihoods[1], acc]),
    [0, 1].map(() => [logProbability(" ") + logProbability("b"), 1]),
  );
});

test("a server that ends before it answers is told with its stderr", async () => {
  const script = 'console.error("no GPU"); process.exit(1)';
  const sources = new Map([["quiz", endpoint([process.execPath, "-e", script])]]);
  const parts = endpointParts("quiz", items);
  const { outcome } = await run(
    outside("broken", { sources, workload: () => ({ innerResults: 0, parts }) }),
  );
  assert.ok(!outcome.ok);
  assert.match(outcome.error.message, /ended with code 1 before it answered.*no GPU/s);
});
