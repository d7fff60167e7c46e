// `tsmerge eval` as a user of lm-eval types it.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const ROOT = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "tsmerge-eval-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function evaluate(...words: string[]) {
  return spawnSync(
    process.execPath,
    ["--import", "tsx", join(ROOT, "src/cli/tsmerge.ts"), "eval", ...words],
    {
      cwd: ROOT,
      encoding: "utf8",
      timeout: 120_000,
      env: { ...process.env, XDG_CACHE_HOME: join(folder, "cache"), TSMERGE_STORE: "" },
    },
  );
}

test("an lm_eval command runs as it stands, with its table and its files", () => {
  const { status, stdout, stderr } = evaluate(
    ...[
      "--model",
      "hf",
      "--model_args",
      "pretrained=evals/demo/models/math,trust_remote_code=True",
    ],
    ...[
      "--tasks",
      "demo_math,demo_c*",
      "--num_fewshot",
      "1",
      "--limit_first",
      "5",
      "--device",
      "cpu",
    ],
    ...[
      "--batch_size",
      "auto:4",
      "--seed",
      "0,1234,1234,1234",
      "--output_path",
      join(folder, "out"),
    ],
    ...["--log_samples", "--write_out", "--stats"],
  );
  assert.equal(status, 0, stderr);
  assert.match(stdout, /prompts begin with BOS/);
  assert.match(stdout, /\| demo_math \|\s+1 \| none\s+\|\s+1 \| acc /);
  assert.match(stdout, /=== demo_code, question 0\nQuestion: /);
  assert.match(stdout, /tokens computed, each prefix once/);
  assert.match(stderr, /--batch-size is not needed/);
  assert.match(stderr, /trust_remote_code is not needed/);
  const store = join(folder, "cache/tsmerge/answers.db");
  assert.ok(stderr.includes(`answers are kept in ${store}; 0 of 10 were known`), stderr);
  assert.ok(existsSync(store));
  const files = readdirSync(join(folder, "out/evals__demo__models__math"));
  assert.equal(files.length, 3);
});

test("what is not supported is refused by name, before anything is read", () => {
  const refused = (message: RegExp, ...words: string[]): void => {
    const { status, stderr } = evaluate("evals/demo/models/math", "--tasks", "demo", ...words);
    assert.equal(status, 2, stderr);
    assert.match(stderr, message);
  };
  refused(/--config is not supported/, "--config", "lm-eval.yaml");
  refused(/did you mean|Did you mean/i, "--log_sample");
});
