// The files of a run folder: whose they are, and what is said when the disk refuses.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createRunFolder, replaceFile, runFolder } from "../../src/run/evolve/folder.ts";

const root = mkdtempSync(join(tmpdir(), "tsmerge-folder-"));

after(() => rmSync(root, { recursive: true, force: true }));

test("a run overwrites no file of a folder that holds no run", () => {
  const mine = join(root, "config.yml");
  writeFileSync(mine, "mine");
  assert.throws(() => createRunFolder(runFolder(root)), {
    code: "usage",
    message: "the folder holds config.yml but no run",
    hint: /--run-folder/,
  });
  assert.equal(readFileSync(mine, "utf8"), "mine");
  writeFileSync(join(root, "run.db"), "");
  createRunFolder(runFolder(root)); // files of a run may be there
});

test("a folder of other files may become a run's", () => {
  const folder = join(root, "workspace");
  createRunFolder(runFolder(folder));
  writeFileSync(join(folder, "evolve.yml"), "mine");
  createRunFolder(runFolder(folder));
});

test("what the disk refuses is said with the path and the reason", () => {
  const below = join(root, "config.yml/run");
  assert.throws(() => createRunFolder(runFolder(below)), { code: "io", message: /ENOTDIR/ });
  assert.throws(() => replaceFile(join(root, "gone/results.json"), ""), {
    code: "io",
    message: /cannot write .*results\.json: ENOENT/,
  });
});
