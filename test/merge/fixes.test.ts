// Each fix of the methods is told where it changed something, once with its number of tensors, and nowhere else.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { wasmKernel } from "../../src/kernel/wasm/wasm.ts";
import { executeMerge } from "../../src/merge/files/execute.ts";
import { countFixes, FIX_NAMES, type Fix, fixSentence } from "../../src/merge/fixes.ts";
import { methodNamed } from "../../src/merge/methods/registry.ts";
import { type PlanOptions, planOver, writeModel } from "./models.ts";

const scratch = mkdtempSync(join(tmpdir(), "tsmerge-fixes-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
const kernel = wasmKernel();
const at = (name: string) => join(scratch, name);

before(async () => {
  await writeModel(at("base"), "0", "float32");
  await writeModel(at("a"), "1", "float32");
  await writeModel(at("b"), "2", "float32");
  await writeModel(at("against-a"), "1", "float32", -1 / 8);
  await writeModel(at("near-a"), "1", "float32", 1e-4);
  await writeModel(at("near-b"), "2", "float32", 1e-4);
});

let merges = 0;
async function fixesOf(
  method: string,
  models: readonly string[],
  options: PlanOptions = {},
): Promise<readonly Fix[]> {
  const plan = planOver(["base", ...models].map(at), method, "float32", options);
  const outDir = at(`out-${merges++}`);
  return (await executeMerge(plan, kernel, { outDir })).fixes;
}

const CASES: [string, Fix["name"], number, readonly string[], PlanOptions][] = [
  ["breadcrumbs", "band", 1, ["a", "b"], {}], // a norm of 7 elements; of a scalar neither keeps anything
  ["breadcrumbs_ties", "band", 1, ["a", "b"], {}],
  ["ties", "one", 2, ["a", "b"], { density: 0.1 }],
  ["della", "epsilon", 4, ["a", "b"], { density: 0.98 }],
  ["della_linear", "epsilon", 4, ["a"], { density: 0.1 }],
  ["sce", "uniform", 4, ["near-a", "near-b"], {}],
  ["model_stock", "apart", 4, ["a", "against-a"], {}],
  ["model_stock", "apart", 4, ["a", "against-a"], { global: { filter_wise: 1 } }],
];

for (const [method, name, tensors, models, options] of CASES) {
  test(`${method} tells of ${name} in ${tensors} tensors${options.global ? ", by rows" : ""}`, async () => {
    assert.deepEqual(await fixesOf(method, models, options), [{ name, tensors }]);
  });
}

test("merges that mergekit makes the same way tell of nothing", async () => {
  for (const method of ["ties", "della", "sce", "model_stock", "linear"]) {
    assert.deepEqual(await fixesOf(method, ["a", "a"], { density: 2 }), [], method);
  }
});

test("compat changes nothing and tells of nothing", async () => {
  assert.deepEqual(await fixesOf("breadcrumbs", ["a", "b"], { compat: true }), []);
});

test("arcee_fusion tells of quantiles that mergekit would sample", async () => {
  const { fixes } = methodNamed("arcee_fusion");
  const merge = { inputs: 2, base: 0, global: {}, perModel: [{}, {}], shape: [] } as const;
  const of = (elements: number) =>
    fixes?.({ ...merge, elements, arithmetic: "float32", compat: false }, undefined as never);
  assert.deepEqual(of(1e6), []);
  assert.deepEqual(of(1e6 + 1), ["sample"]);
});

test("a fix is one sentence, whatever the number of tensors", () => {
  const names = FIX_NAMES.flatMap((name) => [name, name]);
  const fixes = countFixes([...names, "band"]);
  assert.deepEqual(fixes[0], { name: "band", tensors: 3 });
  assert.equal(fixes.length, FIX_NAMES.length);
  for (const fix of [...fixes, ...countFixes(FIX_NAMES)]) {
    assert.match(fixSentence(fix), /^[a-z0-9][^\n]* mergekit[^\n]*[a-z1)]$/);
  }
  assert.match(fixSentence({ name: "band", tensors: 1 }), /of 1 tensor where/);
});
