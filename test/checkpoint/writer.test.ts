// The streaming writer: what it writes opens and holds the bytes, and nothing half-written opens.

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { byteLengthOf } from "../../src/checkpoint/layout.ts";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { readHeader } from "../../src/checkpoint/safetensors.ts";
import { fileSource } from "../../src/checkpoint/source.ts";
import { CheckpointWriter, type TensorSpec } from "../../src/checkpoint/writer.ts";
import { bytesOf, folderWith, temporaryFolder, vector } from "./folders.ts";

async function writeAll(writer: CheckpointWriter, specs: readonly TensorSpec[]): Promise<void> {
  for (const spec of specs) await writer.write(spec.name, bytesOf(spec.name, byteLengthOf(spec)));
}

test("one file has the reference's metadata and an aligned start, and no index", async (t) => {
  const folder = folderWith(t, {});
  const specs = [{ name: "h", dtype: "bfloat16", shape: [3] } as const, vector("f", 5)];
  const writer = await CheckpointWriter.open(folder, specs, { metadata: { made_by: "a test" } });
  const { missingBytes } = writer;
  await writeAll(writer, specs);
  assert.deepEqual(await writer.finish(), ["model.safetensors"]);
  assert.deepEqual(readdirSync(folder).sort(), ["config.json", "model.safetensors"]);

  const file = readFileSync(join(folder, "model.safetensors"));
  assert.equal(Number(file.readBigUInt64LE(0)) % 8, 0);
  assert.equal(file.byteLength, missingBytes);
  assert.equal(writer.missingBytes, 0);
  const source = await fileSource(join(folder, "model.safetensors"));
  const { tensors, metadata } = await readHeader(source, "model.safetensors");
  await source.close();
  assert.deepEqual(Object.fromEntries(metadata), { format: "pt", made_by: "a test" });
  assert.deepEqual(
    tensors.map(({ name }) => name),
    ["f", "h"],
  ); // wider elements first
});

test("shards are filled in order and listed in an index", async (t) => {
  const folder = folderWith(t, {});
  const specs = [vector("a", 2), vector("b", 2), vector("c", 9), vector("d", 1)];
  const writer = await CheckpointWriter.open(folder, specs, { shardBytes: 16 });
  await writeAll(writer, specs);
  const files = [1, 2, 3].map((n) => `model-0000${n}-of-00003.safetensors`);
  assert.deepEqual(await writer.finish(), [...files, "model.safetensors.index.json"]);
  const index: unknown = JSON.parse(
    readFileSync(join(folder, "model.safetensors.index.json"), "utf8"),
  );
  assert.deepEqual(index, {
    metadata: { total_size: 56 },
    weight_map: { a: files[0], b: files[0], c: files[1], d: files[2] },
  });
});

const specLists = fc.uniqueArray(
  fc.record({
    name: fc.string({ minLength: 1, maxLength: 8, unit: "grapheme" }),
    dtype: fc.constantFrom("float32" as const, "bfloat16" as const, "uint8" as const),
    shape: fc.array(fc.nat(5), { maxLength: 3 }),
  }),
  { selector: ({ name }) => name, minLength: 1, maxLength: 8 },
);

test("what is written reads back, in chunks of any size and tensors in any order", async (t) => {
  await fc.assert(
    fc.asyncProperty(
      specLists,
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 1, max: 40 }),
      async (specs, shardBytes, chunk) => {
        const folder = folderWith(t, {});
        const writer = await CheckpointWriter.open(folder, specs, { shardBytes });
        const writes: Promise<void>[] = []; // all at once: order within a tensor is the order of calls
        for (const spec of specs.toReversed()) {
          const bytes = bytesOf(spec.name, byteLengthOf(spec));
          for (let at = 0; at < bytes.byteLength; at += chunk) {
            writes.push(writer.write(spec.name, bytes.subarray(at, at + chunk)));
          }
        }
        await Promise.all(writes);
        await writer.finish();
        const checkpoint = await openCheckpoint(folder);
        assert.equal(checkpoint.tensors.size, specs.length);
        for (const { name, dtype, shape } of specs) {
          const tensor = checkpoint.tensors.get(name)!;
          assert.deepEqual([tensor.dtype, tensor.shape], [dtype, shape]);
          const into = new Uint8Array(tensor.byteLength);
          await checkpoint.read(name, 0, into);
          assert.deepEqual(into, bytesOf(name, tensor.byteLength));
        }
        await checkpoint.close();
      },
    ),
    { numRuns: 40 }, // each flushes several files to the disk
  );
});

test("until finish() the folder has no weights, and abort() leaves nothing", async (t) => {
  const folder = folderWith(t, {});
  const specs = [vector("a"), vector("b")];
  const writer = await CheckpointWriter.open(folder, specs, { shardBytes: 16 });
  await writeAll(writer, specs);
  await assert.rejects(openCheckpoint(folder), { message: /is missing/ });
  await writer.abort();
  assert.deepEqual(readdirSync(folder), ["config.json"]);
  await writer.abort();
  await assert.rejects(writer.write("a", new Uint8Array(1)), { message: /is aborted$/ });
});

test("abort() after finish() keeps the model", async (t) => {
  const folder = folderWith(t, {});
  const writer = await CheckpointWriter.open(folder, [vector("a")]);
  await writeAll(writer, [vector("a")]);
  await writer.finish();
  await writer.abort();
  assert.ok(existsSync(join(folder, "model.safetensors")));
});

test("the debris of a killed writer is cleared away", async (t) => {
  const folder = folderWith(t, { "model-00001-of-00009.safetensors.tmp": "half a file" });
  const writer = await CheckpointWriter.open(folder, [vector("a")]);
  await writeAll(writer, [vector("a")]);
  await writer.finish();
  assert.deepEqual(readdirSync(folder).sort(), ["config.json", "model.safetensors"]);
});

test("weights that are there are refused", async (t) => {
  const folder = folderWith(t, { "model-00001-of-00003.safetensors": "" });
  await assert.rejects(CheckpointWriter.open(folder, [vector("a")]), {
    code: "io",
    message: "the folder already holds model-00001-of-00003.safetensors",
    where: folder,
  });
});

test("a folder that is not there is made", async (t) => {
  const folder = join(temporaryFolder(t), "new/folder");
  const writer = await CheckpointWriter.open(folder, [vector("a")]);
  await writeAll(writer, [vector("a")]);
  await writer.finish();
  assert.deepEqual(readdirSync(folder), ["model.safetensors"]);
});

test("misuse is named: an unknown tensor, too many bytes, too few, two of a name", async (t) => {
  const folder = temporaryFolder(t);
  const writer = await CheckpointWriter.open(folder, [vector("a")]);
  await assert.rejects(writer.write("b", new Uint8Array(1)), /tensor "b" was not declared/);
  await assert.rejects(writer.write("a", new Uint8Array(17)), /"a" has 16 bytes, not 17/);
  await writer.write("a", new Uint8Array(15));
  await assert.rejects(writer.finish(), /"a" has 15 of its 16 bytes/);
  await writer.abort();
  for (const list of [
    [],
    [vector("a"), vector("a")],
    [vector("")],
    [vector("__metadata__")],
    [vector("a", -1)],
  ]) {
    await assert.rejects(CheckpointWriter.open(folder, list), { code: "internal" });
  }
});

test("a disk that refuses is named with the file", async (t) => {
  const file = join(folderWith(t, {}), "config.json");
  await assert.rejects(CheckpointWriter.open(join(file, "sub"), [vector("a")]), {
    code: "io",
    message: /^cannot write to .*config\.json/,
  });
});
