// Odd terminals, as users have them: readers that leave early.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const ROOT = join(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "tsmerge-terminal-"));
const SEARCH = ["configs/demo.yml", "--task", "demo", "--limit", "8", "--report-limit", "8"];

after(() => rmSync(folder, { recursive: true, force: true }));

type Stream = "stdout" | "stderr";

/** Runs a program whose reader of one stream leaves at once; the other stream's text and the exit code. */
async function readerless(leaves: Stream, program: string, ...words: string[]) {
  const script = join(ROOT, `src/cli/${program}.ts`);
  const child = spawn(process.execPath, ["--import", "tsx", script, ...words], { cwd: ROOT });
  child[leaves].destroy();
  let text = "";
  child[leaves === "stdout" ? "stderr" : "stdout"].on("data", (data) => {
    text += data;
  });
  const [code] = await once(child, "close");
  return { code, text };
}

test("a reader that leaves early gets no stack trace and no failure", async () => {
  const recipes = ["configs/recipes/ties.yml", "configs/recipes/slerp.yml"];
  const { code, text } = await readerless("stdout", "tsmerge", "validate", ...recipes);
  assert.equal(text, "");
  assert.equal(code, 0);
});

test("a search goes on when nobody reads its talk any more", async () => {
  const words = [...SEARCH, "--max-evals", "1", "--run-folder", join(folder, "unread")];
  const { code, text } = await readerless("stderr", "tsmerge-evolve", ...words);
  assert.match(text, /1 candidates \(less than a generation\)/);
  assert.equal(code, 0);
});
