// Rows gathered as they are read: any byte range of a mapped table is that range of the table in memory.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { bytesPerElement, type FloatType } from "../../src/base/dtype.ts";
import { roundTo } from "../../src/base/half.ts";
import type { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import type { RowMap, RowOrigin } from "../../src/merge/plan.ts";
import { sourceReader } from "../../src/merge/rows.ts";
import { decode, encode } from "./tensors.ts";

interface Table {
  readonly type: FloatType;
  readonly rows: readonly (readonly number[])[];
}

/** A checkpoint in memory with one table `t`, which counts its reads. */
function tableCheckpoint({ type, rows }: Table): Checkpoint & { reads: number } {
  const bytes = encode(type, Float32Array.from(rows.flat()));
  const shape = [rows.length, rows[0]!.length];
  const info = { name: "t", dtype: type, shape, elements: rows.flat().length };
  return {
    reads: 0,
    directory: "memory",
    tensors: new Map([["t", { ...info, byteLength: bytes.byteLength }]]),
    async read(_name, byteOffset, into) {
      assert.ok(byteOffset >= 0 && byteOffset + into.byteLength <= bytes.byteLength);
      this.reads++;
      into.set(bytes.subarray(byteOffset, byteOffset + into.byteLength));
    },
    async close() {},
  };
}

const OWN: Table = { type: "bfloat16", rows: [0, 1, 2, 3].map((r) => [r, r + 0.25, r + 0.5]) };
const OTHER: Table = { type: "float32", rows: [0, 1, 2].map((r) => [9 + r, 1 / 3, -1 - r]) };

function mapOf(rows: readonly RowOrigin[], type: FloatType, isStepwise = false): RowMap {
  return {
    key: "k",
    type,
    rows,
    donors: [0, 1].map((model) => ({ model, name: "t" })),
    isStepwise,
  };
}

/** The table written out: what a mapped source must read as. */
function wanted({ rows, type }: RowMap): number[][] {
  const tables = [OWN, OTHER].map((table) =>
    table.rows.map((row) => row.map((x) => roundTo(type, roundTo(table.type, x)))),
  );
  const zeros = [0, 0, 0];
  const known = rows
    .filter((origin) => origin !== "mean")
    .map((origin) => {
      if (typeof origin === "number") return tables[0]![origin]!;
      const picked = origin.map(({ donor, row }) => tables[donor]![row]!);
      return zeros.map((_, c) =>
        picked.length === 0
          ? 0
          : roundTo(type, picked.reduce((sum, row) => sum + row[c]!, 0) / picked.length),
      );
    });
  const mean = zeros.map((_, c) =>
    roundTo(type, known.reduce((sum, row) => sum + row[c]!, 0) / known.length),
  );
  return rows.map((origin, index) => (origin === "mean" ? mean : known[index]!));
}

const reference = fc.record({ donor: fc.nat(1), row: fc.nat(2) });
const origin = fc.oneof(fc.nat(3), fc.array(reference, { maxLength: 3 }));
const type = fc.constantFrom<FloatType>("float32", "float16", "bfloat16");

test("any range of a mapped table is that range of the table written out", async () => {
  const origins = fc.tuple(fc.array(origin, { minLength: 1, maxLength: 8 }), fc.nat(2));
  await fc.assert(
    fc.asyncProperty(origins, type, fc.nat(40), fc.nat(40), async ([some, padding], kind, a, b) => {
      const map = mapOf([...some, ...new Array<"mean">(padding).fill("mean")], kind);
      const checkpoints = [tableCheckpoint(OWN), tableCheckpoint(OTHER)];
      const reader = sourceReader({ model: 0, name: "t", rows: map }, checkpoints);
      const numbers = wanted(map).flat();
      const [first, end] = [a, b].map((x) => x % (numbers.length + 1)).sort((x, y) => x - y);
      const width = bytesPerElement(kind);
      const into = new Uint8Array((end! - first!) * width);
      await reader.read(first! * width, into);
      assert.deepEqual([...decode(kind, into)], numbers.slice(first, end));
    }),
  );
});

test("rows that lie side by side are one read", async () => {
  const checkpoint = tableCheckpoint(OWN);
  const map = mapOf([1, 2, 3, 0, [{ donor: 0, row: 2 }]], "bfloat16");
  const reader = sourceReader({ model: 0, name: "t", rows: map }, [checkpoint, checkpoint]);
  await reader.read(0, new Uint8Array(5 * 3 * 2));
  assert.equal(checkpoint.reads, 3);
});

test("mergekit's mean is rounded after every addition", async () => {
  const table: Table = { type: "bfloat16", rows: [[256], [1], [1]] };
  const rows = [[0, 1, 2].map((row) => ({ donor: 0, row }))];
  const read = async (isStepwise: boolean) => {
    const map: RowMap = {
      ...mapOf(rows, "bfloat16", isStepwise),
      donors: [{ model: 0, name: "t" }],
    };
    const into = new Uint8Array(2);
    await sourceReader({ model: 0, name: "t", rows: map }, [tableCheckpoint(table)]).read(0, into);
    return decode("bfloat16", into)[0];
  };
  assert.equal(await read(false), 86); // 258 / 3
  assert.equal(await read(true), 85.5); // 256 + 1 is 256 in bfloat16, twice; 85.33 rounds to 85.5
});
