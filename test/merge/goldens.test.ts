// Whole models: every configuration of our methods against the folder that mergekit wrote for it, tensor
// by tensor, through the YAML reader, the compiler, the executor and the checkpoint reader.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type FloatType, isFloatType } from "../../src/base/dtype.ts";
import { bf16ToF32, f16ToF32 } from "../../src/base/half.ts";
import type { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { wasmKernel } from "../../src/kernel/wasm.ts";
import { executeMerge } from "../../src/merge/execute.ts";
import { MERGE_METHODS } from "../../src/merge/methods/registry.ts";
import type { MergePlan } from "../../src/merge/plan.ts";
import { compileRecipe } from "../../src/recipe/compile.ts";
import { loadModels } from "../../src/recipe/models.ts";
import { readRecipe } from "../../src/recipe/read.ts";
import { modelReferences } from "../../src/recipe/recipe.ts";
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

interface Values {
  readonly type: FloatType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
  readonly numbers: readonly number[];
}

async function valuesOf(checkpoint: Checkpoint, name: string): Promise<Values> {
  const { dtype, shape, byteLength } = checkpoint.tensors.get(name)!;
  assert.ok(isFloatType(dtype));
  const bytes = new Uint8Array(byteLength);
  await checkpoint.read(name, 0, bytes);
  return { type: dtype, shape, bytes, numbers: decode(dtype, bytes) };
}

/** How far a method's float32 result may be from mergekit's; everything else is equal to the last bit. */
function checkTensor(plan: MergePlan, name: string, found: Values, wanted: Values): void {
  assert.equal(found.type, wanted.type, name);
  assert.deepEqual(found.shape, wanted.shape, name);
  const tensor = plan.tensors.find((one) => one.name === name)!;
  const differing = wanted.numbers.filter((x, i) => !Object.is(x, found.numbers[i])).length;
  if (wanted.type === "float32" && tensor.method === "slerp") {
    const worst = Math.max(
      ...wanted.numbers.map((x, i) => Math.abs(found.numbers[i]! - x) / Math.abs(x)),
    );
    assert.ok(worst <= 1e-6, `${name}: relative error ${worst}`);
  } else if (wanted.type === "float32" && tensor.global.rescale === 1) {
    const worst = Math.max(...wanted.numbers.map((x, i) => Math.abs(found.numbers[i]! - x)));
    assert.ok(worst <= 1e-7, `${name}: absolute error ${worst}`);
  } else {
    assert.equal(differing, 0, `${name}: ${differing} of ${wanted.numbers.length} differ`);
  }
}

const cases = "skip" in needsGoldens ? [] : [...configs(), ...guides()];
for (const { name, file, expected } of cases) {
  if (!OURS.has(methodOf(readFileSync(file, "utf8")))) continue;
  test(`mergekit's ${name} is reproduced`, async () => {
    const plan = await planOf(file, true);
    const outDir = join(out, name);
    await executeMerge(plan, kernel, { outDir });
    const [found, wanted] = await Promise.all([openCheckpoint(outDir), openCheckpoint(expected)]);
    assert.deepEqual([...found.tensors.keys()].sort(), [...wanted.tensors.keys()].sort());
    for (const tensor of wanted.tensors.keys()) {
      checkTensor(plan, tensor, await valuesOf(found, tensor), await valuesOf(wanted, tensor));
    }
    await Promise.all([found.close(), wanted.close()]);
  });
}
