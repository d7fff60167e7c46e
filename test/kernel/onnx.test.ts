// The ONNX kernel on the CPU provider against the reference interpreter, bit for bit.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import { onnxKernel } from "../../src/kernel/onnx.ts";
import { interpret } from "../../src/kernel/reference.ts";
import { anyCall, anyProgram, bitsOf, makeCall } from "./programs.ts";

const kernel = onnxKernel({ device: "cpu", threads: 1, tile: 16 });
after(() => kernel.close());

test("random programs give the reference's bits on the CPU provider", async () => {
  await fc.assert(
    fc.asyncProperty(
      anyProgram("wild", "float32", "bfloat16", "float16", "f64"),
      anyCall("wild", 33),
      async (program, values) => {
        const call = makeCall(program, values, kernel, false);
        const compiled = await kernel.compile(program);
        await compiled.run(call);
        const expected = makeCall(program, values, kernel, false);
        await interpret(program).run(expected);
        assert.deepEqual(
          bitsOf(program.store, call.output),
          bitsOf(program.store, expected.output),
        );
      },
    ),
    { numRuns: 300 },
  );
});
