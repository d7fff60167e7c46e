// The header reader against well-formed files, hostile files and random damage.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { bytesPerElement, type DType } from "../../src/base/dtype.ts";
import { TsmergeError } from "../../src/base/errors.ts";
import { layOut, type TensorSpec } from "../../src/checkpoint/layout.ts";
import {
  MAX_DIMENSIONS,
  MAX_HEADER_BYTES,
  MAX_NAME_LENGTH,
  readHeader,
  type SafetensorsHeader,
} from "../../src/checkpoint/safetensors.ts";
import { type ByteSource, memorySource } from "../../src/checkpoint/source.ts";

/** A file with that JSON text and that many bytes of data, whatever the text says. */
function fileOf(json: string, dataBytes: number): Uint8Array {
  const text = new TextEncoder().encode(json);
  const file = new Uint8Array(8 + text.byteLength + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.byteLength), true);
  file.set(text, 8);
  return file;
}

function read(file: Uint8Array): Promise<SafetensorsHeader> {
  return readHeader(memorySource(file), "model.safetensors");
}

const f32 = (begin: number, end: number, shape = [(end - begin) / 4]) =>
  `{"dtype":"F32","shape":${JSON.stringify(shape)},"data_offsets":[${begin},${end}]}`;

const DTYPES: readonly DType[] = ["float32", "float16", "bfloat16", "int64", "uint8", "bool"];

const specs: fc.Arbitrary<TensorSpec[]> = fc.uniqueArray(
  fc.record({
    name: fc.string({ minLength: 1, maxLength: 20, unit: "grapheme" }),
    dtype: fc.constantFrom(...DTYPES),
    shape: fc.array(fc.nat(4), { maxLength: 4 }),
  }),
  { selector: (spec) => spec.name, minLength: 1, maxLength: 12 },
);

test("a laid-out header reads back, its tensors aligned and in the order of their bytes", async () => {
  await fc.assert(
    fc.asyncProperty(specs, fc.dictionary(fc.string(), fc.string()), async (list, metadata) => {
      const { header, tensors, fileBytes } = layOut(list, metadata);
      assert.equal(header.byteLength % 8, 0);
      const file = new Uint8Array(fileBytes);
      file.set(header);
      const found = await read(file);
      assert.deepEqual(Object.fromEntries(found.metadata), { ...metadata });
      const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
      assert.deepEqual([...found.tensors].sort(byName), [...tensors].sort(byName));
      for (const { fileOffset, dtype } of found.tensors) {
        assert.equal(fileOffset % bytesPerElement(dtype), 0);
      }
    }),
  );
});

