// finiteCheck against the numbers themselves, at every place and alignment.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { FloatType } from "../../src/base/dtype.ts";
import { wasmKernel } from "../../src/kernel/wasm/wasm.ts";
import { finiteCheck } from "../../src/merge/finite.ts";
import { decode } from "./tensors.ts";

const kernel = wasmKernel();

test("it refuses exactly the tiles that hold NaN or infinity", () => {
  const widths = { float32: 4, bfloat16: 2, float16: 2 } as const;
  const types: FloatType[] = ["float32", "bfloat16", "float16"];
  const special = fc.constantFrom(
    0x7f80,
    0x7c00,
    0xff80,
    0xfc00,
    0x7f7f,
    0x7bff,
    0,
    0x8000,
    0x7fc0,
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...types),
      fc.array(fc.oneof(fc.integer({ min: 0, max: 0xffff }), special), { maxLength: 12 }),
      fc.nat({ max: 3 }),
      (type, halves, shift) => {
        const width = widths[type];
        const bytes = new Uint8Array(width * shift + 2 * halves.length);
        new Uint8Array(bytes.buffer, width * shift).set(
          new Uint8Array(Uint16Array.from(halves).buffer),
        );
        const length = Math.floor((2 * halves.length) / width) * width;
        const tile = bytes.subarray(width * shift, width * shift + length);
        const check = () => finiteCheck(kernel, type)("x", tile);
        if (decode(type, tile).every(Number.isFinite)) check();
        else assert.throws(check, /tensor x holds NaN or infinity/);
      },
    ),
    { numRuns: 2000 },
  );
});
