// onnxruntime would write event files under the user's cache; no process of ours may.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

/** Runs a script with an empty home and returns the files found there afterwards. */
async function filesLeftBy(script: string): Promise<string[]> {
  const home = mkdtempSync(join(tmpdir(), "tsmerge-home-"));
  const { ORT_DISABLE_TELEMETRY: _, XDG_CACHE_HOME: __, ...environment } = process.env;
  const env = { ...environment, HOME: home, USERPROFILE: home, LOCALAPPDATA: home, TMPDIR: home };
  const file = join(import.meta.dirname, script);
  await promisify(execFile)(process.execPath, ["--import", "tsx", file], { env });
  const files = readdirSync(home, { recursive: true, encoding: "utf8" });
  rmSync(home, { recursive: true });
  return files.filter((name) => !name.startsWith("tsx-")); // the test's own loader caches there
}

test("a session leaves no file behind", async () => {
  assert.deepEqual(await filesLeftBy("quiet-session.ts"), []);
});

test("nor does one in a worker thread", async () => {
  assert.deepEqual(await filesLeftBy("quiet-worker.ts"), []);
});