test("any damage to a header is read or refused with a TsmergeError, never more", async () => {
  const { header, fileBytes } = layOut(
    [
      { name: "a", dtype: "float32", shape: [2, 3] },
      { name: "b", dtype: "bfloat16", shape: [4] },
    ],
    { format: "pt" },
  );
  const at = fc.nat(header.byteLength - 1);
  const edits = fc.array(fc.tuple(at, fc.nat(255)), { minLength: 1, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(edits, fc.nat(fileBytes), async (changes, cut) => {
      const file = new Uint8Array(fileBytes);
      file.set(header);
      for (const [index, value] of changes) file[index] = value;
      for (const bytes of [file, file.subarray(0, cut)]) {
        try {
          const { tensors } = await read(bytes);
          const sum = tensors.reduce((total, tensor) => total + tensor.byteLength, 0);
          const start = tensors[0]?.fileOffset ?? bytes.byteLength;
          assert.equal(start + sum, bytes.byteLength);
        } catch (error) {
          assert.ok(error instanceof TsmergeError, String(error));
          assert.equal(error.where, "model.safetensors");
        }
      }
    }),
    { numRuns: 1000 },
  );
});

const HOSTILE: readonly [string, Uint8Array, RegExp][] = [
  ["an empty file", new Uint8Array(0), /^the file has 0 bytes, too few/],
  ["a Git LFS pointer", new TextEncoder().encode("version https://git-lfs"), /Git LFS pointer/],
  ["a header past the end", fileOf("{}", 0).with(0, 99), /claims 99 bytes where at most 2 can be/],
  ["a header of 2^63 bytes", fileOf("{}", 0).with(7, 0x80), /claims 9223372036854775810 bytes/],
  ["no JSON", fileOf("{oops}", 0), /^the header is broken: not valid JSON/],
  ["no object", fileOf("[]", 0), /starts with "\[\]", not with "\{"/],
  ["a byte order mark", fileOf("\ufeff{}", 0), /^the header starts with/],
  ["no UTF-8", fileOf("{}", 0).with(9, 0xff), /not UTF-8/],
  ["a tensor twice", fileOf(`{"a":${f32(0, 4)},"a":${f32(4, 8)}}`, 8), /"a" stands twice/],
  ["a member twice", fileOf('{"a":{"dtype":"F32","dtype":"I8"}}', 0), /"dtype" stands twice/],
  ["no offsets", fileOf('{"a":{"dtype":"F32","shape":[1]}}', 4), /no well-formed dtype, shape/],
  ["a negative length", fileOf(`{"a":${f32(0, 4, [-1])}}`, 4), /no well-formed/],
  ["half a length", fileOf(`{"a":${f32(0, 4, [0.5])}}`, 4), /no well-formed/],
  ["an entry that is a list", fileOf('{"a":[]}', 0), /no well-formed/],
  [
    "an unknown member",
    fileOf('{"a":{"dtype":"I8","shape":[0],"data_offsets":[0,0],"x":1}}', 0),
    /"x"/,
  ],
  [
    "an unknown dtype",
    fileOf('{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}', 1),
    /dtype "F4"/,
  ],
  [
    "a shape that lies",
    fileOf(`{"a":${f32(0, 8, [3])}}`, 8),
    /holds 12 bytes \(F32 \[3\]\) but .* enclose 8/,
  ],
  ["offsets backwards", fileOf(`{"a":${f32(8, 4, [1])}}`, 8), /holds 4 bytes .* enclose -4/],
  [
    "a product past 2^53",
    fileOf(`{"a":${f32(0, 8, [2 ** 40, 2 ** 40])}}`, 8),
    /holds 4\.8\d+e\+24 bytes/,
  ],
  [
    "an overlap",
    fileOf(`{"a":${f32(0, 8)},"b":${f32(4, 12)}}`, 12),
    /"b" overlaps tensor "a" by 4 bytes/,
  ],
  [
    "a hole",
    fileOf(`{"a":${f32(0, 4)},"b":${f32(8, 12)}}`, 12),
    /^4 bytes between tensor "a" and tensor "b"/,
  ],
  [
    "a hole at the start",
    fileOf(`{"a":${f32(4, 8)}}`, 8),
    /^4 bytes between the header and tensor "a"/,
  ],
  [
    "bytes at the end",
    fileOf(`{"a":${f32(0, 4)}}`, 7),
    /^3 bytes after tensor "a" belong to no tensor/,
  ],
  [
    "a cut file",
    fileOf(`{"a":${f32(0, 8)}}`, 5),
    /^the file is cut short: \d+ bytes are described and/,
  ],
  ["no name", fileOf(`{"":${f32(0, 4)}}`, 4), /name has 0 characters/],
  [
    "an endless name",
    fileOf(`{"${"n".repeat(MAX_NAME_LENGTH + 1)}":${f32(0, 4)}}`, 4),
    /1025 characters/,
  ],
  [
    "too many dimensions",
    fileOf(`{"a":${f32(0, 4, Array(MAX_DIMENSIONS + 1).fill(1))}}`, 4),
    /9 dimensions/,
  ],
  ["numbers as metadata", fileOf('{"__metadata__":{"a":1}}', 0), /__metadata__ must map strings/],
  ["a list as metadata", fileOf('{"__metadata__":[]}', 0), /__metadata__ must map strings/],
];

for (const [name, file, pattern] of HOSTILE) {
  test(`refused: ${name}`, async () => {
    await assert.rejects(read(file), (error) => {
      assert.ok(error instanceof TsmergeError);
      assert.equal(error.code, "checkpoint");
      assert.equal(error.where, "model.safetensors");
      assert.ok(error.hint);
      assert.match(error.message, pattern);
      return true;
    });
  });
}

test("a header over the cap is refused before it is read", async () => {
  const prefix = new Uint8Array(8);
  new DataView(prefix.buffer).setBigUint64(0, BigInt(MAX_HEADER_BYTES + 1), true);
  const source: ByteSource = {
    byteLength: 2 ** 40,
    async read(offset, into) {
      assert.equal(offset, 0);
      into.set(prefix.subarray(0, into.byteLength));
    },
    async close() {},
  };
  await assert.rejects(readHeader(source, "huge"), /at most 100000000 can be/);
});

test("reading a header costs its own bytes and no weights", async () => {
  const { header, fileBytes } = layOut([{ name: "a", dtype: "float32", shape: [1024] }], {});
  const file = new Uint8Array(fileBytes);
  file.set(header);
  const whole = memorySource(file);
  let bytesRead = 0;
  const counting: ByteSource = {
    ...whole,
    async read(offset, into) {
      bytesRead += into.byteLength;
      await whole.read(offset, into);
    },
  };
  await readHeader(counting, "model.safetensors");
  assert.equal(bytesRead, header.byteLength);
});
