// Single-tensor goldens: what mergekit computed for each method, to the last bit where that is reproducible.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { FloatType } from "../../src/base/dtype.ts";
import { roundTo } from "../../src/base/half.ts";
import { referenceKernel } from "../../src/kernel/reference/kernel.ts";
import { wasmKernel } from "../../src/kernel/wasm/wasm.ts";
import { sequentialGenerator } from "../../src/merge/draws.ts";
import type { TensorStatistics } from "../../src/merge/method.ts";
import { MERGE_METHODS, methodNamed } from "../../src/merge/methods/registry.ts";
import { goldenPath, needsGoldens } from "./goldens-file.ts";
import { mergeTensor, type TensorCase } from "./tensors.ts";

interface GoldenCase {
  readonly name: string;
  readonly method: string;
  readonly dtype: FloatType;
  readonly inputs?: string;
  readonly params: Readonly<Record<string, number | boolean | undefined>> & {
    readonly weight?: number[];
    readonly per_model?: Record<string, number>[];
    readonly seed?: number;
  };
  readonly out: number[];
  readonly out_dtype: FloatType;
}

interface Goldens {
  readonly base: number[];
  readonly models: number[][];
  readonly sparse_models: number[][];
  readonly shape: number[];
  readonly cases: GoldenCase[];
  readonly rng: {
    readonly torch_manual_seed: number;
    readonly "bernoulli_p0.5_first_32": number[];
    readonly randperm_50_seed9: number[];
  };
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
function asTensorCase(
  { base, models, sparse_models, shape }: Goldens,
  golden: GoldenCase,
): TensorCase {
  const { method, dtype: type, params } = golden;
  const round = (values: number[]) => values.map((value) => roundTo(type, Math.fround(value)));
  const global: Record<string, number> = defaultsOf(method);
  for (const spec of methodNamed(method).parameters) {
    const value = params[spec.name];
    if (spec.scope === "global" && value !== undefined) global[spec.name] = Number(value);
  }
  const output = golden.out_dtype;
  const common = { method, type, output, global, compat: true, seed: params.seed ?? 42, shape };
  if (method === "slerp") {
    const other =
      golden.inputs === "base,base*1.01(f32)"
        ? base.map((x) => Math.fround(Math.fround(x) * Math.fround(1.01)))
        : models[0]!;
    return { ...common, inputs: [round(base), round(other)], base: 0 };
  }
  const listed = golden.inputs === "base,sparse_models" ? sparse_models : models;
  const count = params.weight?.length ?? (ONE_MODEL.has(method) ? 1 : listed.length);
  const perModel =
    params.per_model ?? params.weight?.map((weight) => ({ weight })) ?? listed.map(() => ({}));
  const inputs = listed.slice(0, count).map(round);
  const hasBase = method !== "linear" && method !== "karcher" && params.base !== false;
  if (!hasBase) return { ...common, inputs, perModel };
  return { ...common, inputs: [round(base), ...inputs], base: 0, perModel: [{}, ...perModel] };
}

const ONE_MODEL = new Set(["nearswap", "arcee_fusion"]);

const largest = (values: number[]) => values.reduce((a, b) => Math.max(a, b), 0);

/**
 * Absolute errors allowed of numbers below 1.25; what is not here is equal bit for bit. mergekit's norms, angles
 * and means go through float32 sums in an order of their own, so coefficients are off by a unit or two in
 * the last place; in bfloat16, its karcher rounds every vector it makes and ours one.
 */
const TOLERANCES: Readonly<Partial<Record<FloatType, Readonly<Record<string, number>>>>> = {
  float32: Object.fromEntries(
    ["slerp", "nuslerp", "multislerp", "karcher", "model_stock", "sce"].map((name) => [
      name,
      2 ** -23,
    ]),
  ),
  bfloat16: { karcher: 2 ** -7 },
};

for (const kernel of [referenceKernel(), wasmKernel()]) {
  for (const golden of goldens?.cases ?? []) {
    test(`${kernel.name} reproduces ${golden.dtype} ${golden.name}`, async () => {
      const found = await mergeTensor(kernel, asTensorCase(goldens!, golden));
      const wanted = golden.out.map((value) => roundTo(golden.out_dtype, Math.fround(value)));
      const tolerance = TOLERANCES[golden.dtype]?.[golden.method];
      if (tolerance === undefined) {
        assert.deepEqual(found, wanted);
        return;
      }
      const errors = found.map((x, i) => Math.abs(x - wanted[i]!));
      assert.ok(largest(errors) <= tolerance, `absolute error ${largest(errors)}`);
    });
  }
}

test("every method that the goldens know is run", needsGoldens, () => {
  assert.equal(goldens!.cases.length, 65);
  const methods = new Set(goldens!.cases.map(({ method }) => method)).add("passthrough");
  assert.deepEqual([...methods].sort(), MERGE_METHODS.map(({ name }) => name).sort());
});

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

test("samples are the start of torch's permutation", needsGoldens, () => {
  const wanted = goldens!.rng.randperm_50_seed9;
  const draws = sequentialGenerator(9).tensor("t", 49, [0]);
  for (const count of [1, 20, 50]) {
    assert.deepEqual([...draws.sample(0, 50, count)], wanted.slice(0, count));
  }
});

/** For methods that need none: a call is a failure of the test. */
const noStatistics = new Proxy({} as TensorStatistics, {
  get: (_, name) => assert.fail(`${String(name)} was asked for`),
});

test("under compat five weights are summed in torch's order, the fifth right after the first", async () => {
  const weights = [0.3, 0.55, 0.5, -0.1, 0.1];
  const merge = {
    inputs: 5,
    base: undefined,
    global: { normalize: 1 },
    perModel: weights.map((weight) => ({ weight })),
    shape: [1],
    elements: 1,
    arithmetic: "float32",
    compat: true,
  } as const;
  const { scalars } = await methodNamed("linear").coefficients(merge, noStatistics);
  const [a, b, c, d, e] = weights.map(Math.fround);
  const expected = [e!, b!, c!, d!].reduce((sum, weight) => Math.fround(sum + weight), a!);
  assert.equal(scalars.at(-1), expected);
});
