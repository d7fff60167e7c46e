// What merging to files takes in memory: told before, whatever the plan, and not exceeded by the buffers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { bumpArena } from "../../src/kernel/wasm/arena.ts";
import { wasmKernel } from "../../src/kernel/wasm/wasm.ts";
import { memoryOf, openBuffers, TENSORS_AT_ONCE } from "../../src/merge/files/tiles.ts";
import type { TensorInputs } from "../../src/merge/tensor-inputs.ts";
import { planOver } from "./models.ts";

const plan = planOver(["a", "b", "c"], "ties", "bfloat16");

test("a plan of very many tensors takes what its largest one takes", () => {
  const { tensors } = plan;
  const many = Array.from({ length: 100_000 }, () => tensors).flat(); // too many for the stack
  assert.equal(memoryOf(many, 1), memoryOf(tensors, 1));
});

test("the buffers of all tensors in work lie within what is told, for tensors of any size", () => {
  for (const threads of [1, 2, 8]) {
    for (const elements of [0, 1, 1000, 2 ** 20, 2 ** 31]) {
      const tensors = plan.tensors.map((tensor) => ({ ...tensor, shape: [elements] }));
      const inputs = tensors.map(
        ({ sources }): TensorInputs => ({
          ...{ elements, types: sources.map(() => "float32" as const) },
          read: () => new Uint8Array(0),
        }),
      );
      let asked = 0;
      // the sizes count here, not the memory: what is handed out is empty
      const arena = (bytes: number) => {
        asked += bytes;
        return { ...bumpArena(new ArrayBuffer(0)), allocate: () => new Uint8Array(0) };
      };
      const kernel = { ...wasmKernel(), arena };
      openBuffers(kernel, tensors, inputs, TENSORS_AT_ONCE * threads);
      const all = TENSORS_AT_ONCE * threads * asked;
      assert.ok(all <= memoryOf(tensors, threads), `${threads} threads, ${elements} elements`);
    }
  }
});
