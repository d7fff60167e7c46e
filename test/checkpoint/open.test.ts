// Opening model folders: what they give, and what each kind of broken folder says.

import assert from "node:assert/strict";
import { existsSync, readdirSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { type TestContext, test } from "node:test";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { bytesOf, folderWith, safetensors, temporaryFolder, vector } from "./folders.ts";

const shared = resolve(import.meta.dirname, "../../../shared");
const skip = existsSync(join(shared, "models/demo")) ? false : "../shared/models/demo is absent";

const INDEX = "model.safetensors.index.json";

function index(map: Record<string, string>): string {
  return JSON.stringify({ metadata: { total_size: 0 }, weight_map: map });
}

function sharded(t: TestContext): string {
  return folderWith(t, {
    "one.safetensors": safetensors(vector("a", 300), vector("b")),
    "two.safetensors": safetensors(vector("c"), vector("unlisted")),
    [INDEX]: index({ a: "one.safetensors", b: "one.safetensors", c: "two.safetensors" }),
  });
}

test("a folder with one file gives its tensors by byte range", async (t) => {
  const folder = folderWith(t, { "model.safetensors": safetensors(vector("a", 300), vector("b")) });
  const checkpoint = await openCheckpoint(folder);
  assert.deepEqual([...checkpoint.tensors.keys()], ["a", "b"]);
  const { name, dtype, shape, elements, byteLength } = checkpoint.tensors.get("a")!;
  assert.deepEqual([name, dtype, shape, elements, byteLength], ["a", "float32", [300], 300, 1200]);
  const into = new Uint8Array(100);
  await checkpoint.read("a", 1100, into);
  assert.deepEqual(into, bytesOf("a", 1200).subarray(1100));
  await checkpoint.close();
  await assert.rejects(checkpoint.read("a", 0, into), { message: "read after close" });
});

test("shards are one model, with the tensors that the index forgot", async (t) => {
  const checkpoint = await openCheckpoint(sharded(t));
  assert.deepEqual([...checkpoint.tensors.keys()], ["a", "b", "c", "unlisted"]);
  await Promise.all(
    [...checkpoint.tensors.values()].map(async ({ name, byteLength }) => {
      const into = new Uint8Array(byteLength);
      await checkpoint.read(name, 0, into);
      assert.deepEqual(into, bytesOf(name, byteLength));
    }),
  );
  await checkpoint.close();
});

test("opening holds no file; a read opens one shard", async (t) => {
  if (process.platform !== "linux") return t.skip("counting open files needs /proc");
  const openHandles = () => readdirSync("/proc/self/fd").length;
  const before = openHandles();
  const checkpoint = await openCheckpoint(sharded(t));
  assert.equal(openHandles(), before);
  await checkpoint.read("c", 0, new Uint8Array(4));
  assert.equal(openHandles(), before + 1);
  await checkpoint.close();
  assert.equal(openHandles(), before);
});

test("a link to a folder opens as the folder it leads to", async (t) => {
  const folder = folderWith(t, { "model.safetensors": safetensors(vector("a")) });
  const link = join(temporaryFolder(t), "link");
  symlinkSync(folder, link);
  const checkpoint = await openCheckpoint(link);
  assert.equal(checkpoint.directory, (await openCheckpoint(folder)).directory);
  await checkpoint.close();
});

test("a read of the wrong name or range says what there is", async (t) => {
  const checkpoint = await openCheckpoint(
    folderWith(t, { "model.safetensors": safetensors(vector("model.norm.weight")) }),
  );
  await assert.rejects(checkpoint.read("model.norm.wieght", 0, new Uint8Array(1)), {
    code: "checkpoint",
    message: 'there is no tensor "model.norm.wieght"; did you mean "model.norm.weight"?',
  });
  await assert.rejects(checkpoint.read("model.norm.weight", 10, new Uint8Array(7)), {
    code: "internal",
    message: 'tensor "model.norm.weight" has 16 bytes, and 7 bytes from 10 were asked for',
  });
  await checkpoint.close();
});

const one = safetensors(vector("a"));
const BROKEN: readonly [string, Record<string, string | Uint8Array>, RegExp, RegExp][] = [
  ["no weights", {}, /^model\.safetensors or .* is missing$/, /download the weights/],
  [
    "another layout",
    { "x.gguf": "", "m.pth": "" },
    /m\.pth, x\.gguf cannot stand in/,
    /download the weights/,
  ],
  ["a broken file", { "model.safetensors": "{" }, /^the file has 1 bytes/, /again/],
  [
    "both forms",
    { "model.safetensors": one, "m.safetensors": one, [INDEX]: index({ a: "m.safetensors" }) },
    /^both model\.safetensors and/,
    /delete/,
  ],
  [
    "a missing shard",
    { [INDEX]: index({ a: "m.safetensors" }) },
    /^the index names m\.safetensors, which is not there/,
    /missing shards/,
  ],
  [
    "a missing tensor",
    { "m.safetensors": one, [INDEX]: index({ a: "m.safetensors", b: "m.safetensors" }) },
    /^the index finds tensor "b" in m\.safetensors, where it is not/,
    /different saves/,
  ],
  [
    "a tensor twice",
    {
      "m.safetensors": one,
      "n.safetensors": safetensors(vector("b"), vector("a")),
      [INDEX]: index({ a: "m.safetensors", b: "n.safetensors" }),
    },
    /^tensor "a" stands in m\.safetensors too/,
    /left over/,
  ],
  [
    "a key twice",
    { "m.safetensors": one, [INDEX]: '{"weight_map":{"a":"m.safetensors","a":"m.safetensors"}}' },
    /^the key "a" stands twice/,
    /keep one/,
  ],
  [
    "a path out of the folder",
    { [INDEX]: index({ a: "../m.safetensors" }) },
    /^"\.\.\/m\.safetensors" is not the name/,
    /index again/,
  ],
  ["an empty index", { [INDEX]: index({}) }, /^the index names 0 shards/, /index again/],
  ["no index at all", { [INDEX]: "[]" }, /^weight_map must map/, /index again/],
];

for (const [name, files, message, hint] of BROKEN) {
  test(`refused: ${name}`, async (t) => {
    const folder = folderWith(t, files);
    await assert.rejects(
      openCheckpoint(folder),
      (error: Error & { where?: string; hint?: string }) => {
        assert.match(error.message, message);
        assert.match(error.hint ?? "", hint);
        assert.ok(error.where?.includes(folder.split("/").at(-1)!), error.where);
        return true;
      },
    );
  });
}

test("a folder without config.json, an adapter and no folder at all", async (t) => {
  const folder = temporaryFolder(t);
  await assert.rejects(openCheckpoint(folder), { message: "config.json is missing" });
  await assert.rejects(openCheckpoint(join(folder, "absent")), {
    code: "io",
    hint: "check the path",
  });
});

test("the demo family opens", { skip }, async () => {
  const checkpoint = await openCheckpoint(join(shared, "models/demo/base"));
  assert.equal(checkpoint.tensors.get("model.embed_tokens.weight")?.dtype, "bfloat16");
  await checkpoint.close();
});
