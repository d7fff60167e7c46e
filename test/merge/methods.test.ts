// Single-tensor goldens: what mergekit computed for each method, to the last bit where that is reproducible.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { FloatType } from "../../src/base/dtype.ts";
import { roundTo } from "../../src/base/half.ts";
import { referenceKernel } from "../../src/kernel/reference.ts";
import { wasmKernel } from "../../src/kernel/wasm.ts";
import { sequentialGenerator } from "../../src/merge/draws.ts";
import { MERGE_METHODS, methodNamed } from "../../src/merge/methods/registry.ts";
import { goldenPath, needsGoldens } from "./goldens-file.ts";
import { mergeTensor, type TensorCase } from "./tensors.ts";

interface GoldenCase {
  readonly name: string;
  readonly method: string;
  readonly dtype: FloatType;
  readonly inputs?: string;
  readonly params: {
    readonly weight?: number[];
    readonly normalize?: boolean;
    readonly rescale?: boolean;
    readonly lambda?: number;
    readonly t?: number;
    readonly per_model?: Record<string, number>[];
    readonly seed?: number;
  };
  readonly out: number[];
}

interface Goldens {
  readonly base: number[];
  readonly models: number[][];
  readonly cases: GoldenCase[];
  readonly rng: { readonly torch_manual_seed: number; "bernoulli_p0.5_first_32": number[] };
}

const goldens: Goldens | undefined =
  "skip" in needsGoldens
    ? undefined
    : (JSON.parse(readFileSync(goldenPath("merge-methods.json"), "utf8")) as Goldens); // a golden file

const defaultsOf = (method: string) =>
  Object.fromEntries(
    methodNamed(method)
      .parameters.filter(({ scope, default: value }) => scope === "global" && value !== undefined)
      .map(({ name, default: value }) => [name, value!]),
  );

/** The merge that a golden case names, in mergekit's arithmetic. */
function asTensorCase({ base, models }: Goldens, golden: GoldenCase): TensorCase {
  const { method, dtype: type, params } = golden;
  const round = (values: number[]) => values.map((value) => roundTo(type, Math.fround(value)));
  const global: Record<string, number> = defaultsOf(method);
  for (const name of ["normalize", "rescale", "lambda", "t"] as const) {
    if (params[name] !== undefined) global[name] = Number(params[name]);
  }
  const common = { method, type, global, compat: true, seed: params.seed ?? 42 };
  if (method === "linear") {
    const perModel = params.weight!.map((weight) => ({ weight }));
    return { ...common, inputs: models.map(round), perModel };
  }
  if (method === "slerp") {
    const other =
      golden.inputs === "base,base*1.01(f32)"
        ? base.map((x) => Math.fround(Math.fround(x) * Math.fround(1.01)))
        : models[0]!;
    return { ...common, inputs: [round(base), round(other)], base: 0 };
  }
  const inputs = [round(base), ...models.map(round)];
  return { ...common, inputs, base: 0, perModel: [{}, ...params.per_model!] };
}

const largest = (values: number[]) => values.reduce((a, b) => Math.max(a, b), 0);

for (const kernel of [referenceKernel(), wasmKernel()]) {
  for (const golden of goldens?.cases ?? []) {
    if (!MERGE_METHODS.some(({ name }) => name === golden.method)) continue;
    test(`${kernel.name} reproduces ${golden.dtype} ${golden.name}`, async () => {
      const found = await mergeTensor(kernel, asTensorCase(goldens!, golden));
      const wanted = golden.out.map((value) => roundTo(golden.dtype, Math.fround(value)));
      const isRescaled = golden.params.rescale ?? golden.method.startsWith("dare");
      if (golden.dtype === "bfloat16" || !(isRescaled || golden.method === "slerp")) {
        assert.deepEqual(found, wanted);
      } else if (golden.method === "slerp") {
        const errors = found.map((x, i) => Math.abs(x - wanted[i]!) / Math.abs(wanted[i]!));
        assert.ok(largest(errors) <= 1e-6, `relative error ${largest(errors)}`);
      } else {
        const errors = found.map((x, i) => Math.abs(x - wanted[i]!));
        assert.ok(largest(errors) <= 1e-7, `absolute error ${largest(errors)}`);
      }
    });
  }
}

test("the sequential draws are those of torch's generator", needsGoldens, () => {
  const { rng } = goldens!;
  const draws = sequentialGenerator(rng.torch_manual_seed).tensor("t", 32, [0]);
  const plane = new Uint32Array(32);
  draws.reader(0)(plane);
  assert.deepEqual(
    Array.from(plane, (draw) => Number(draw < 2 ** 23)),
    rng["bernoulli_p0.5_first_32"],
  );
});
