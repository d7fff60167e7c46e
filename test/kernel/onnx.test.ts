// The ONNX kernel on the CPU provider against the reference interpreter, bit for bit.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import { add, input, mul, scalar } from "../../src/kernel/expression.ts";
import type { Program } from "../../src/kernel/kernel.ts";
import { onnxKernel } from "../../src/kernel/onnx/onnx.ts";
import { interpret } from "../../src/kernel/reference/reference.ts";
import { sessionsCreated } from "../../src/ort/session.ts";
import { anyCall, anyProgram, bitsOf, encode, makeCall } from "./programs.ts";

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

const program: Program = {
  expression: add(input(0), mul(scalar(0), input(1))),
  inputs: ["bfloat16", "float32"],
  arithmetic: "float32",
  round: "bfloat16",
  store: "bfloat16",
  draws: "counter",
};

test("equal programs share one session, whatever the number of tiles", async () => {
  const before = sessionsCreated();
  const first = await kernel.compile(program);
  assert.equal(await kernel.compile({ ...program }), first);
  assert.equal(sessionsCreated(), before + 1);
});

test("views need no alignment", async () => {
  const values = Array.from({ length: 20 }, (_, i) => i / 4);
  const shifted = (bytes: Uint8Array) => {
    const room = new Uint8Array(bytes.length + 1);
    room.set(bytes, 1);
    return room.subarray(1);
  };
  const output = shifted(new Uint8Array(40));
  await (await kernel.compile(program)).run({
    elements: 20,
    firstElement: 0,
    inputs: [shifted(encode("bfloat16", values)), shifted(encode("float32", values))],
    output,
    scalars: Float64Array.of(2),
    integers: new Uint32Array(),
  });
  assert.deepEqual(
    Buffer.from(output),
    Buffer.from(
      encode(
        "bfloat16",
        values.map((value) => 3 * value),
      ),
    ),
  );
});
