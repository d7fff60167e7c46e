// Files and memory read alike, and say so when they end early.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { open as openFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileSource, memorySource } from "../../src/checkpoint/source.ts";

const folder = mkdtempSync(join(tmpdir(), "tsmerge-source-"));
after(() => rmSync(folder, { recursive: true }));

const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
const path = join(folder, "bytes");
writeFileSync(path, bytes);

const openHandles = () => readdirSync("/proc/self/fd").length;
const skip = process.platform === "linux" ? false : "counting open files needs /proc";

for (const [name, open] of [
  ["a file", () => fileSource(path)],
  ["memory", async () => memorySource(bytes)],
] as const) {
  test(`${name} gives any range, also to reads that overlap`, async () => {
    const source = await open();
    assert.equal(source.byteLength, 1000);
    const parts = [0, 1, 500, 999].map((offset) => ({
      offset,
      into: new Uint8Array(1000 - offset),
    }));
    await Promise.all(parts.map(({ offset, into }) => source.read(offset, into)));
    for (const { offset, into } of parts) assert.deepEqual(into, bytes.subarray(offset));
    await source.close();
  });

  test(`${name} refuses a range past its end, and reads after close`, async () => {
    const source = await open();
    await assert.rejects(source.read(999, new Uint8Array(2)), {
      code: "io",
      message: "2 bytes from 999 reach past the end, 1000",
    });
    await assert.rejects(source.read(-1, new Uint8Array(1)), { code: "io" });
    await source.read(1000, new Uint8Array(0));
    await source.close();
    await source.close();
    await assert.rejects(source.read(0, new Uint8Array(1)), { message: "read after close" });
  });
}

test("a file holds a handle from its first read until close", { skip }, async () => {
  const before = openHandles();
  const source = await fileSource(path);
  assert.equal(openHandles(), before);
  await Promise.all([0, 1, 2].map((offset) => source.read(offset, new Uint8Array(4))));
  assert.equal(openHandles(), before + 1);
  await source.close();
  assert.equal(openHandles(), before);
});

test("offsets past 4 GiB are read where they are", async () => {
  const sparse = join(folder, "sparse"); // takes no room: only its last bytes are stored
  const offset = 5 * 2 ** 30;
  const handle = await openFile(sparse, "w");
  await handle.write(bytes, 0, bytes.byteLength, offset);
  await handle.close();
  const source = await fileSource(sparse);
  const into = new Uint8Array(bytes.byteLength);
  await source.read(offset, into);
  assert.deepEqual(into, bytes);
  await source.close();
});

test("a file that shrinks while it is open is an error, not zeros", async () => {
  const shrinking = join(folder, "shrinking");
  writeFileSync(shrinking, bytes);
  const source = await fileSource(shrinking);
  writeFileSync(shrinking, bytes.subarray(0, 10));
  await assert.rejects(source.read(0, new Uint8Array(20)), {
    code: "io",
    message: "the file ended 10 bytes early",
  });
  await source.close();
});

test("a missing file is named", async () => {
  await assert.rejects(fileSource(join(folder, "absent")), {
    code: "io",
    message: /^cannot read .*absent: ENOENT/,
    hint: "check the path",
  });
});
