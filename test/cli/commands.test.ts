// The programs as a user meets them: exit codes, what goes to stdout and what to stderr, sentences that
// teach. One small search is made once and looked at from every side.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

const ROOT = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "tsmerge-cli-"));
const home = join(folder, "home");
const run = join(folder, "run");
const EVOLVE = ["configs/demo.yml", "--tasks", "demo", "--limit", "40", "--report-limit", "60"];

function tsmerge(program: "tsmerge" | "tsmerge-evolve", ...words: string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--import", "tsx", join(ROOT, `src/cli/${program}.ts`), ...words],
    {
      cwd: ROOT,
      encoding: "utf8",
      timeout: 120_000,
      env: { ...process.env, HOME: home, XDG_CACHE_HOME: join(home, "cache") },
    },
  );
  return { status, stdout, stderr };
}

function sha256(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

before(() => {
  const words = [...EVOLVE, "--max-fevals", "12", "--random-seed", "3", "--storage-path", run];
  const { status, stdout, stderr } = tsmerge("tsmerge-evolve", ...words);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /95 % interval/);
  assert.match(stderr, /new best .* on 40 search items/);
});

after(() => rmSync(folder, { recursive: true, force: true }));

test("a run folder holds its config, database, recipe, results and events, and nothing else", () => {
  const expected = ["best_config.yaml", "config.yml", "events.jsonl", "results.json", "run.db"];
  const files = readdirSync(run).filter((name) => !name.endsWith("-lock"));
  assert.deepEqual(files.sort(), expected);
});

test("no process writes into the home folder", () => {
  assert.equal(existsSync(home), false);
});

test("the same command prints the finished run's result without searching", () => {
  const words = [...EVOLVE, "--max-evals", "12", "--seed", "3", "--run-folder", run, "--json"];
  const { status, stdout, stderr } = tsmerge("tsmerge-evolve", ...words);
  assert.equal(status, 0, stderr);
  const result = JSON.parse(stdout);
  assert.equal(result.schemaVersion, 2);
  assert.equal(result.search.evaluations, 12);
  assert.deepEqual(result, JSON.parse(readFileSync(join(run, "results.json"), "utf8")));
  assert.doesNotMatch(stderr, /new best/);
});

test("another seed in the same folder is refused with what differs", () => {
  const words = [...EVOLVE, "--max-evals", "12", "--seed", "4", "--run-folder", run];
  const { status, stderr } = tsmerge("tsmerge-evolve", ...words);
  assert.equal(status, 1);
  assert.match(stderr, /seed/);
  assert.match(stderr, /3/);
  assert.match(stderr, /4/);
});

test("runs, show and show CANDIDATE tell what was tried", () => {
  const runs = tsmerge("tsmerge", "runs", folder);
  assert.match(runs.stdout, /run .* finished .* 12 /);
  const whole = tsmerge("tsmerge", "show", run);
  assert.match(whole.stdout, /12 candidates done/);
  assert.match(whole.stdout, /parent:geography/);
  const one = tsmerge("tsmerge", "show", run, "0.03");
  assert.match(one.stdout, /merge_method: task_arithmetic/);
  const wrong = tsmerge("tsmerge", "show", run, "0.033");
  assert.equal(wrong.status, 1 + 1);
  assert.match(wrong.stderr, /did you mean "0.03"/);
});

test("an exported winner merges to the same bytes again, and scores what was reported", () => {
  const exported = join(folder, "export");
  const first = tsmerge("tsmerge", "export", run, "--candidate", "best", "-o", exported);
  assert.equal(first.status, 0, first.stderr);
  const recipe = join(exported, "best_config.yaml");
  const again = tsmerge("tsmerge", "merge", recipe, join(folder, "again"));
  assert.equal(again.status, 0, again.stderr);
  assert.equal(
    sha256(join(exported, "model/model.safetensors")),
    sha256(join(folder, "again/model.safetensors")),
  );
  const words = ["--tasks", "demo", "--limit", "30", "--num_fewshot", "2", "--json"];
  const { status, stdout, stderr } = tsmerge("tsmerge", "eval", join(folder, "again"), ...words);
  assert.equal(status, 0, stderr);
  assert.equal(JSON.parse(stdout).scores.length, 30);
});

