// Distances of tensors: exact on numbers whose sums are, whatever the stored types.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { FloatType } from "../../src/base/dtype.ts";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { CheckpointWriter } from "../../src/checkpoint/writer.ts";
import { wasmKernel } from "../../src/kernel/wasm/wasm.ts";
import { cosineOf, distanceOf, normOf, relativeNormOf } from "../../src/merge/compare.ts";
import { encode } from "./tensors.ts";

const scratch = mkdtempSync(join(tmpdir(), "tsmerge-compare-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

async function model(name: string, dtype: FloatType, values: readonly number[]) {
  const directory = join(scratch, name);
  mkdirSync(directory);
  writeFileSync(join(directory, "config.json"), "{}");
  const writer = await CheckpointWriter.open(directory, [
    { name: "x", dtype, shape: [values.length] },
  ]);
  await writer.write("x", encode(dtype, values));
  await writer.finish();
  return openCheckpoint(directory);
}

test("norm, relative norm and cosine of a tensor in two types", async () => {
  const a = await model("a", "bfloat16", [3, 0, 4, 0]);
  const b = await model("b", "float32", [0, 3, 4, 0]);
  const distance = await distanceOf(wasmKernel(), [a, b], "x");
  assert.deepEqual(distance, { first: 25, second: 25, product: 16, difference: 18 });
  assert.equal(normOf(distance), Math.sqrt(18));
  assert.equal(relativeNormOf(distance), Math.sqrt(18 / 25));
  assert.equal(cosineOf(distance), 16 / 25);
  await assert.rejects(distanceOf(wasmKernel(), [a, b], "y"), /no tensor y/);
  await Promise.all([a.close(), b.close()]);
});
