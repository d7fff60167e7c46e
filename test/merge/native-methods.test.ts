// What the default does where mergekit has quirks, and what must hold of every method whose numbers are planes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { TsmergeError } from "../../src/base/errors.ts";
import { add, input } from "../../src/kernel/expression.ts";
import { referenceKernel } from "../../src/kernel/reference/kernel.ts";
import { wasmKernel } from "../../src/kernel/wasm/wasm.ts";
import { methodNamed } from "../../src/merge/methods/registry.ts";
import { randomNumbers } from "./models.ts";
import { mergeTensor, type TensorCase } from "./tensors.ts";

const kernel = wasmKernel();
const ELEMENTS = 7 * 30;

/** Merges a base and models that differ from it by an eighth at most; parameters are the method's defaults. */
function merged(
  method: string,
  changes: Partial<TensorCase> & { models?: number; parameters?: Record<string, number> },
): Promise<number[]> {
  const { models = 2, parameters = {} } = changes;
  const base = randomNumbers("base", ELEMENTS);
  const others = Array.from({ length: models }, (_, i) =>
    randomNumbers(`model ${i}`, ELEMENTS).map((x, e) => base[e]! + x / 8),
  );
  const inputs = [base, ...others].map((values) => [...values]);
  const of = (scope: string) =>
    Object.fromEntries(
      methodNamed(method)
        .parameters.filter((spec) => spec.scope === scope)
        .map(({ name, default: value }) => [name, parameters[name] ?? value ?? 0.5]),
    );
  const [global, model] = [of("global"), of("model")];
  const perModel = [{}, ...others.map(() => model)];
  const common = { method, type: "float32", base: 0, shape: [7, 30], compat: false } as const;
  return mergeTensor(kernel, { ...common, inputs, global, perModel, ...changes });
}

const WITH_PLANES: [string, number, Record<string, number>][] = [
  ["della", 2, { density: 0.4, epsilon: 0.2 }],
  ["della_linear", 2, { density: 0.4, epsilon: 0.2 }],
  ["nuslerp", 2, { nuslerp_flatten: 0 }],
  ["nuslerp", 2, { nuslerp_flatten: 0, nuslerp_row_wise: 1 }],
  ["model_stock", 3, { filter_wise: 1 }],
  ["sce", 2, { select_topk: 0.5 }],
  ["arcee_fusion", 1, {}],
];

for (const [method, models, parameters] of WITH_PLANES) {
  for (const compat of [false, true]) {
    test(`${method} ${JSON.stringify(parameters)}${compat ? " (compat)" : ""} does not depend on tiles`, async () => {
      const whole = await merged(method, { models, parameters, compat });
      for (const tile of [1, 13, 64]) {
        assert.deepEqual(await merged(method, { models, parameters, compat, tile }), whole);
      }
    });
  }
}

test("planes are not cast to the recipe's dtype", async () => {
  const [cast, uncast] = [
    Float32Array.of(1 + 2 ** -12, 1),
    Float32Array.of(1 + 2 ** -12, 1 + 2 ** -13),
  ];
  for (const each of [kernel, referenceKernel()]) {
    const output = new Float32Array(2);
    const program = await each.compile({
      expression: add(input(0), add(input(1), input(1))),
      inputs: ["float32", "float32"],
      loadAs: "bfloat16",
      uncast: 1,
      arithmetic: "float32",
      round: "float32",
      store: "float32",
      draws: "counter",
    });
    await program.run({
      elements: 2,
      firstElement: 0,
      inputs: [cast, uncast].map((values) => new Uint8Array(values.buffer)),
      output: new Uint8Array(output.buffer),
      scalars: new Float64Array(0),
      integers: new Uint32Array(0),
      streams: [],
    });
    assert.deepEqual([...output], [3 + 2 ** -11, 3 + 2 ** -12]);
  }
});

test("breadcrumbs without outliers keeps its largest elements, which mergekit drops", async () => {
  const parameters = { weight: 1, density: 0.5, gamma: 0 };
  const base = [...randomNumbers("base", ELEMENTS)];
  const kept = await merged("breadcrumbs", { models: 1, parameters });
  assert.equal(kept.filter((x, e) => x !== base[e]).length, ELEMENTS / 2);
  assert.deepEqual(await merged("breadcrumbs", { models: 1, parameters, compat: true }), base);
});

