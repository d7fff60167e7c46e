// Data flows of the demo family: candidates of several depths in one search, and what ships is what was scored.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { wasmKernel } from "../../src/kernel/wasm/wasm.ts";
import { openLineage } from "../../src/lineage/lineage.ts";
import { CandidateMerger } from "../../src/merge/candidates/candidate.ts";
import { executeMerge } from "../../src/merge/files/execute.ts";
import { compileRecipe } from "../../src/recipe/compile/compile.ts";
import { loadModels } from "../../src/recipe/compile/models.ts";
import { singleModel } from "../../src/recipe/search/baselines.ts";
import { readSearchFile } from "../../src/recipe/search/search-file.ts";
import { searchSpace } from "../../src/recipe/search/space.ts";
import { evolve } from "../../src/run/evolve/evolve.ts";
import { digestOf } from "../merge/tensors.ts";
import { quickFolder } from "./quick-folder.ts";

const ROOT = join(import.meta.dirname, "../..");
const FILE = "configs/data-flow.yml";
const text = readFileSync(join(ROOT, FILE), "utf8");
const folder = quickFolder();
process.chdir(ROOT); // the file names models from the repository's root

/** A search of ten candidates; their recipes and scores. */
async function searched(workers: number) {
  const runFolder = join(folder, `${workers}`);
  const { search } = await evolve({
    ...{ file: FILE, text, runFolder, limit: 20, reportLimit: 20, seed: 2, workers },
    ...{ budget: { maxEvals: 10 }, population: 5, device: "cpu", environment: {} },
  });
  assert.deepEqual([search.evaluations, search.failed], [10, 0]);
  const lineage = openLineage(join(runFolder, "run.db"), { readonly: true });
  const candidates = lineage.candidates.list({ kind: "search" });
  lineage.close();
  return candidates.map(({ recipe, fitness }) => ({ recipe, fitness }));
}

test("a search scores stacks of several depths, whichever decoder a worker has kept", async () => {
  const candidates = await searched(1);
  const depths = candidates.map(({ recipe }) =>
    [...recipe.matchAll(/layer_range: \[(\d+), (\d+)\]/g)].reduce(
      (sum, [, first, end]) => sum + Number(end) - Number(first),
      0,
    ),
  );
  assert.ok(new Set(depths).size > 2, `${depths}`);
  assert.deepEqual(await searched(2), candidates);
});

test("a scaled stack merges to the same bytes in memory and to files; the plain one is its parent", async () => {
  const { genome } = readSearchFile(text, { file: FILE }).config;
  const models = await loadModels(genome.models, async (reference) => join(ROOT, reference));
  const space = searchSpace(genome, models, 0);
  const context = { models, seed: 0, compat: false };
  const merger = new CandidateMerger(wasmKernel());
  const mergedDigest = async (recipe: Parameters<typeof compileRecipe>[0]) => {
    const plan = compileRecipe(recipe, context);
    return digestOf(plan, await merger.merge(plan));
  };
  const parent = await mergedDigest(singleModel(genome.models[0]!));
  assert.equal(await mergedDigest(space.decode(space.start)), parent);
  const stacked = space.start.map((x, i) => (i % 3 === 0 ? space.upper[i]! : x));
  const recipe = space.decode(stacked);
  const outDir = join(folder, "merged");
  const executed = await executeMerge(compileRecipe(recipe, context), wasmKernel(), { outDir });
  assert.equal(await mergedDigest(recipe), executed.weightsSha256);
  assert.equal(await mergedDigest(space.decode(space.start)), parent); // after another depth
  merger.close();
});
