// Merging to a folder: whole or absent, whatever happens on the way; shards and tiles change no bit.

import assert from "node:assert/strict";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { wasmKernel } from "../../src/kernel/wasm/wasm.ts";
import { executeMerge, type MergeProgress } from "../../src/merge/files/execute.ts";
import { planHash } from "../../src/merge/fingerprint.ts";
import { methodNamed } from "../../src/merge/methods/registry.ts";
import { planOver, SHAPES, writeModel } from "./models.ts";
import { mergeTensor } from "./tensors.ts";

const scratch = mkdtempSync(join(tmpdir(), "tsmerge-execute-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
const models = ["0", "1", "2"].map((name) => join(scratch, "models", name));
before(async () => {
  for (const [i, directory] of models.entries()) await writeModel(directory, `${i}`, "bfloat16");
});
const kernel = wasmKernel();
const plan = () => planOver(models, "dare_ties", "bfloat16");
const siblings = () => readdirSync(scratch).filter((name) => name.includes(".tsmerge-"));

test("the folder holds weights, configuration, the donor's tokenizer and the texts given", async () => {
  const outDir = join(scratch, "whole");
  const seen: MergeProgress[] = [];
  const { files } = await executeMerge(plan(), kernel, {
    outDir,
    files: { "mergekit_config.yml": "merge_method: dare_ties\n" },
    onProgress: (progress) => seen.push(progress),
  });
  assert.deepEqual(readdirSync(outDir).sort(), [...files].sort());
  assert.deepEqual([...files].sort(), [
    "config.json",
    "mergekit_config.yml",
    "model.safetensors",
    "tokenizer.json",
  ]);
  assert.deepEqual(JSON.parse(readFileSync(join(outDir, "config.json"), "utf8")), plan().config);
  assert.equal(readFileSync(join(outDir, "tokenizer.json"), "utf8"), `{"of": "0"}`);
  const last = seen.at(-1)!;
  assert.deepEqual([last.done, last.bytes], [Object.keys(SHAPES).length, last.totalBytes]);
  assert.deepEqual(siblings(), []);
});

test("shards change the files and not the weights' digest", async () => {
  const one = await executeMerge(plan(), kernel, { outDir: join(scratch, "one") });
  const many = await executeMerge(plan(), kernel, {
    outDir: join(scratch, "many"),
    shardBytes: 4000,
  });
  assert.ok(many.files.length > one.files.length);
  assert.equal(many.weightsSha256, one.weightsSha256);
});

test("a parent is never replaced by its merge, forced or not, by name or by link", async () => {
  const [parent = ""] = models;
  const before = readFileSync(join(parent, "model.safetensors"));
  const link = join(scratch, "to-parent");
  symlinkSync(parent, link);
  for (const outDir of [parent, link, join(scratch, "models")]) {
    await assert.rejects(executeMerge(plan(), kernel, { outDir, force: true }), {
      code: "usage",
      message: /^the output folder would replace .*, which is merged$/,
    });
  }
  assert.deepEqual(readFileSync(join(parent, "model.safetensors")), before);
});

test("a folder with files is refused, and replaced with force if it is a model's", async () => {
  const outDir = join(scratch, "taken");
  mkdirSync(outDir);
  writeFileSync(join(outDir, "precious.txt"), "kept");
  await assert.rejects(executeMerge(plan(), kernel, { outDir }), /output folder is not empty/);
  await assert.rejects(executeMerge(plan(), kernel, { outDir, force: true }), /not empty/);
  assert.deepEqual(readdirSync(outDir), ["precious.txt"]);
  writeFileSync(join(outDir, "config.json"), "{}");
  await executeMerge(plan(), kernel, { outDir, force: true });
  assert.ok(!existsSync(join(outDir, "precious.txt")));
  assert.deepEqual(siblings(), []);
});

test("behind a link the folder that it leads to is taken, and a link to nothing refused", async () => {
  const [disk, link] = [join(scratch, "disk"), join(scratch, "link")];
  mkdirSync(join(disk, "model"), { recursive: true });
  symlinkSync(join(disk, "model"), link);
  await executeMerge(plan(), kernel, { outDir: link });
  await executeMerge(plan(), kernel, { outDir: link, force: true });
  assert.deepEqual(readdirSync(disk), ["model"]);
  assert.ok(readdirSync(join(disk, "model")).includes("model.safetensors"));
  assert.ok(lstatSync(link).isSymbolicLink());
  const nowhere = join(scratch, "nowhere");
  symlinkSync(join(disk, "absent"), nowhere);
  await assert.rejects(executeMerge(plan(), kernel, { outDir: nowhere }), /leads nowhere/);
});

test("an empty folder is taken", async () => {
  const outDir = join(scratch, "empty");
  mkdirSync(outDir);
  await executeMerge(plan(), kernel, { outDir });
  assert.ok(existsSync(join(outDir, "config.json")));
});

test("a merge that is stopped or fails leaves nothing", async () => {
  const outDir = join(scratch, "stopped");
  const stop = new AbortController();
  const options = { outDir, signal: stop.signal, onProgress: () => stop.abort() };
  await assert.rejects(executeMerge(plan(), kernel, options), { code: "interrupted" });
  const overflowing = planOver(models, "task_arithmetic", "bfloat16", { weight: 1e39 });
  await assert.rejects(executeMerge(overflowing, kernel, { outDir }), /NaN or infinity/);
  const absent = { ...plan(), models: [...models.slice(0, 2), join(scratch, "absent")] };
  await assert.rejects(executeMerge(absent, kernel, { outDir }));
  assert.ok(!existsSync(outDir));
  assert.deepEqual(siblings(), []);
});

test("tiles change no bit, with sequential draws either", async () => {
  const [base, a, b] = [0, 1, 2].map((k) =>
    Float32Array.from({ length: 999 }, (_, i) => Math.sin(i * (k + 1))),
  );
  for (const compat of [false, true]) {
    const common = {
      method: "dare_ties",
      type: "bfloat16",
      inputs: [base!, a!, b!],
      base: 0,
      global: { normalize: 0, rescale: 1, lambda: 1.5 },
      perModel: [{}, { weight: 0.5, density: 0.4 }, { weight: 0.7, density: 0.3 }],
      compat,
    } as const;
    const whole = await mergeTensor(kernel, common);
    for (const tile of [1, 64, 100]) {
      assert.deepEqual(await mergeTensor(kernel, { ...common, tile }), whole);
    }
  }
});

test("weights that sum to 0 cannot be normalized", async () => {
  const linear = {
    method: "linear",
    type: "float32",
    inputs: [[1], [2]],
    perModel: [{ weight: 1 }, { weight: -1 }],
  } as const;
  for (const compat of [false, true]) {
    await assert.rejects(
      mergeTensor(kernel, { ...linear, global: { normalize: 1 }, compat }),
      /sum to 0/,
    );
    assert.deepEqual(
      await mergeTensor(kernel, { ...linear, global: { normalize: 0 }, compat }),
      [-1],
    );
  }
});

test("slerp returns a tensor that only one model has", async () => {
  assert.deepEqual(
    await mergeTensor(kernel, {
      method: "slerp",
      type: "bfloat16",
      inputs: [[1, 2]],
      global: { t: 0.5 },
      compat: true,
    }),
    [1, 2],
  );
});

test("an unknown method is an error with the nearest known one", () => {
  assert.throws(() => methodNamed("dare_tie"), /did you mean "dare_ties"/);
});

test("a plan's hash follows its content and its parents', not their folders", () => {
  const prints = (names: readonly string[], prefix = "sha") =>
    new Map(names.map((name, i) => [name, `${prefix}${i}`]));
  const hash = planHash(plan(), prints(models));
  assert.equal(planHash(plan(), prints(models)), hash);
  const moved = models.map((model) => `/elsewhere${model}`);
  assert.equal(planHash({ ...plan(), models: moved, donor: moved[0]! }, prints(moved)), hash);
  const others = [
    planHash({ ...plan(), seed: 2 }, prints(models)),
    planHash(planOver(models, "dare_ties", "bfloat16", { density: 0.5 }), prints(models)),
    planHash(plan(), prints(models, "other")),
  ];
  assert.equal(new Set([hash, ...others]).size, 4);
  assert.throws(() => planHash(plan(), new Map()), /no fingerprint is known/);
});
