// The list of runs in a folder.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openLineage } from "../../src/lineage/lineage.ts";
import { listRuns, RUN_DATABASE } from "../../src/lineage/runs.ts";
import { temporaryFolder } from "./folder.ts";
import { search } from "./toy.ts";

test("runs are listed by their last activity; what cannot be read is listed with the reason", (t) => {
  const folder = temporaryFolder(t);
  assert.deepEqual(listRuns(folder), []);
  assert.deepEqual(listRuns(join(folder, "missing")), []);
  assert.throws(() => listRuns(import.meta.filename), { code: "io", message: /^cannot list/ });
  for (const [name, now] of [
    ["a-newer", 2000],
    ["b-older", 1000],
  ] as const) {
    mkdirSync(join(folder, name));
    const lineage = openLineage(join(folder, name, RUN_DATABASE), { now: () => now });
    search(lineage, () => {});
    lineage.close();
  }
  mkdirSync(join(folder, "broken"));
  writeFileSync(join(folder, "broken", RUN_DATABASE), "no database at all".repeat(50));
  mkdirSync(join(folder, "no run"));
  writeFileSync(join(folder, "stray file"), "");

  const [broken, older, newer, ...rest] = listRuns(folder);
  assert.deepEqual(rest, []);
  assert.ok(broken && "unreadable" in broken);
  assert.match(broken.unreadable.message, /SQLITE_NOTADB/);
  assert.ok(older && "counts" in older && newer && "counts" in newer);
  assert.equal(older.directory, join(folder, "b-older"));
  assert.deepEqual(older.counts, { pending: 0, running: 0, done: 12, failed: 0 });
  assert.equal(older.generation, 4);
  assert.equal(older.stage, "finished");
  assert.equal(older.best?.status, "done");
  assert.equal(newer.updatedMs, 2000);
});
