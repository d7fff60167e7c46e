// A merge on several threads: the same files as on one, the same sentences when something is wrong.

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { mergePool } from "../../src/exec/merge-pool.ts";
import { wasmKernel } from "../../src/kernel/wasm/wasm.ts";
import { executeMerge, executeWith } from "../../src/merge/files/execute.ts";
import { stagingOf } from "../../src/merge/files/output-folder.ts";
import { planOver, writeModel } from "../merge/models.ts";

const scratch = mkdtempSync(join(tmpdir(), "tsmerge-pool-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
const models = ["0", "1", "2"].map((name) => join(scratch, "models", name));
before(async () => {
  for (const [i, directory] of models.entries()) await writeModel(directory, `${i}`, "bfloat16");
});
const contents = (folder: string) =>
  Object.fromEntries(
    readdirSync(folder)
      .sort()
      .map((name) => [name, readFileSync(join(folder, name)).toString("base64")]),
  );

test("any number of threads gives the same files", async () => {
  for (const method of ["ties", "dare_ties"]) {
    const plan = planOver(models, method, "bfloat16");
    const one = join(scratch, `one-${method}`);
    const expected = await executeMerge(plan, wasmKernel(), { outDir: one, shardBytes: 4000 });
    for (const threads of [1, 2, 3]) {
      const outDir = join(scratch, `${method}-${threads}`);
      let bytes = 0;
      const { weightsSha256 } = await executeWith(plan, mergePool(threads), {
        outDir,
        shardBytes: 4000,
        onProgress: (progress) => {
          bytes = progress.bytes;
        },
      });
      assert.equal(weightsSha256, expected.weightsSha256);
      assert.deepEqual(contents(outDir), contents(one));
      assert.ok(bytes > 0);
    }
  }
});

test("a thread's error arrives as its own sentence, and nothing stays", async () => {
  const outDir = join(scratch, "overflow");
  const plan = planOver(models, "task_arithmetic", "bfloat16", { weight: 1e39 });
  await assert.rejects(executeWith(plan, mergePool(2), { outDir }), /NaN or infinity/);
  const absent = { ...plan, models: [...models.slice(0, 2), join(scratch, "absent")] };
  await assert.rejects(executeWith(absent, mergePool(2), { outDir }), /absent/);
  assert.ok(!existsSync(outDir));
  assert.ok(!existsSync(stagingOf(outDir)));
});
