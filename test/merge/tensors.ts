// Single tensors for tests: numbers in, a merged tensor out, through the same path as whole models.

import { bytesPerElement, type FloatType } from "../../src/base/dtype.ts";
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "../../src/base/half.ts";
import { sha256 } from "../../src/base/hash.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import { elementReader } from "../../src/merge/elements.ts";
import { weightsDigest } from "../../src/merge/fingerprint.ts";
import type { MergePlan, TensorPlan } from "../../src/merge/plan.ts";
import { tensorFacts } from "../../src/merge/statistics/statistics.ts";
import { residentInputs } from "../../src/merge/tensor-inputs.ts";
import { arithmeticOf, maskGenerator, prepareTensor } from "../../src/merge/tensor-pass.ts";

/** Bytes of numbers in a type. */
export function encode(type: FloatType, values: ArrayLike<number>): Uint8Array {
  const numbers = Array.from(values);
  const array =
    type === "float32"
      ? Float32Array.from(numbers)
      : Uint16Array.from(numbers, type === "bfloat16" ? f32ToBf16 : f32ToF16);
  return new Uint8Array(array.buffer);
}

/** Numbers of bytes in a type. */
export function decode(type: FloatType, bytes: Uint8Array): number[] {
  const copy = bytes.slice().buffer;
  if (type === "float32") return Array.from(new Float32Array(copy));
  return Array.from(new Uint16Array(copy), type === "bfloat16" ? bf16ToF32 : f16ToF32);
}

/** The digest that executeMerge reports for a plan, of what CandidateMerger made of it. */
export function digestOf(
  plan: MergePlan,
  outputs: ReadonlyMap<string, { readonly data: Float32Array }>,
): string {
  return weightsDigest(
    plan.tensors.map((tensor) => {
      const { data } = outputs.get(tensor.name)!;
      return { ...tensor, sha256: sha256(encode(tensor.dtype, data)) };
    }),
  );
}

export interface TensorCase {
  readonly method: string;
  readonly inputs: readonly ArrayLike<number>[];
  /** One axis unless given. */
  readonly shape?: readonly number[];
  /** Stored and computed type of everything. */
  readonly type: FloatType;
  /** What the result is rounded to and stored as; `type` unless given. */
  readonly output?: FloatType;
  readonly base?: number;
  readonly global?: Readonly<Record<string, number>>;
  readonly perModel?: readonly Readonly<Record<string, number>>[];
  readonly compat: boolean;
  readonly seed?: number;
  /** Elements a tile. */
  readonly tile?: number;
}

/** Merges one tensor. */
export async function mergeTensor(kernel: Kernel, wanted: TensorCase): Promise<number[]> {
  const { type, output: store = type } = wanted;
  const elements = wanted.inputs[0]!.length;
  const tensor: TensorPlan = {
    name: "tensor",
    shape: wanted.shape ?? [elements],
    method: wanted.method,
    sources: wanted.inputs.map((_, model) => ({ model, name: "tensor" })),
    base: wanted.base,
    global: wanted.global ?? {},
    perModel: wanted.perModel ?? wanted.inputs.map(() => ({})),
    loadAs: undefined,
    arithmetic: wanted.compat ? type : "float32",
    dtype: store,
  };
  const plan: MergePlan = {
    models: wanted.inputs.map((_, i) => `model-${i}`),
    tensors: [tensor],
    seed: wanted.seed ?? 42,
    compat: wanted.compat,
    config: {},
    donor: "model-0",
  };
  const bytes = wanted.inputs.map((values) => encode(type, values));
  const types = bytes.map(() => type);
  const inputs = residentInputs(elements, types, bytes);
  const reader = elementReader(kernel, inputs, undefined, arithmeticOf(tensor));
  const facts = tensorFacts(reader, wanted.base, false);
  const pass = await prepareTensor(kernel, new Map(), maskGenerator(plan), plan.compat, tensor, {
    types,
    facts,
    store,
  });
  const output = new Uint8Array(elements * bytesPerElement(store));
  const tile = wanted.tile ?? elements;
  for (let first = 0; first < elements; first += tile) {
    const count = Math.min(tile, elements - first);
    const width = bytesPerElement(store);
    const views = await Promise.all(types.map((_, i) => inputs.read(i, first, count)));
    await pass.run(first, count, views, output.subarray(first * width, (first + count) * width));
  }
  return decode(store, output);
}
