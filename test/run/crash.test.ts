// A worker that aborts natively takes its process with it; the supervisor starts it again, and the
// candidate that did it is given up after the second time.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { supervise } from "../../src/exec/supervisor.ts";
import { openLineage } from "../../src/lineage/lineage.ts";
import { quickFolder } from "./quick-folder.ts";
import { searchArguments } from "./searches.ts";

test("two native aborts in one candidate mark it failed, and the search goes on", async (t) => {
  const folder = quickFolder();
  // `random` begins with the start point: weights of 0.5
  const [script, ...argv] = searchArguments(folder, {
    maxEvals: 6,
    workers: 2,
    strategy: "random",
    slow: { batchMs: 1, abortOn: 0.5 },
    silent: true,
  });
  const deaths: string[] = [];
  const code = await supervise({
    script: script!,
    argv,
    environment: process.env,
    onRestart: (death) => deaths.push(death),
  });
  assert.equal(code, 0);
  assert.deepEqual(deaths, ["SIGABRT", "SIGABRT"]);

  const lineage = openLineage(join(folder, "run.db"), { readonly: true });
  t.after(() => lineage.close());
  const searched = lineage.candidates.list({ kind: "search" });
  const [guilty, ...others] = searched;
  assert.equal(searched.length, 6);
  assert.equal(guilty!.status, "failed");
  assert.equal(guilty!.deaths, 2);
  assert.match(guilty!.error!.message, /died 2 times while it ran, the last time by SIGABRT/);
  // who ran beside it was suspected at most once, ran alone and was cleared
  assert.ok(others.every(({ status, deaths }) => status === "done" && deaths <= 1));
  assert.equal(lineage.run()?.stage, "finished");
});
