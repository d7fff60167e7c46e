// Statistics: exact selection whatever the procedure, sums that no tile size changes.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { draw24 } from "../../src/base/counter-rng.ts";
import { referenceKernel } from "../../src/kernel/reference/kernel.ts";
import { wasmKernel } from "../../src/kernel/wasm/wasm.ts";
import { counterGenerator } from "../../src/merge/draws.ts";
import { elementReader } from "../../src/merge/elements.ts";
import {
  keptCount,
  type Stream,
  selectCut,
  streamedMagnitudes,
  tableOf,
} from "../../src/merge/statistics/magnitudes.ts";
import { tensorFacts } from "../../src/merge/statistics/statistics.ts";
import { cascadeSum, orderedSum } from "../../src/merge/statistics/sums.ts";
import { residentInputs } from "../../src/merge/tensor-inputs.ts";
import { randomNumbers } from "./models.ts";
import { encode } from "./tensors.ts";

/** A task vector in tiles of `tile` elements; a visitor may overwrite what it is given. */
const streamOf =
  (values: Float32Array, tile: number): Stream =>
  async (visit) => {
    for (let at = 0; at < values.length; at += tile) {
      visit(values.slice(at, at + tile), at);
    }
  };

/** Indices that a cut keeps. */
const keptBy = (values: Float32Array, { threshold, cut }: { threshold: number; cut: number }) =>
  [...values.keys()].filter((i) => {
    const x = Math.abs(values[i]!);
    return x > threshold || (x === threshold && i < cut);
  });

/** The k largest by sorting: by magnitude, then by index. */
const keptBySorting = (values: Float32Array, k: number) =>
  [...values.keys()]
    .sort((a, b) => Math.abs(values[b]!) - Math.abs(values[a]!) || a - b)
    .slice(0, k)
    .sort((a, b) => a - b);

/** Few distinct magnitudes, so that ties are everywhere; all kinds of floats beside them. */
const taskVector = fc
  .array(fc.oneof(fc.constantFrom(0, -0, 0.5, -0.5, 0.25), fc.float({ noNaN: true })), {
    minLength: 1,
    maxLength: 200,
  })
  .map((values) => Float32Array.from(values));

test("the sorted table and the streaming selection cut alike, and as sorting does", async () => {
  const density = fc.integer({ min: 0, max: 4095 });
  const tile = fc.integer({ min: 1, max: 64 });
  await fc.assert(
    fc.asyncProperty(taskVector, density, tile, async (values, step, size) => {
      const k = keptCount(step / 4096, values.length);
      const table = await tableOf(streamOf(values, size), values.length);
      const fromTable = { threshold: table.thresholds[step]!, cut: table.cuts[step]! };
      const magnitudes = streamedMagnitudes(streamOf(values, size), values.length);
      const selected = await selectCut(magnitudes, k);
      assert.deepEqual(selected, fromTable);
      assert.deepEqual(keptBy(values, selected), keptBySorting(values, k));
    }),
  );
});

test("k is cut towards zero in f64, and never 0", () => {
  assert.equal(keptCount(0.29, 100), 28);
  assert.equal(keptCount(0.57, 100), 56);
  assert.equal(keptCount(0.001, 100), 1);
});

for (const kernel of [referenceKernel(), wasmKernel()]) {
  test(`task vectors of the ${kernel.name} kernel are sorted at any density`, async () => {
    const [base, model] = [randomNumbers("base", 5000), randomNumbers("model", 5000)];
    const delta = model.map((x, i) => Math.fround(x - base[i]!));
    for (const isReused of [true, false]) {
      const facts = factsOf(kernel, [base, model], isReused);
      for (const density of [0, 1 / 4096, 0.25, 0.3, 0.9999]) {
        const cut = await facts.magnitudeCut(1, density);
        assert.deepEqual(keptBy(delta, cut), keptBySorting(delta, keptCount(density, 5000)));
      }
    }
  });
}

function factsOf(
  kernel: ReturnType<typeof wasmKernel>,
  inputs: readonly Float32Array[],
  isReused = true,
) {
  const bytes = inputs.map((values) => encode("float32", values));
  const types = bytes.map(() => "float32" as const);
  const resident = residentInputs(inputs[0]!.length, types, bytes);
  const reader = elementReader(kernel, resident, undefined, "float32");
  const draws = counterGenerator(7).tensor("t", inputs[0]!.length, [0]);
  return tensorFacts(reader, 0, isReused).statistics(draws, false);
}

/** f64 sums of blocks of 2^18 elements, each in eight lanes, as ElementReader.sums documents them. */
function sumInBlocks(values: Float64Array): number {
  let total = 0;
  for (let first = 0; first < values.length; first += 2 ** 18) {
    const block = values.subarray(first, first + 2 ** 18);
    const lanes = new Float64Array(8);
    const whole = block.length - (block.length % 8);
    for (let e = 0; e < whole; e++) lanes[e % 8]! += block[e]!;
    const [a, b, c, d, e, f, g, h] = lanes;
    const rest = block.subarray(whole).reduce((sum, x) => sum + x, 0);
    total += a! + c! + (e! + g!) + (b! + d! + (f! + h!)) + rest;
  }
  return total;
}

