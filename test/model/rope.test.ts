// Rotary tables: the formulas' own properties, and Llama 3's three ranges.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ropeFrequencies, ropeTables } from "../../src/model/decoder/rope.ts";

const LLAMA3 = {
  type: "llama3",
  theta: 500000,
  factor: 8,
  lowFreqFactor: 1,
  highFreqFactor: 4,
  originalMaxPositions: 8192,
} as const;

test("plain frequencies are theta^(-2i/d), to two float32 roundings", () => {
  const theta = fc.double({ min: 1000, max: 1e7, noNaN: true });
  fc.assert(
    fc.property(theta, fc.integer({ min: 1, max: 64 }), (base, half) => {
      const frequencies = ropeFrequencies({ type: "default", theta: base }, 2 * half);
      assert.equal(frequencies.length, half);
      frequencies.forEach((frequency, i) => {
        const exact = base ** (-i / half);
        // the exponent's own rounding moves the power by ln(theta) ulps at most
        assert.ok(Math.abs(frequency / exact - 1) < (2 + Math.log(base)) * 2 ** -24);
      });
    }),
  );
});

test("linear scaling divides every frequency", () => {
  const plain = ropeFrequencies({ type: "default", theta: 10000 }, 16);
  const scaled = ropeFrequencies({ type: "linear", theta: 10000, factor: 4 }, 16);
  assert.deepEqual([...scaled], [...plain.map((frequency) => frequency / 4)]);
});

test("Llama 3 keeps short wavelengths, divides long ones and blends monotonically between", () => {
  const plain = ropeFrequencies({ type: "default", theta: LLAMA3.theta }, 128);
  const scaled = ropeFrequencies(LLAMA3, 128);
  const kinds = new Set<string>();
  plain.forEach((frequency, i) => {
    const wavelength = (2 * Math.PI) / frequency;
    if (wavelength < 8192 / 4) {
      kinds.add("short");
      assert.equal(scaled[i], frequency);
    } else if (wavelength > 8192 / 1) {
      kinds.add("long");
      assert.equal(scaled[i], Math.fround(frequency / 8));
    } else {
      kinds.add("between");
      assert.ok(scaled[i]! < frequency && scaled[i]! > frequency / 8);
    }
    if (i > 0) assert.ok(scaled[i]! < scaled[i - 1]!);
  });
  assert.equal(kinds.size, 3);
});

test("tables hold the cosine and sine of every position, whatever their length", () => {
  const rope = { type: "default", theta: 10000 } as const;
  const long = ropeTables(rope, 8, 100);
  const short = ropeTables(rope, 8, 10);
  assert.deepEqual(long.cos.subarray(0, short.cos.length), short.cos);
  for (let i = 0; i < long.cos.length; i++) {
    assert.ok(Math.abs(long.cos[i]! ** 2 + long.sin[i]! ** 2 - 1) < 1e-6);
  }
  assert.deepEqual([...long.cos.subarray(0, 4)], [1, 1, 1, 1]);
});