test("model_stock stays at the base where models point apart, which mergekit leaves behind", async () => {
  const base = [...randomNumbers("base", ELEMENTS)];
  const change = [...randomNumbers("change", ELEMENTS)].map((x) => x / 8);
  const own = [...randomNumbers("own", ELEMENTS)].map((x) => x / 16);
  const inputs = [
    base,
    base.map((x, e) => x + change[e]!),
    base.map((x, e) => x - change[e]! + own[e]!),
  ];
  const found = await merged("model_stock", { inputs });
  assert.deepEqual(found, base);
  assert.notDeepEqual(await merged("model_stock", { inputs, compat: true }), base);
});

test("della narrows epsilon at densities that mergekit refuses", async () => {
  const parameters = { weight: 1, density: 0.9, epsilon: 0.15, rescale: 0, normalize: 0 };
  const base = randomNumbers("base", ELEMENTS);
  const found = await merged("della_linear", { models: 1, parameters });
  const kept = found.filter((x, e) => x !== base[e]).length / ELEMENTS;
  assert.ok(Math.abs(kept - 0.9) < 0.06, `kept ${kept}`);
  await assert.rejects(
    merged("della_linear", { models: 1, parameters, compat: true }),
    (error) =>
      error instanceof TsmergeError && /probabilities from 0\.75 to 1\.05/.test(error.message),
  );
});

test("the larger half of a row is kept more often", async () => {
  const parameters = { weight: 1, density: 0.5, epsilon: 0.45, rescale: 0, normalize: 0 };
  const base = randomNumbers("base", ELEMENTS);
  const change = randomNumbers("model 0", ELEMENTS);
  const found = await merged("della_linear", { models: 1, parameters });
  const [large, small] = [true, false].map((isLarge) => {
    const half = found.filter((_, e) => Math.abs(change[e]!) > 0.5 === isLarge);
    const kept = found.filter((x, e) => Math.abs(change[e]!) > 0.5 === isLarge && x !== base[e]);
    return kept.length / half.length;
  });
  assert.ok(large! > 0.6 && small! < 0.4, `${large} and ${small}`);
});

test("small task vectors keep their own weights in sce, which mergekit makes equal", async () => {
  const inputs = [
    [0, 0],
    [1e-5, 0],
    [3e-5, 2e-5],
  ]; // energies 1 to 13
  const common = { inputs, shape: [2], models: 2 };
  const [first] = await merged("sce", common);
  assert.ok(Math.abs(first! / 1e-5 - (1 + 3 * 13) / 14) < 1e-5);
  const [equal] = await merged("sce", { ...common, compat: true });
  assert.ok(equal! < first!);
});

test("arcee_fusion's sampled quantiles take over about as much as exact ones", async () => {
  const elements = 1_000_400;
  const base = randomNumbers("base", elements);
  const other = randomNumbers("other", elements).map((x, e) => base[e]! + x ** 5);
  const common = { method: "arcee_fusion", type: "float32", base: 0 } as const;
  const inputs = [base, other];
  const taken = [];
  for (const compat of [false, true]) {
    const found = await mergeTensor(kernel, { ...common, inputs, compat, shape: [1220, 820] });
    taken.push(found.filter((x, e) => x !== base[e]).length);
  }
  assert.ok(taken[0]! > 0 && Math.abs(taken[0]! - taken[1]!) < 0.001 * elements, taken.join());
});

for (const method of ["karcher", "multislerp", "nuslerp"]) {
  test(`${method} of a model with itself is that model`, async () => {
    const model = [...randomNumbers("base", ELEMENTS)];
    const perModel = [{ weight: 0.5 }, { weight: 0.3 }];
    const found = await mergeTensor(kernel, {
      ...{ method, type: "float32", compat: false, perModel, inputs: [model, model] },
      global: {
        max_iter: 10,
        tol: 1e-5,
        eps: 1e-8,
        normalize_weights: 1,
        nuslerp_flatten: 1,
        nuslerp_row_wise: 0,
      },
    });
    for (const [e, x] of found.entries()) {
      assert.ok(Math.abs(x - model[e]!) <= 2 ** -22 * Math.abs(model[e]!));
    }
  });
}

test("two models that point apart have no spherical mean: multislerp adds them", async () => {
  const model = [...randomNumbers("base", ELEMENTS)];
  for (const compat of [false, true]) {
    const found = await mergeTensor(kernel, {
      ...{ method: "multislerp", type: "float32", compat },
      inputs: [model.map((x) => 2 * x), model.map((x) => -x)],
      global: { eps: 1e-8, normalize_weights: 1 },
      perModel: [{ weight: 0.5 }, { weight: 0.5 }],
    });
    assert.deepEqual(
      found,
      model.map((x) => x / 2),
    );
  }
});
