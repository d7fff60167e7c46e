// `tsmerge merge` as a user of mergekit-yaml meets it: its options, several recipes at once, what it says
// before it begins, and the model card.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { parse } from "yaml";
import { CheckpointWriter } from "../../src/checkpoint/writer.ts";
import { mergeProgress } from "../../src/cli/merge-progress.ts";
import { elementsOf } from "../../src/merge/tensor-pass.ts";
import { SHAPES, writeModel } from "../merge/models.ts";

const ROOT = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "tsmerge-merge-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);
const recipe = (name: string, text: string) => writeFileSync(at(name), text);

function run(program: "tsmerge" | "tsmerge-yaml", ...words: string[]) {
  const file = join(ROOT, `src/cli/${program}.ts`);
  const loader = join(ROOT, "node_modules/tsx/dist/loader.mjs");
  return spawnSync(process.execPath, ["--import", loader, file, ...words], {
    cwd: folder,
    encoding: "utf8",
    timeout: 60_000,
  });
}

before(async () => {
  for (const name of ["0", "1"]) await writeModel(at(`m${name}`), name, "bfloat16");
  const models =
    "models:\n  - {model: m0, parameters: {weight: 1}}\n  - {model: m1, parameters: {weight: 1}}\n";
  recipe("soup.yml", `merge_method: linear\n${models}`);
  recipe("half.yml", `merge_method: linear\n${models}dtype: float16\n`);
});

test("mergekit-yaml's command runs, and each option without meaning says why", () => {
  const { status, stdout, stderr } = run(
    "tsmerge-yaml",
    ...["soup.yml", "out", "--cuda", "--lazy-unpickle", "--allow-crimes", "--copy-tokenizer"],
    ...["--out-shard-size", "1M", "--low-cpu-memory", "--clone-tensors", "--write-model-card"],
    ...["--random-seed", "3", "-v", "--trust-remote-code", "--async-write", "--write-threads", "2"],
    ...["--lora-merge-cache", "/tmp", "--transformers-cache", "/tmp", "-j", "2"],
  );
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^out: \d files, weights sha256 [0-9a-f]{64}\n$/);
  for (const flag of ["--cuda", "--lazy-unpickle", "--clone-tensors", "--verbose"]) {
    assert.ok(stderr.includes(`${flag} is not needed: `), `${flag} in ${stderr}`);
  }
  assert.doesNotMatch(stderr, /--copy-tokenizer|--allow-crimes|--num-threads/);
  assert.equal(
    stderr.match(/^note: configuration and tokenizer are the first model's/gm)?.length,
    1,
  );
});

test("the card names parents with hashes, version, seed, command and recipe", () => {
  const card = readFileSync(at("out/README.md"), "utf8");
  const [, metadata] = card.split("---\n");
  assert.deepEqual(parse(metadata!), {
    base_model: ["m0", "m1"],
    library_name: "transformers",
    tags: ["merge", "mergekit", "tsmerge"],
  });
  assert.equal(card.match(/\| [0-9a-f]{64} +\|/g)?.length, 3); // two parents and the weights
  assert.match(card, /\| seed +\| 3 /);
  assert.match(card, /`tsmerge-yaml soup\.yml out --cuda/);
  assert.match(card, /\n## Otherwise than mergekit\n\n- configuration and tokenizer are .*\n\n## /);
  assert.match(card, /```yaml\n[^`]*merge_method: linear/);
  assert.ok(card.includes(readFileSync(at("out/mergekit_config.yml"), "utf8").trim()));
});

test("--out-dir merges every recipe into a folder of its name", () => {
  const words = ["merge", "soup.yml", "half.yml", "--out-dir", "many", "--json"];
  const { status, stdout, stderr } = run("tsmerge", ...words, "--no-write-model-card");
  assert.equal(status, 0, stderr);
  assert.equal(stderr, "");
  const { schemaVersion, merges } = JSON.parse(stdout);
  assert.equal(schemaVersion, 1);
  assert.deepEqual(
    merges.map(({ out }: { out: string }) => out),
    ["many/soup", "many/half"],
  );
  assert.deepEqual(readdirSync(at("many")).sort(), ["half", "soup"]);
  assert.ok(!existsSync(at("many/soup/README.md")));
});

test("paths that do not pair up are a usage error", () => {
  const three = run("tsmerge", "merge", "soup.yml", "half.yml", "x");
  assert.equal(three.status, 2);
  assert.match(three.stderr, /--out-dir DIR/);
  const twins = run("tsmerge", "merge", "soup.yml", "./soup.yml", "--out-dir", "x");
  assert.equal(twins.status, 2);
  assert.match(twins.stderr, /two recipes/);
});

test("--dry-run prints sizes, room and time, and writes nothing", () => {
  const { status, stdout, stderr } = run("tsmerge", "merge", "soup.yml", "never", "--dry-run");
  assert.equal(status, 0, stderr);
  assert.match(stdout, /result: linear, seed 0: .*4 tensors, 73\.4 k parameters in 1 file/);
  assert.match(stdout, /disk: reads 287 KiB, writes 144 KiB of .* free/);
  assert.match(stdout, /nothing stands in the way/);
  assert.ok(!existsSync(at("never")) && !existsSync(at("never.tsmerge-partial")));
});

test("models that do not fit are told by name before anything is merged", async () => {
  const directory = at("wide");
  await writeModel(directory, "1", "bfloat16");
  rmSync(join(directory, "model.safetensors"));
  const shapes = { ...SHAPES, "model.layers.0.weight": [33, 66] };
  const tensors = Object.entries(shapes).map(([name, shape]) => ({
    name,
    shape,
    dtype: "bfloat16" as const,
  }));
  const writer = await CheckpointWriter.open(directory, tensors);
  for (const { name, shape } of tensors) {
    await writer.write(name, new Uint8Array(2 * elementsOf(shape)));
  }
  await writer.finish();
  recipe(
    "unfit.yml",
    "merge_method: linear\nmodels:\n  - {model: m0, parameters: {weight: 1}}\n  - {model: wide, parameters: {weight: 1}}\n",
  );
  const { status, stdout } = run("tsmerge", "merge", "unfit.yml", "never", "--dry-run");
  assert.equal(status, 1);
  assert.match(
    stdout,
    /problem: model\.layers\.0\.weight is \[33, 65\] in m0 and \[33, 66\] in wide/,
  );
  assert.match(stdout, /this merge would fail/);
});

test("the status line names tensor, layer, rate and time left", () => {
  let now = 0;
  const show = mergeProgress(() => now);
  const base = {
    done: 3,
    tensors: 9,
    totalBytes: 4e9,
    tensor: "model.layers.7.mlp.up_proj.weight",
  };
  show({ ...base, bytes: 1e9 });
  now = 2000;
  assert.equal(
    show({ ...base, bytes: 2e9 }),
    "merging 3/9 tensors, 50 %   layer 7: mlp.up_proj.weight   500 MB/s   ETA 0:04",
  );
});
