// torch's order of equal numbers on the CPU. Expected: torch 2.13, argsort and topk of the same keys as float32
// (observed with the generator below; indices as lists, or as Σ (place + 1)·index modulo 2^32).

import assert from "node:assert/strict";
import { test } from "node:test";
import { torchSelect, torchSort } from "../../src/merge/statistics/torch-order.ts";

const keysOf = (n: number, distinct: number) =>
  Uint32Array.from({ length: n }, (_, i) => (Math.imul(i, 2654435761) >>> 7) % distinct);
const checksum = (indices: Uint32Array) =>
  Number(indices.reduce((sum, index, i) => sum + BigInt(i + 1) * BigInt(index), 0n) % 2n ** 32n);

test("forty keys of five kinds stand as torch.argsort leaves them", () => {
  assert.deepEqual(
    [...torchSort(keysOf(40, 5))],
    [
      ...[30, 22, 0, 14, 13, 6, 5, 38, 27, 26, 10, 11, 3, 35, 18, 19, 2, 31, 32, 24, 23],
      ...[15, 34, 16, 8, 7, 39, 20, 36, 37, 29, 28, 21, 12, 4, 25, 33, 17, 9, 1],
    ],
  );
});

const CASES: [n: number, distinct: number, sorted: number, selected: [k: number, sum: number][]][] =
  [
    [
      17,
      3,
      1279,
      [
        [1, 13],
        [3, 66],
        [16, 1418],
      ],
    ],
    [
      1000,
      7,
      250417079,
      [
        [1, 0],
        [11, 2552],
        [200, 13290510],
        [999, 332782779],
      ],
    ],
    [
      1000,
      900,
      251060548,
      [
        [1, 0],
        [11, 36355],
        [200, 13309544],
        [999, 332746764],
      ],
    ],
    [
      50000,
      300,
      4289020183,
      [
        [501, 4196306992],
        [10000, 1112054701],
        [49999, 3074764774],
      ],
    ],
  ];

for (const [n, distinct, sorted, selected] of CASES) {
  test(`${n} keys of ${distinct} kinds are sorted and selected as torch does`, () => {
    assert.equal(checksum(torchSort(keysOf(n, distinct))), sorted);
    for (const [k, sum] of selected) {
      assert.equal(checksum(torchSelect(keysOf(n, distinct), k).sort()), sum, `k = ${k}`);
    }
  });
}

test("keys that divide badly go through a heap, as in torch", () => {
  const half = 1500;
  const keys = Uint32Array.from({ length: 2 * half }, (_, i) => {
    const key = i >= half ? 2 * (i - half + 1) : i % 2 === 0 ? i + 1 : half + i;
    return Math.floor(key / 3);
  });
  assert.equal(checksum(torchSort(keys.slice())), 3300761312);
  assert.equal(checksum(torchSelect(keys.slice(), 100).sort()), 5848700);
  assert.equal(checksum(torchSelect(keys.slice(), 10).sort()), 51196);
});

test("nothing and one thing are in order", () => {
  assert.deepEqual([...torchSort(new Uint32Array(0))], []);
  assert.deepEqual([...torchSort(Uint32Array.of(7))], [0]);
  assert.deepEqual([...torchSelect(Uint32Array.of(7), 1)], [0]);
});
