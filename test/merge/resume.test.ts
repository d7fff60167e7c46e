// A merge that is stopped, killed or runs out of disk goes on at the first shard that is not complete, and
// ends with the bytes of a merge that was never stopped.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { TsmergeError } from "../../src/base/errors.ts";
import { wasmKernel } from "../../src/kernel/wasm/wasm.ts";
import { type HireCrew, soloCrew } from "../../src/merge/files/crew.ts";
import { type ExecuteOptions, executeMerge, executeWith } from "../../src/merge/files/execute.ts";
import { stagingOf } from "../../src/merge/files/output-folder.ts";
import type { MergePlan } from "../../src/merge/plan.ts";
import { planOver, SHAPES, writeModel } from "./models.ts";

const scratch = mkdtempSync(join(tmpdir(), "tsmerge-resume-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
const models = ["0", "1", "2"].map((name) => join(scratch, "models", name));
before(async () => {
  for (const [i, directory] of models.entries()) await writeModel(directory, `${i}`, "bfloat16");
});
const kernel = wasmKernel();
const TENSORS = Object.keys(SHAPES).length;
/** Every tensor but the small ones has a shard of its own. */
const shardBytes = 4000;

/** Counts the tensors computed; before tensor `at` it calls `fail`. */
function counting(at = Number.POSITIVE_INFINITY, fail: () => void = () => {}) {
  const seen: number[] = [];
  const hire: HireCrew = async (plan, options) => {
    const crew = await soloCrew(kernel)(plan, options);
    return {
      ...crew,
      merge: async (index, place) => {
        if (seen.length === at) fail();
        seen.push(index);
        return crew.merge(index, place);
      },
    };
  };
  return { seen, hire };
}

/** The bytes of every file of a folder. */
const contents = (folder: string) =>
  Object.fromEntries(
    readdirSync(folder)
      .sort()
      .map((name) => [name, readFileSync(join(folder, name)).toString("base64")]),
  );
const diskFull = () => {
  throw new TsmergeError("io", "cannot write model.safetensors: no space left on device");
};
const stopAt = async (plan: MergePlan, options: ExecuteOptions, at: number) =>
  assert.rejects(
    executeWith(plan, counting(at, diskFull).hire, options),
    /no space left on device; \d complete shards? stays? in .*tsmerge-partial/,
  );

for (const [method, compat, told] of [
  ["dare_ties", false, "files"],
  ["dare_ties", true, "files, with compat's draws"],
  ["ties", false, "files, and tells of the same fixes"],
] as const) {
  test(`a merge goes on where it stopped and gives the same ${told}`, async () => {
    const plan = planOver(models, method, "bfloat16", { compat, density: 0.1 });
    const whole = join(scratch, `whole-${method}-${compat}`);
    const once = await executeMerge(plan, kernel, { outDir: whole, shardBytes });
    for (let at = 2; at < TENSORS; at++) {
      const outDir = join(scratch, `part-${method}-${compat}-${at}`);
      await stopAt(plan, { outDir, shardBytes }, at);
      assert.ok(!existsSync(outDir));
      const { seen, hire } = counting();
      const notes: string[] = [];
      const options = { outDir, shardBytes, onNote: (note: string) => notes.push(note) };
      const { weightsSha256, fixes } = await executeWith(plan, hire, options);
      assert.deepEqual(fixes, once.fixes);
      assert.equal(fixes.length, method === "ties" ? 1 : 0);
      assert.ok(seen.length < TENSORS, `${seen.length} tensors computed again`);
      assert.equal(notes.length, 1);
      assert.equal(weightsSha256, once.weightsSha256);
      assert.deepEqual(contents(outDir), contents(whole));
      assert.ok(!existsSync(stagingOf(outDir)));
    }
  });
}

test("another plan, other parents, other shards and --no-resume start anew", async () => {
  const plan = planOver(models, "dare_ties", "bfloat16");
  const outDir = join(scratch, "other");
  const anew: [MergePlan, ExecuteOptions][] = [
    [
      { ...plan, seed: 9 },
      { outDir, shardBytes },
    ],
    [plan, { outDir, shardBytes: 3000 }],
    [plan, { outDir, shardBytes, resume: false }],
  ];
  for (const [changed, options] of anew) {
    await stopAt(plan, { outDir, shardBytes }, TENSORS - 1);
    const { seen, hire } = counting();
    await executeWith(changed, hire, options);
    assert.equal(seen.length, TENSORS);
    rmSync(outDir, { recursive: true });
  }
  await stopAt(plan, { outDir, shardBytes }, TENSORS - 1);
  utimesSync(join(models[0]!, "model.safetensors"), 1, 1);
  const { seen, hire } = counting();
  await executeWith(plan, hire, { outDir, shardBytes });
  assert.equal(seen.length, TENSORS);
});

test("a stopped merge says where its shards are; one without complete shards leaves nothing", async () => {
  const plan = planOver(models, "linear", "bfloat16");
  const stop = new AbortController();
  const outDir = join(scratch, "stopped");
  const { hire } = counting(TENSORS - 1, () => stop.abort());
  await assert.rejects(
    executeWith(plan, hire, { outDir, shardBytes, signal: stop.signal }),
    (error: TsmergeError) => error.code === "interrupted" && /stay in/.test(error.message),
  );
  await executeMerge(plan, kernel, { outDir, shardBytes });
  const nothing = join(scratch, "nothing");
  await assert.rejects(executeWith(plan, counting(0, diskFull).hire, { outDir: nothing }));
  assert.ok(!existsSync(stagingOf(nothing)));
});

test("numbers that are at fault leave nothing, whatever is complete", async () => {
  const outDir = join(scratch, "numeric");
  const fail = () => {
    throw new TsmergeError("numeric", "tensor x holds NaN or infinity");
  };
  const plan = planOver(models, "linear", "bfloat16");
  const { hire } = counting(TENSORS - 1, fail);
  await assert.rejects(executeWith(plan, hire, { outDir, shardBytes }), /NaN/);
  assert.ok(!existsSync(stagingOf(outDir)));
});

test("a tensor without elements costs its shard nothing when the merge goes on", async () => {
  const folders = models.map((_, i) => join(scratch, "with-empty", `${i}`));
  const shapes = { "a.weight": [40, 40], "a.bias": [0], "b.weight": [33, 65] };
  for (const [i, directory] of folders.entries()) {
    await writeModel(directory, `${i}`, "bfloat16", 1 / 8, shapes);
  }
  const plan = planOver(folders, "dare_ties", "bfloat16", { compat: true, shapes });
  const [whole, outDir] = [join(scratch, "whole-empty"), join(scratch, "part-empty")];
  await executeMerge(plan, kernel, { outDir: whole, shardBytes });
  await stopAt(plan, { outDir, shardBytes }, 1); // its shard is complete before it
  await executeMerge(plan, kernel, { outDir, shardBytes });
  assert.deepEqual(contents(outDir), contents(whole));
});

test("what nobody foresaw leaves what is complete", async () => {
  const outDir = join(scratch, "unforeseen");
  const plan = planOver(models, "linear", "bfloat16");
  const fail = () => {
    throw new RangeError("Array buffer allocation failed");
  };
  const { hire } = counting(TENSORS - 1, fail);
  await assert.rejects(
    executeWith(plan, hire, { outDir, shardBytes }),
    (error: TsmergeError) =>
      error.code === "internal" && /allocation failed; 2 complete shards stay/.test(error.message),
  );
  const again = counting();
  await executeWith(plan, again.hire, { outDir, shardBytes });
  assert.ok(again.seen.length < TENSORS);
});

test("a place that is taken meanwhile costs nothing of what is complete", async () => {
  const outDir = join(scratch, "taken");
  const plan = planOver(models, "linear", "bfloat16");
  const files = async () => {
    mkdirSync(outDir);
    writeFileSync(join(outDir, "notes.txt"), "mine");
    return {};
  };
  await assert.rejects(
    executeMerge(plan, kernel, { outDir, shardBytes, files }),
    (error: TsmergeError) => error.code === "io" && /stay in/.test(error.message),
  );
  assert.deepEqual(readdirSync(outDir), ["notes.txt"]);
  rmSync(outDir, { recursive: true });
  const { seen, hire } = counting();
  await executeWith(plan, hire, { outDir, shardBytes });
  assert.equal(seen.length, 0);
});

test("a replacement that was killed between its renames is undone, and leaves nothing behind", async () => {
  const outDir = join(scratch, "replaced");
  const plan = planOver(models, "linear", "bfloat16");
  await executeMerge(plan, kernel, { outDir });
  const before = contents(outDir);
  renameSync(outDir, `${outDir}.tsmerge-replaced`);
  await assert.rejects(executeMerge(plan, kernel, { outDir }), /not empty/);
  assert.deepEqual(contents(outDir), before);
  renameSync(outDir, `${outDir}.tsmerge-replaced`);
  await executeMerge(plan, kernel, { outDir, force: true });
  assert.deepEqual(contents(outDir), before);
  assert.ok(!existsSync(`${outDir}.tsmerge-replaced`));
});

for (const [name, code] of [
  ["SIGKILL", null],
  ["SIGINT", 130],
] as const) {
  test(`after ${name} the same merge goes on`, async () => {
    const plan = planOver(models, "dare_ties", "bfloat16", { compat: true });
    const planFile = join(scratch, "plan.json");
    writeFileSync(planFile, JSON.stringify(plan));
    const whole = join(scratch, `whole-${name}`);
    await executeMerge(plan, kernel, { outDir: whole, shardBytes });
    const outDir = join(scratch, name);
    const main = join(import.meta.dirname, "mortal-merge.ts");
    const words = ["--import", "tsx", main, planFile, outDir];
    const first = spawnSync(process.execPath, [...words, name, `${TENSORS - 1}`], {
      encoding: "utf8",
    });
    assert.equal(first.status, code, first.stderr);
    assert.ok(!existsSync(outDir));
    assert.ok(existsSync(stagingOf(outDir)));
    if (code !== null) assert.match(first.stderr, /stay in .*the same command goes on from there/s);
    const { seen, hire } = counting();
    await executeWith(plan, hire, { outDir, shardBytes });
    assert.ok(seen.length < TENSORS);
    assert.deepEqual(contents(outDir), contents(whole));
  });
}

test("a merge that another process is at is refused", async () => {
  const plan = planOver(models, "linear", "bfloat16");
  const outDir = join(scratch, "busy");
  await stopAt(plan, { outDir, shardBytes }, TENSORS - 1);
  const file = join(stagingOf(outDir), ".tsmerge-merge.json");
  const state = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(file, JSON.stringify({ ...state, pid: process.ppid }));
  await assert.rejects(executeMerge(plan, kernel, { outDir, shardBytes }), /is merging into/);
});
