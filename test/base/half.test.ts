// Half floats against their definitions: every bit pattern, and rounding at every tie.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16, roundTo } from "../../src/base/half.ts";

const PATTERNS = 0x10000;

for (const [name, widen, narrow, exponent] of [
  ["bfloat16", bf16ToF32, f32ToBf16, 0x7f80],
  ["float16", f16ToF32, f32ToF16, 0x7c00],
] as const) {
  test(`every ${name} pattern survives the way to float32 and back`, () => {
    for (let bits = 0; bits < PATTERNS; bits++) {
      const value = widen(bits);
      if (Number.isNaN(value)) {
        assert.ok((bits & 0x7fff) > exponent);
        assert.ok(Number.isNaN(widen(narrow(value))));
      } else if (narrow(value) !== bits) assert.fail(`${bits.toString(16)} came back changed`);
    }
  });

  test(`${name} rounds to the nearest value, and between two to the even one`, () => {
    for (let bits = 0; bits < exponent - 1; bits++) {
      const [low, high] = [widen(bits), widen(bits + 1)];
      const middle = (low + high) / 2; // exact in float32: one bit more than the type has
      const even = bits % 2 === 0 ? bits : bits + 1;
      const step = middle * 2 ** -23 + 2 ** -149;
      const seen = [narrow(middle), narrow(middle - step), narrow(middle + step), narrow(-middle)];
      if (seen.join() !== [even, bits, bits + 1, even | 0x8000].join()) {
        assert.fail(`around ${middle}: ${seen}`);
      }
    }
  });
}

test("overflow becomes infinity, and a NaN stays one with its sign", () => {
  assert.equal(f32ToBf16(3.4e38), 0x7f80);
  assert.equal(f32ToBf16(-3.4e38), 0xff80);
  assert.equal(f32ToF16(65520), 0x7c00);
  assert.equal(f32ToF16(65519.99), 0x7bff);
  assert.ok(Number.isNaN(bf16ToF32(f32ToBf16(Number.NaN))));
  assert.equal(f32ToBf16(-0), 0x8000);
  assert.equal(f32ToF16(-0), 0x8000);
});

test("rounding twice changes nothing", () => {
  const types = fc.constantFrom("float32", "float16", "bfloat16");
  fc.assert(
    fc.property(fc.double(), types, (value, type) => {
      const once = roundTo(type, value);
      assert.ok(Object.is(roundTo(type, once), once));
    }),
  );
});

test("rounding a number is encoding and decoding it, for either half", () => {
  const same = (x: number) => {
    assert.ok(Object.is(roundTo("bfloat16", x), bf16ToF32(f32ToBf16(x))), `bfloat16 of ${x}`);
    const f16 = f16ToF32(f32ToF16(Math.fround(x)));
    assert.ok(Object.is(roundTo("float16", x), f16), `float16 of ${x}`);
  };
  for (const x of [0, -0, Number.NaN, Number.POSITIVE_INFINITY, 65519.996, 65520, -65520]) same(x);
  for (let bits = 0; bits < 0x7c00; bits += 7) {
    const [low, high] = [f16ToF32(bits), f16ToF32(bits + 1)];
    const middle = (low + high) / 2; // a tie
    for (const x of [low, -middle, middle, middle * (1 + 2 ** -23), middle * (1 - 2 ** -23)])
      same(x);
  }
  fc.assert(fc.property(fc.float(), same));
});