test("export --config-only writes the recipe alone, of any model that the results name", () => {
  const exported = join(folder, "recipe-only");
  const { status } = tsmerge("tsmerge", "export", run, "-o", exported, "--config-only");
  assert.equal(status, 0);
  assert.deepEqual(readdirSync(exported), ["best_config.yaml"]);
  const { shortlist } = JSON.parse(readFileSync(join(run, "results.json"), "utf8"));
  const mean = shortlist.find(({ kind }: { kind: string }) => kind === "mean").label;
  const words = ["--candidate", mean, "-o", join(folder, "mean-only"), "--config-only"];
  assert.equal(tsmerge("tsmerge", "export", run, ...words).status, 0);
});

test("a merge replaces a model when forced to, and nothing else ever", () => {
  const recipe = join(run, "best_config.yaml");
  const out = join(folder, "replaced");
  assert.equal(tsmerge("tsmerge", "merge", recipe, out).status, 0);
  const taken = tsmerge("tsmerge", "merge", recipe, out);
  assert.equal(taken.status, 1);
  assert.match(taken.stderr, /--force/);
  assert.equal(tsmerge("tsmerge", "merge", recipe, out, "--force").status, 0);
  const notAModel = tsmerge("tsmerge", "merge", recipe, run, "--force");
  assert.equal(notAModel.status, 1);
  assert.match(notAModel.stderr, /holds no model/);
  assert.ok(existsSync(join(run, "run.db")));
});

test("mistakes exit with 2 and name the place and the remedy", () => {
  const file = join(folder, "typo.yml");
  writeFileSync(file, "merge_method: linear\nmodels:\n  - model: a\n    parametrs: {weight: 1}\n");
  const typo = tsmerge("tsmerge", "merge", file, join(folder, "never"));
  assert.equal(typo.status, 2);
  assert.match(typo.stderr, /typo\.yml:4:5/);
  assert.match(typo.stderr, /did you mean "parameters"/);
  const flag = tsmerge("tsmerge-evolve", "configs/demo.yml", "--max-eval", "3");
  assert.equal(flag.status, 2);
  assert.match(flag.stderr, /Did you mean --max-evals/);
  const task = tsmerge("tsmerge-evolve", "configs/demo.yml", "--task", "dmo", "--dry-run");
  assert.equal(task.status, 2);
  assert.match(task.stderr, /did you mean "demo"/);
  const missing = tsmerge("tsmerge-evolve", "no.yml", "--task", "demo");
  assert.equal(missing.status, 2);
  assert.match(missing.stderr, /no\.yml/);
});

test("cuda is refused with a sentence for now", () => {
  const words = [join(run, "best_config.yaml"), join(folder, "never"), "--device", "cuda"];
  const { status, stderr } = tsmerge("tsmerge", "merge", ...words);
  assert.equal(status, 1);
  assert.match(stderr, /CUDA/);
});

test("a guide's mergekit-evolve command runs, and says which flags mean nothing here", () => {
  const { status, stdout, stderr } = tsmerge(
    "tsmerge-evolve",
    "configs/guide-evolve.yml",
    ...["--storage-path", join(folder, "workspace"), "--n-iterations", "1", "--strategy", "pool"],
    ...["--in-memory", "--batch-size", "8", "--no-merge-cuda", "--task", "demo", "--dry-run"],
  );
  assert.equal(status, 0, stderr);
  assert.match(stdout, /genes/);
  for (const flag of ["--in-memory", "--batch-size", "--no-merge-cuda", "--strategy pool"]) {
    assert.ok(stderr.includes(`${flag} is not needed`), `${flag} in: ${stderr}`);
  }
  assert.doesNotMatch(stderr, /--merge-cuda is not needed/);
});
