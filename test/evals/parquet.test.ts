// Parquet as data sets are stored on the hub: pyarrow's own bytes, our fixtures in every layout, and damage.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { parquetWriteBuffer } from "hyparquet-writer";
import { sha256 } from "../../src/base/hash.ts";
import { parseParquet } from "../../src/evals/datasets/parquet.ts";
import { readSplit } from "../../src/evals/datasets/read.ts";

// Written by pyarrow 25 (zstd, row groups of 2): text with null, struct of lists, int64, float32, bool, lists of
// lists, timestamp in µs, dictionary. The other four compressions gave the same rows, but for LZ4, which
// hyparquet-compressors 1.1.2 refuses here.
const PYARROW = join(import.meta.dirname, "data/pyarrow-zstd.parquet");

test("pyarrow's file reads as the rows it was written from", async () => {
  const rows = await parseParquet(await readFile(PYARROW), PYARROW);
  const when = "2024-05-06T07:08:09.000Z";
  assert.deepEqual(rows, [
    {
      question: "a?",
      choices: { text: ["x", "y"], label: ["A", "B"] },
      ...{ answer: 0, score: 0.5, flag: true, nested: [[1, 2], [3]], when, kind: "m" },
    },
    {
      question: "b – ü 🎉?",
      choices: { text: [], label: [] },
      ...{ answer: 3, score: null, flag: false, nested: [], when, kind: "n" },
    },
    {
      question: null,
      choices: { text: ["z"], label: ["1"] },
      ...{ answer: -1, score: 2.25, flag: null, nested: null, when, kind: "m" },
    },
  ]);
});

test("a file cut short and an integer that a number cannot hold are refused", async () => {
  const bytes = await readFile(PYARROW);
  await assert.rejects(parseParquet(bytes.subarray(0, 2000), "x.parquet"), {
    code: "data",
    where: "x.parquet",
    message: /^this is not a Parquet file: /,
  });
  await assert.rejects(parseParquet(parquet(2n ** 53n), "x.parquet"), {
    message: "the integer 9007199254740992 is too large to be exact",
  });
});

test("a copy of the hub's repository under --data is read, shards in order, hashes kept", async () => {
  const shards = {
    "org/set/en/test-00000-of-00002.parquet": parquet(1n, 2n),
    "org/set/en/test-00001-of-00002.parquet": parquet(3n),
    "org/set/de/test-00000-of-00001.parquet": parquet(9n),
  };
  const folder = await folderOf(shards);
  const reference = { path: "org/set", name: "en", dataFiles: undefined, where: "quiz.yaml" };
  const { rows, files } = await readSplit(reference, "test", { dataDir: folder });
  assert.deepEqual(rows, [{ n: 1 }, { n: 2 }, { n: 3 }]);
  assert.deepEqual(files, {
    "org/set/en/test-00000-of-00002.parquet": sha256(
      shards["org/set/en/test-00000-of-00002.parquet"],
    ),
    "org/set/en/test-00001-of-00002.parquet": sha256(
      shards["org/set/en/test-00001-of-00002.parquet"],
    ),
  });
  await assert.rejects(readSplit({ ...reference, name: "fr" }, "test", { dataDir: folder }), {
    message: /^no data found for org\/set; looked in /,
    hint: /hf download --repo-type dataset org\/set --local-dir DIR\/org\/set/,
  });
});

test("a shard that is missing is an error, not a smaller test", async () => {
  const folder = await folderOf({ "set/data/test-00000-of-00002.parquet": parquet(1n) });
  const reference = { path: "org/set", name: undefined, dataFiles: undefined, where: "quiz.yaml" };
  await assert.rejects(readSplit(reference, "test", { dataDir: folder }), {
    message: "1 more files of the split test are needed",
  });
});

test("a known data set in Parquet has its rows counted too", async () => {
  const folder = await folderOf({ "gsm8k/main/test-00000-of-00001.parquet": parquet(1n) });
  const reference = { path: "gsm8k", name: "main", dataFiles: undefined, where: "quiz.yaml" };
  await assert.rejects(
    readSplit(reference, "test", { dataDir: folder }),
    /found 1 rows instead of 1319/,
  );
});

test("a task names Parquet files, patterns and folders of its own", async () => {
  const folder = await folderOf({
    "own/a-0.parquet": parquet(1n),
    "own/a-1.parquet": parquet(2n),
    "laid/data/validation-00000-of-00001.parquet": parquet(3n),
  });
  const where = join(folder, "quiz.yaml");
  const named = (dataFiles: unknown) => ({ path: "parquet", name: undefined, dataFiles, where });
  const both = await readSplit(named({ test: "own/a-*.parquet" }), "test", {});
  assert.deepEqual(both.rows, [{ n: 1 }, { n: 2 }]);
  await assert.rejects(readSplit(named({ test: "own/b-*" }), "test", {}), {
    message: "dataset_kwargs.data_files: own/b-* matches no file",
  });
  const own = { path: "./laid", name: undefined, dataFiles: undefined, where };
  assert.deepEqual((await readSplit(own, "validation", {})).rows, [{ n: 3 }]);
  await assert.rejects(readSplit(own, "test", {}), /no data of the split test found in/);
});

function parquet(...data: bigint[]): Buffer {
  return Buffer.from(parquetWriteBuffer({ columnData: [{ name: "n", data, type: "INT64" }] }));
}

async function folderOf(files: Readonly<Record<string, Buffer>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "tsmerge-parquet-"));
  for (const [path, bytes] of Object.entries(files)) {
    await mkdir(join(root, dirname(path)), { recursive: true });
    await writeFile(join(root, path), bytes);
  }
  return root;
}
