// Draws are a function of key and index: the same for ever, uniform, and unrelated between keys.

import assert from "node:assert/strict";
import { test } from "node:test";
import { draw24, draw32, type StreamKey, streamKey, uniform } from "../../src/base/counter-rng.ts";

const N = 1 << 16;

// recorded once: a change would change every mask of every stored run
const GOLDEN_KEY: StreamKey = [4118563021, 2007053424]; // of (42, "model.norm.weight", "a")
const GOLDEN_DRAWS = [164635712, 1808627048, 229670464, 3946010794];

/** χ² of counts against equal shares; for 255 degrees of freedom 99.99 % lie below 347. */
function chiSquare(counts: readonly number[]): number {
  const share = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - share) ** 2 / share, 0);
}

function countBytes(byteAt: (index: number) => number): number[] {
  const counts = new Array<number>(256).fill(0);
  for (let index = 0; index < N; index++) counts[byteAt(index)]!++;
  return counts;
}

test("keys and draws are the numbers they always were", () => {
  assert.deepEqual(streamKey(42, "model.norm.weight", "a"), GOLDEN_KEY);
  assert.deepEqual(
    [0, 1, 2, 0xffffffff].map((index) => draw32(GOLDEN_KEY, index)),
    GOLDEN_DRAWS,
  );
});

test("names that run together are different keys", () => {
  assert.notDeepEqual(streamKey("ab", "c"), streamKey("a", "bc"));
  assert.notDeepEqual(streamKey("1"), streamKey(1));
});

test("each byte of a draw is uniform, and so is its difference to the next index and the next key", () => {
  const key = streamKey("test");
  const other: StreamKey = [key[0], key[1] + 1];
  for (const shift of [0, 8, 16, 24]) {
    const byte = (word: number) => (word >>> shift) & 255;
    const columns = [
      (i: number) => byte(draw32(key, i)),
      (i: number) => byte(draw32(key, i) ^ draw32(key, i + 1)),
      (i: number) => byte(draw32(key, i) ^ draw32(other, i)),
    ];
    for (const column of columns) assert.ok(chiSquare(countBytes(column)) < 347);
  }
});

test("draw24 keeps the share of elements that the density says", () => {
  const key = streamKey("density");
  for (const density of [1 / 4096, 0.1, 0.5, 0.9]) {
    let kept = 0;
    for (let index = 0; index < N; index++) {
      if (draw24(key, index) < density * 2 ** 24) kept++;
    }
    const deviation = Math.sqrt(N * density * (1 - density));
    assert.ok(Math.abs(kept - N * density) < 5 * deviation, `${kept} of ${N} at ${density}`);
  }
});

test("uniform numbers stay inside the open interval, with the right mean and variance", () => {
  const key = streamKey("uniform");
  const values = Array.from({ length: N }, (_, index) => uniform(key, index));
  assert.ok(values.every((value) => value > 0 && value < 1));
  const mean = values.reduce((sum, value) => sum + value, 0) / N;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / N;
  assert.ok(Math.abs(mean - 0.5) < 5 / Math.sqrt(12 * N));
  assert.ok(Math.abs(variance - 1 / 12) < 0.001);
});
