// Commands with models that are on the hub alone: they fetch what they need, once, and say so.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { hubPrinter } from "../../src/cli/hub-access.ts";
import { COMMIT, FakeHub } from "../hub/server.ts";
import { writeModel } from "../merge/models.ts";

const ROOT = join(import.meta.dirname, "../..");
const folder = realpathSync(mkdtempSync(join(tmpdir(), "tsmerge-hub-cli-")));
after(() => rmSync(folder, { recursive: true, force: true }));

function filesOf(directory: string): Record<string, Buffer> {
  const names = readdirSync(directory);
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(directory, name))]));
}

async function run(environment: Readonly<Record<string, string>>, ...words: string[]) {
  const loader = join(ROOT, "node_modules/tsx/dist/loader.mjs");
  const program = join(ROOT, "src/cli/tsmerge.ts");
  const child = spawn(process.execPath, ["--import", loader, program, ...words], {
    cwd: folder,
    env: { ...process.env, ...environment, HF_HUB_CACHE: join(folder, "cache") },
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (text) => {
    output.stdout += text;
  });
  child.stderr.on("data", (text) => {
    output.stderr += text;
  });
  const status = await new Promise((done) => child.once("close", done));
  return { status, ...output };
}

test("merge, download and eval take from the hub what they need", async (t) => {
  for (const name of ["0", "1"]) await writeModel(join(folder, `m${name}`), name, "bfloat16");
  const hub = await FakeHub.open(
    { kind: "model", name: "org/m0", files: filesOf(join(folder, "m0")) },
    { kind: "model", name: "org/m1", files: filesOf(join(folder, "m1")) },
    { kind: "dataset", name: "org/quiz", files: { "data/test.jsonl": Buffer.from("{}") } },
    { kind: "model", name: "org/base", files: filesOf(join(ROOT, "evals/demo/models/base")) },
  );
  t.after(() => hub.close());
  const online = { HF_ENDPOINT: hub.endpoint };
  const models =
    "[{model: org/m0, parameters: {weight: 1}}, {model: org/m1@main, parameters: {weight: 1}}]";
  writeFileSync(join(folder, "hub.yml"), `merge_method: linear\nmodels: ${models}\n`);

  const merged = await run(online, "merge", "hub.yml", "merged");
  assert.equal(merged.status, 0, merged.stderr);
  assert.match(merged.stderr, /^downloading org\/m0: \d+ files, [\d.]+ k?B$/m);
  assert.match(merged.stderr, /^downloading org\/m1: /m);
  assert.match(merged.stdout, /^merged: \d files, weights sha256 [0-9a-f]{64}$/m);

  const fetched = await run(online, "download", "--dataset", "org/quiz");
  const folderOf = (repository: string) => join(folder, "cache", repository, "snapshots", COMMIT);
  assert.equal(fetched.stdout, `${folderOf("datasets--org--quiz")}\n`);
  assert.equal(readFileSync(join(fetched.stdout.trim(), "data/test.jsonl"), "utf8"), "{}");

  const options = ["--task", "demo_math", "--limit", "4", "--store", join(folder, "store.db")];
  const scored = await run(online, "eval", "org/base", ...options);
  assert.equal(scored.status, 0, scored.stderr);
  assert.match(scored.stdout, /^org\/base, test questions/);
});

test("a download has one line to keep and one that moves", () => {
  const lines: string[] = [];
  const updates: string[] = [];
  let now = 0;
  const status = {
    line: (text: string) => void lines.push(text),
    update: (text: string) => void updates.push(text),
    close: () => {},
  };
  const print = hubPrinter(status, () => now);
  const download = (bytes: number, totalBytes: number, files = 2) => {
    print({ type: "download", repository: "org/name", bytes, totalBytes, files });
    now += 1000;
  };
  download(1000, 2000);
  download(2000, 2000);
  download(1e9, 3e9); // went on with what was there
  download(1.5e9, 3e9);
  download(3e9, 3e9);
  download(10, 20, 1);
  print({ type: "wait", reason: "the hub answers 429", seconds: 3 });
  assert.deepEqual(lines, [
    "downloading org/name: 2 files, 2.0 kB",
    "downloading org/name: 2 files, 3.0 GB",
    "the hub answers 429; trying again in 3 s",
  ]);
  assert.deepEqual(updates, [
    "",
    "downloading org/name: 1.0 GB of 3.0 GB",
    "downloading org/name: 1.5 GB of 3.0 GB   500.0 MB/s   ETA 0:03",
    "",
    "downloading org/name: 10 B of 20 B",
  ]);
});
