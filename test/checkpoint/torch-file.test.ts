// Pickled weights: read where they are plain, refused by name where they would run anything.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { TsmergeError } from "../../src/base/errors.ts";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { memorySource } from "../../src/checkpoint/source.ts";
import { readTorchFile } from "../../src/checkpoint/torch-file.ts";
import { folderWith } from "./folders.ts";
import { type FakeTensor, op, pickle, tensorCall, torchFile, zip } from "./torch-files.ts";

const VECTOR: FakeTensor = {
  ...{ storage: "FloatStorage", key: "0", elements: 6 },
  ...{ shape: [2, 3], strides: [3, 1] },
};
const BYTES = Uint8Array.from({ length: 24 }, (_, i) => i);

function read(file: Uint8Array) {
  return readTorchFile(memorySource(file), "m.bin");
}

test("a folder of pickled weights opens as any other", async (t) => {
  const file = torchFile(
    op.dict([
      ["a.weight", tensorCall(VECTOR)],
      ["tied.weight", tensorCall(VECTOR)],
      ["row", tensorCall({ ...VECTOR, offset: 3, shape: [3], strides: [1] })],
      [
        "half",
        tensorCall({
          ...VECTOR,
          storage: "BFloat16Storage",
          key: "1",
          elements: 2,
          shape: [1, 2],
          strides: [7, 1],
        }),
      ],
      [
        "scalar",
        tensorCall({
          ...VECTOR,
          storage: "LongStorage",
          key: "2",
          elements: 1,
          shape: [],
          strides: [],
        }),
      ],
    ]),
    { 0: BYTES, 1: BYTES.subarray(0, 4), 2: BYTES.subarray(0, 8) },
  );
  const checkpoint = await openCheckpoint(folderWith(t, { "pytorch_model.bin": file }));
  const facts = [...checkpoint.tensors.values()].map(({ name, dtype, shape, byteLength }) => [
    ...[name, dtype, shape.join(), byteLength],
  ]);
  assert.deepEqual(facts.sort(), [
    ["a.weight", "float32", "2,3", 24],
    ["half", "bfloat16", "1,2", 4],
    ["row", "float32", "3", 12],
    ["scalar", "int64", "", 8],
    ["tied.weight", "float32", "2,3", 24],
  ]);
  const into = new Uint8Array(8);
  await checkpoint.read("row", 4, into);
  assert.deepEqual(into, BYTES.subarray(16, 24));
  await checkpoint.read("tied.weight", 0, into);
  assert.deepEqual(into, BYTES.subarray(0, 8));
  await checkpoint.close();
});

test("shards of pickled weights are one model", async (t) => {
  const shard = (name: string) => torchFile(op.dict([[name, tensorCall(VECTOR)]]), { 0: BYTES });
  const index = { weight_map: { a: "pytorch_model-1.bin", b: "pytorch_model-2.bin" } };
  const checkpoint = await openCheckpoint(
    folderWith(t, {
      "pytorch_model-1.bin": shard("a"),
      "pytorch_model-2.bin": shard("b"),
      "pytorch_model.bin.index.json": JSON.stringify(index),
    }),
  );
  assert.deepEqual([...checkpoint.tensors.keys()], ["a", "b"]);
  await checkpoint.close();
});

test("an archive whose sizes and offsets are ZIP64 fields reads as any other", async () => {
  const entries = {
    "archive/data.pkl": pickle(op.dict([["a", tensorCall(VECTOR)]])),
    "archive/data/0": BYTES,
  };
  const [narrow, wide] = [zip(entries), zip(entries, 0, true)];
  const [one] = await read(narrow);
  assert.deepEqual(await read(wide), [one]);
  assert.deepEqual(wide.subarray(one!.fileOffset, one!.fileOffset + 24), Buffer.from(BYTES));
  const cut = Buffer.from(wide);
  cut.writeUInt32LE(0, cut.lastIndexOf("PK\x06\x06", undefined, "latin1")); // no end of ZIP64
  await assert.rejects(read(cut), { code: "checkpoint", message: "the archive's end is broken" });
});

test("parameters, and the versions that a state dict carries, are seen through", async () => {
  const parameter = op.call(
    op.global("torch._utils", "_rebuild_parameter"),
    op.tuple(tensorCall(VECTOR), op.no, op.orderedDict()),
  );
  const state = Buffer.concat([
    op.dict([["a", parameter]]),
    Buffer.from("}"),
    op.text("_metadata"),
    op.orderedDict(),
    Buffer.from("sb"),
  ]);
  const [tensor] = await read(torchFile(state, { 0: BYTES }));
  assert.equal(tensor?.name, "a");
});

