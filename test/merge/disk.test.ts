// Disks that are too small: told before the first byte where that can be known, and left clean where not.

import assert from "node:assert/strict";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statfsSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { layOut } from "../../src/checkpoint/layout.ts";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { wasmKernel } from "../../src/kernel/wasm/wasm.ts";
import { type HireCrew, soloCrew } from "../../src/merge/files/crew.ts";
import { executeMerge, executeWith } from "../../src/merge/files/execute.ts";
import { stagingOf } from "../../src/merge/files/output-folder.ts";
import { compileRecipe } from "../../src/recipe/compile/compile.ts";
import { loadModels } from "../../src/recipe/compile/models.ts";
import { readRecipe } from "../../src/recipe/yaml/read.ts";
import { planOver, writeModel } from "./models.ts";

const scratch = mkdtempSync(join(tmpdir(), "tsmerge-disk-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
const kernel = wasmKernel();

/** More than any disk here has free, and less than a file system lets a file claim. */
const HUGE = 2 ** 42;
const { bavail, bsize } = statfsSync(scratch);
const skip = bavail * bsize < HUGE ? false : "the disk has 4 TiB free";

test("a merge that the disk cannot hold is refused before it writes", { skip }, async () => {
  const model = join(scratch, "claims");
  await writeModel(model, "0", "bfloat16");
  const { header, fileBytes } = layOut(
    [{ name: "block.0.w", dtype: "bfloat16", shape: [2 ** 20, 2 ** 21] }],
    {},
  );
  const file = join(model, "model.safetensors");
  writeFileSync(file, header);
  truncateSync(file, fileBytes); // a hole takes no room
  const { recipe } = readRecipe("merge_method: passthrough\nmodels: [claims]\n", {
    file: "r.yml",
    compat: false,
  });
  const models = await loadModels(["claims"], async () => model);
  const plan = compileRecipe(recipe, { models, seed: 0, compat: false });
  const outDir = join(scratch, "never");
  await assert.rejects(executeMerge(plan, kernel, { outDir }), {
    code: "io",
    message: /^the disk of .*never has \d+ MiB free of 4194305 MiB needed$/,
    hint: "free some space, or choose a folder on another disk",
  });
  assert.ok(!existsSync(outDir) && !existsSync(stagingOf(outDir)));
});

/** A crew for one tensor at a time that begins when the shard `file` lies on a disk that is full. */
function crewOnFullDisk(outDir: string, file: string): HireCrew {
  return async (plan, options) => {
    symlinkSync("/dev/full", join(stagingOf(outDir), `${file}.tmp`));
    return { ...(await soloCrew(kernel)(plan, options)), inWork: 1 };
  };
}

test("a disk that fills up leaves nothing, or whole shards that the next merge goes on from", {
  skip: existsSync("/dev/full") ? false : "no /dev/full",
}, async () => {
  const models = ["0", "1"].map((name) => join(scratch, `m${name}`));
  for (const [i, directory] of models.entries()) await writeModel(directory, `${i}`, "bfloat16");
  const plan = planOver(models, "linear", "bfloat16");
  const shardBytes = 4000;
  const whole = await executeMerge(plan, kernel, { outDir: join(scratch, "whole"), shardBytes });

  const first = join(scratch, "first");
  const hire = crewOnFullDisk(first, "model-00001-of-00003.safetensors");
  await assert.rejects(executeWith(plan, hire, { outDir: first, shardBytes }), {
    code: "io",
    message: /ENOSPC/,
    hint: "free some space, or choose a folder on another disk",
  });
  assert.ok(!existsSync(first) && !existsSync(stagingOf(first)));

  const second = join(scratch, "second");
  const late = crewOnFullDisk(second, "model-00002-of-00003.safetensors");
  await assert.rejects(executeWith(plan, late, { outDir: second, shardBytes }), {
    message: /ENOSPC.*; 1 complete shard stays in .*tsmerge-partial$/,
  });
  assert.deepEqual(readdirSync(stagingOf(second)).sort(), [
    ".tsmerge-merge.json",
    "model-00001-of-00003.safetensors.tmp",
  ]);
  const again = await executeMerge(plan, kernel, { outDir: second, shardBytes });
  assert.equal(again.weightsSha256, whole.weightsSha256);
  await (await openCheckpoint(second)).close();
});
