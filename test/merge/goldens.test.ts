// Whole models: every configuration of our methods against the folder that mergekit wrote for it, tensor
// by tensor, through the YAML reader, the compiler, the executor and the checkpoint reader.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type FloatType, isFloatType } from "../../src/base/dtype.ts";
import { roundTo } from "../../src/base/half.ts";
import type { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { wasmKernel } from "../../src/kernel/wasm/wasm.ts";
import { executeMerge } from "../../src/merge/files/execute.ts";
import { MERGE_METHODS } from "../../src/merge/methods/registry.ts";
import type { MergePlan, TensorPlan } from "../../src/merge/plan.ts";
import { elementsOf } from "../../src/merge/tensor-pass.ts";
import { compileRecipe } from "../../src/recipe/compile/compile.ts";
import { loadModels } from "../../src/recipe/compile/models.ts";
import { modelReferences } from "../../src/recipe/recipe.ts";
import { readRecipe } from "../../src/recipe/yaml/read.ts";
import { checkAgainst } from "./golden-tolerance.ts";
import { goldenPath, needsGoldens } from "./goldens-file.ts";
import { decode } from "./tensors.ts";

const out = mkdtempSync(join(tmpdir(), "tsmerge-goldens-"));
after(() => rmSync(out, { recursive: true, force: true }));
const kernel = wasmKernel();

/** The method a file names, by its text: files that do not parse are cases too. */
const methodOf = (text: string) => /^merge_method: (\S+)/m.exec(text)?.[1] ?? "";
const OURS = new Set(MERGE_METHODS.map(({ name }) => name));

interface Case {
  readonly name: string;
  readonly file: string;
  readonly expected: string;
}

function configs(): Case[] {
  const folder = goldenPath("merge", "configs");
  return readdirSync(folder).map((file) => {
    const name = file.replace(/\.yml$/, "");
    return { name, file: join(folder, file), expected: goldenPath("merge", "expected", name) };
  });
}

function guides(): Case[] {
  const folder = goldenPath("merge", "guides");
  const expected: Record<string, { equals?: string; compat?: string }> = JSON.parse(
    readFileSync(join(folder, "expected.json"), "utf8"),
  );
  return Object.entries(expected).flatMap(([name, { equals, compat }]) => {
    const result = equals ?? compat;
    if (result === undefined) return [];
    const path = goldenPath("merge", "expected", result);
    return [{ name: `guide ${name}`, file: join(folder, `${name}.yml`), expected: path }];
  });
}

async function planOf(file: string, compat: boolean): Promise<MergePlan> {
  const { recipe } = readRecipe(readFileSync(file, "utf8"), { file, compat });
  const resolve = async (reference: string) => goldenPath("merge", reference);
  const models = await loadModels(modelReferences(recipe), resolve);
  return compileRecipe(recipe, { models, seed: 42, compat });
}

/** The numbers of a tensor, cast to a type. */
async function numbersOf(checkpoint: Checkpoint, name: string, type?: FloatType) {
  const { dtype, byteLength } = checkpoint.tensors.get(name)!;
  assert.ok(isFloatType(dtype));
  const bytes = new Uint8Array(byteLength);
  await checkpoint.read(name, 0, bytes);
  const numbers = decode(dtype, bytes);
  return type === undefined ? numbers : numbers.map((x) => roundTo(type, x));
}

/** Checks every tensor; returns how many elements are not equal bit for bit. */
async function compare(plan: MergePlan, folders: Record<"found" | "unrounded" | "wanted", string>) {
  const [found, unrounded, wanted] = await Promise.all([
    openCheckpoint(folders.found),
    openCheckpoint(folders.unrounded),
    openCheckpoint(folders.wanted),
  ]);
  const models = await Promise.all(plan.models.map((model) => openCheckpoint(model)));
  let differing = 0;
  assert.deepEqual([...found.tensors.keys()].sort(), [...wanted.tensors.keys()].sort());
  for (const tensor of plan.tensors) {
    const { name, loadAs } = tensor;
    assert.equal(found.tensors.get(name)?.dtype, wanted.tensors.get(name)?.dtype, name);
    assert.deepEqual(found.tensors.get(name)?.shape, wanted.tensors.get(name)?.shape, name);
    differing += checkAgainst({
      tensor,
      found: await numbersOf(found, name),
      wanted: await numbersOf(wanted, name),
      unrounded: await numbersOf(unrounded, name),
      sources: await Promise.all(
        tensor.sources.map((source) => numbersOf(models[source.model]!, source.name, loadAs)),
      ),
    });
  }
  await Promise.all([found, unrounded, wanted, ...models].map((checkpoint) => checkpoint.close()));
  return differing;
}

const cases = "skip" in needsGoldens ? [] : [...configs(), ...guides()];
for (const { name, file, expected } of cases) {
  if (!OURS.has(methodOf(readFileSync(file, "utf8")))) continue;
  test(`mergekit's ${name} is reproduced`, async (context) => {
    const plan = await planOf(file, true);
    const folders = {
      found: join(out, name),
      unrounded: join(out, `${name}-f32`),
      wanted: expected,
    };
    await executeMerge(plan, kernel, { outDir: folders.found });
    const tensors = plan.tensors.map((tensor): TensorPlan => ({ ...tensor, dtype: "float32" }));
    await executeMerge({ ...plan, tensors }, kernel, { outDir: folders.unrounded });
    const differing = await compare(plan, folders);
    const elements = tensors.reduce((sum, { shape }) => sum + elementsOf(shape), 0);
    if (differing > 0) context.diagnostic(`${differing} of ${elements} elements differ`);
    const isHalf = plan.tensors.every(({ dtype }) => dtype !== "float32");
    if (isHalf && plan.tensors[0]?.method === "slerp") assert.ok(differing <= 1);
  });
}

test("every golden configuration of our methods is run", needsGoldens, () => {
  assert.equal(configs().length, 39);
  assert.equal(
    cases.filter(({ file }) => OURS.has(methodOf(readFileSync(file, "utf8")))).length,
    50,
  );
});