/** What torch 2.13 saved, by its own `torch.save` of a dictionary with these entries. */
const SAVED: readonly [string, string, string, string][] = [
  ["model.norm.weight", "float32", "2,3", "000000000000803f0000004000004040000080400000a040"],
  ["tied", "float32", "2,3", "000000000000803f0000004000004040000080400000a040"],
  ["row", "float32", "3", "00004040000080400000a040"],
  ["parameter", "float32", "2", "0000803f0000803f"],
  ["half", "float16", "2", "003e00c0"],
  ["brain", "bfloat16", "2,1", "003f4040"],
  ["eight", "float8_e4m3fn", "2", "3840"],
  ["ids", "int64", "3", "000000000000000001000000000000000200000000000000"],
  ["sixteen", "uint16", "2", "07000800"],
  ["flags", "bool", "2", "0100"],
];

test("a file that torch wrote gives its tensors, of every kind of type", async () => {
  const file = readFileSync(join(import.meta.dirname, "torch-2.13.bin"));
  const tensors = new Map((await read(file)).map((tensor) => [tensor.name, tensor]));
  for (const [name, dtype, shape, hex] of SAVED) {
    const tensor = tensors.get(name);
    assert.ok(tensor, name);
    assert.deepEqual([tensor.dtype, tensor.shape.join()], [dtype, shape]);
    const { fileOffset, byteLength } = tensor;
    assert.equal(file.toString("hex", fileOffset, fileOffset + byteLength), hex, name);
  }
  assert.equal(tensors.size, SAVED.length);
});

/** A parameter of itself, through the memo. */
const circle = Buffer.concat([
  op.global("torch._utils", "_rebuild_parameter"),
  Buffer.from("]q\0Rq\x01h\0h\x01a0"),
]);
const deep = Buffer.from(`)${"\x85".repeat(200_000)}`, "latin1");
const evil = op.call(op.global("os", "system"), op.tuple(op.text("true")));
const REFUSED: readonly [string, Uint8Array, RegExp][] = [
  ["a call of another function", torchFile(op.dict([["a", evil]]), {}), /would run "os\.system"/],
  [
    "a function named through the stack",
    torchFile(Buffer.concat([op.text("builtins"), op.text("eval"), Buffer.from([0x93])]), {}),
    /would run "builtins\.eval"/,
  ],
  [
    "a function whose name is no text",
    torchFile(Buffer.concat([deep, op.text("eval"), Buffer.from([0x93])]), {}),
    /a name is no text/,
  ],
  ["a parameter of itself", torchFile(op.dict([["a", circle]]), {}), /"a" is no tensor/],
  [
    "an object that is made by its class",
    torchFile(
      Buffer.concat([op.global("torch", "FloatStorage"), Buffer.from(")\x81", "latin1")]),
      {},
    ),
    /opcode 0x81/,
  ],
  [
    "a transposed view",
    torchFile(op.dict([["a", tensorCall({ ...VECTOR, strides: [1, 2] })]]), { 0: BYTES }),
    /^tensor "a" is a view with shape \[2,3\] and strides \[1,2\], not contiguous$/,
  ],
  [
    "a tensor past its bytes",
    torchFile(op.dict([["a", tensorCall({ ...VECTOR, offset: 1 })]]), { 0: BYTES }),
    /needs 24 bytes from element 1 of 24/,
  ],
  ["missing bytes", torchFile(op.dict([["a", tensorCall(VECTOR)]]), {}), /bytes .* are missing/],
  ["another object beside", torchFile(op.dict([["epoch", op.int(3)]]), {}), /"epoch" is no tensor/],
  [
    "a checkpoint of a trainer",
    torchFile(op.dict([["state_dict", op.dict([])]]), {}),
    /a dictionary/,
  ],
  ["a lone tensor", torchFile(tensorCall(VECTOR), { 0: BYTES }), /no dictionary of tensors/],
  ["compression", zip({ "archive/data.pkl": pickle(op.none) }, 8), /is compressed/],
  ["an archive of something else", zip({ "a.txt": BYTES }), /0 entries named data\.pkl/],
  ["the format before torch 1.6", pickle(op.int(1)), /no archive of torch 1\.6/],
  ["an empty file", new Uint8Array(0), /no archive of torch 1\.6/],
];

for (const [what, file, message] of REFUSED) {
  test(`refused: ${what}`, async () => {
    await assert.rejects(read(file), (error: unknown) => {
      assert.ok(error instanceof TsmergeError);
      assert.match(error.message, message);
      assert.ok(error.hint, "a hint");
      return true;
    });
  });
}

test("a damaged file is read right or refused in a sentence", async () => {
  const file = torchFile(op.dict([["a", tensorCall(VECTOR)]]), { 0: BYTES });
  const property = fc.asyncProperty(
    fc.nat(file.length - 1),
    fc.nat(255),
    fc.nat(file.length),
    async (at, byte, length) => {
      const damaged = Uint8Array.from(file.subarray(0, Math.max(length, at + 1)));
      damaged[at] = byte;
      try {
        await read(damaged);
      } catch (error) {
        assert.ok(error instanceof TsmergeError, String(error));
      }
    },
  );
  await fc.assert(property, { numRuns: 2000 });
});
