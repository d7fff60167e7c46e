// The commands that look and change nothing: validate, diff, ls.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { MERGE_METHODS } from "../../src/merge/methods/registry.ts";
import { STRATEGIES } from "../../src/search/strategies/registry.ts";
import { writeModel } from "../merge/models.ts";

const ROOT = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "tsmerge-inspect-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function tsmerge(...words: string[]) {
  const loader = join(ROOT, "node_modules/tsx/dist/loader.mjs");
  const file = join(ROOT, "src/cli/tsmerge.ts");
  return spawnSync(process.execPath, ["--import", loader, file, ...words], {
    cwd: folder,
    encoding: "utf8",
    timeout: 60_000,
  });
}

before(async () => {
  await writeModel(join(folder, "a"), "0", "bfloat16");
  await writeModel(join(folder, "b"), "1", "float32");
  const models =
    "models:\n  - {model: a, parameters: {weight: 1}}\n  - {model: b, parameters: {weight: 1}}\n";
  writeFileSync(join(folder, "good.yml"), `merge_method: linear\n${models}`);
  writeFileSync(join(folder, "bad.yml"), `merge_methd: linear\n${models}`);
});

test("validate answers every recipe, and its exit code says whether all are good", () => {
  const good = tsmerge("validate", "good.yml");
  assert.equal(good.status, 0, good.stderr);
  assert.match(good.stdout, /^good\.yml: valid: linear of 2 models into 4 tensors$/m);
  const both = tsmerge("validate", "bad.yml", "good.yml");
  assert.equal(both.status, 2);
  assert.match(both.stdout, /bad\.yml:1:1: .*did you mean "merge_method"/s);
  assert.match(both.stdout, /^good\.yml: valid/m);
  const { schemaVersion, recipes } = JSON.parse(tsmerge("validate", "bad.yml", "--json").stdout);
  assert.equal(schemaVersion, 1);
  assert.equal(recipes[0].error.code, "config");
});

test("diff shows blocks by layer, draws them and gives every tensor as JSON", () => {
  const { status, stdout, stderr } = tsmerge("diff", "a", "b", "--svg", "diff.svg");
  assert.equal(status, 0, stderr);
  assert.match(stdout, /\| +layer \| +embedding \| +norm \| +other \|/);
  assert.match(stdout, /^\| +0 \| /m);
  const picture = readFileSync(join(folder, "diff.svg"), "utf8");
  assert.match(picture, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  assert.match(picture, /<title>layer 0, other: [\d.]+ %, cosine 0\.\d+<\/title>/);
  const json = JSON.parse(tsmerge("diff", "a", "a", "--json").stdout);
  assert.equal(json.tensors.length, 4);
  assert.deepEqual(json.whole, { norm: 0, relative: 0, cosine: 1 });
});

test("ls prints the registries", () => {
  const { stdout } = tsmerge("ls", "methods");
  for (const { name, parameters } of MERGE_METHODS) {
    assert.ok(stdout.includes(`| ${name} `), name);
    for (const parameter of parameters) assert.ok(stdout.includes(`| ${parameter.name} `));
  }
  const { strategies } = JSON.parse(tsmerge("ls", "strategies", "--json").stdout);
  assert.equal(strategies.length, STRATEGIES.length);
  assert.match(tsmerge("ls", "tasks").stdout, /\| demo +\| group/);
  assert.match(tsmerge("ls", "metods").stderr, /methods, tasks, strategies/);
});