test("masses are f64 sums in eight lanes of what is drawn or cut", async () => {
  const n = 70_001;
  const [base, model] = [randomNumbers("base", n), randomNumbers("model", n)];
  const { keys } = counterGenerator(7).tensor("t", n, [0]);
  const magnitudes = Float64Array.from(model, (x, i) => Math.abs(Math.fround(x - base[i]!)));
  const sumWhere = (isKept: (i: number) => boolean) =>
    sumInBlocks(magnitudes.map((x, i) => (isKept(i) ? x : 0)));
  const total = sumWhere(() => true);
  for (const kernel of [referenceKernel(), wasmKernel()]) {
    const facts = factsOf(kernel, [base, model], false);
    for (const bound of [0, 4096, 2 ** 23, 1, 2 ** 23 + 1, 2 ** 24]) {
      const kept = sumWhere((i) => draw24(keys![0]!, i) < bound);
      const mass = await facts.drawnMass(1, 0, bound);
      if (bound % 4096 !== 0) assert.deepEqual(mass, { total, kept }, `bound ${bound}`);
      // those bounds have a table, whose sums are in another order
      assert.ok(Math.abs(mass.total - total) <= 1e-12 * total, `bound ${bound}`);
      assert.ok(Math.abs(mass.kept - kept) <= 1e-12 * total, `bound ${bound}`);
    }
    const most = new Set(keptBySorting(Float32Array.from(magnitudes), 20_000));
    const least = new Set(keptBySorting(Float32Array.from(magnitudes), 300));
    const kept = sumWhere((i) => most.has(i) && !least.has(i));
    assert.deepEqual(await facts.bandMass(1, 20_000, 300), { total, kept });
  }
});

test("dot products are f64 sums in eight lanes, and leave the squares behind", async () => {
  const [a, b] = [randomNumbers("a", 300_001), randomNumbers("b", 300_001)];
  const products = (x: Float32Array, y: Float32Array) => Float64Array.from(x, (v, i) => v * y[i]!);
  for (const kernel of [referenceKernel(), wasmKernel()]) {
    const facts = factsOf(kernel, [a, b]);
    assert.equal(await facts.dot(0, 1), sumInBlocks(products(a, b)));
    assert.equal(await facts.dot(1, 0), await facts.dot(0, 1));
    assert.equal(await facts.dot(1, 1), sumInBlocks(products(b, b)));
    assert.equal(await factsOf(kernel, [a, b]).dot(0, 0), await facts.dot(0, 0));
  }
});

test("facts of ever new parameters are not piled up, and those asked for last are kept", async () => {
  const [base, model] = [randomNumbers("base", 100), randomNumbers("model", 100)];
  const resident = residentInputs(
    100,
    ["float32", "float32"],
    [base, model].map((values) => encode("float32", values)),
  );
  let reads = 0;
  const read = (...tile: Parameters<typeof resident.read>) => {
    reads++;
    return resident.read(...tile);
  };
  const reader = elementReader(wasmKernel(), { ...resident, read }, undefined, "float32");
  const facts = tensorFacts(reader, 0, true).statistics(
    counterGenerator(7).tensor("t", 100, []),
    false,
  );
  const first = await facts.bandMass(1, 1, 0);
  for (let most = 2; most <= 100; most++) await facts.bandMass(1, most, 0);
  reads = 0;
  for (let most = 90; most <= 100; most++) await facts.bandMass(1, most, 0);
  assert.equal(reads, 0);
  assert.deepEqual(await facts.bandMass(1, 1, 0), first);
  assert.ok(reads > 0);
});

test("a sample that misleads costs passes, not the cut", async () => {
  const n = 2 ** 18 + 77; // enough to be sampled: 256 elements after every n/256
  const base = new Float32Array(n);
  const even = Float32Array.from(base, (_, i) => ((i * 7919) % n) / n);
  const uneven = even.map((x, i) => (i % (n / 256) < 256 ? x * 1e-6 : x));
  const equal = even.map((x) => Math.round(3 * x));
  for (const model of [even, uneven, equal]) {
    const sorted = Float32Array.from(model, Math.abs).sort().reverse();
    const facts = factsOf(wasmKernel(), [base, model], false);
    for (const density of [0.001, 0.4, 0.53, 0.999]) {
      const { threshold, cut } = await facts.magnitudeCut(1, density);
      const k = keptCount(density, n);
      assert.equal(threshold, sorted[k - 1]);
      const kept = model.reduce(
        (sum, x, i) => sum + (x > threshold || (x === threshold && i < cut) ? 1 : 0),
        0,
      );
      assert.equal(kept, k);
    }
  }
});

test("sums do not depend on tiles", () => {
  const length = fc.integer({ min: 0, max: 5000 });
  fc.assert(
    fc.property(length, fc.integer({ min: 1, max: 700 }), (n, tile) => {
      const values = randomNumbers("sum", n);
      for (const make of [orderedSum, () => cascadeSum(n)]) {
        const [whole, tiled] = [make(), make()];
        whole.add(values);
        for (let at = 0; at < n; at += tile) tiled.add(values.subarray(at, at + tile));
        assert.equal(tiled.total(), whole.total());
        assert.ok(Math.abs(whole.total() - values.reduce((a, b) => a + b, 0)) <= 1e-3);
      }
    }),
  );
});
