// Random recipes that are valid for their method, for property tests. Not a test.

import fc from "fast-check";
import type { Parameters, Recipe, Setting, Slice } from "../../src/recipe/recipe.ts";

/** Objects like those of literals, which deepEqual tells from null-prototype ones. */
const PLAIN = { noNullPrototype: true } as const;

const number = fc.double({ min: -4, max: 4, noNaN: true }).map((x) => x + 0);
const unit = fc.double({ min: 0, max: 1, noNaN: true });

function setting(value: fc.Arbitrary<number>): fc.Arbitrary<Setting> {
  const plain = fc.oneof(value, fc.array(value, { minLength: 1, maxLength: 4 }));
  const filter = fc.constantFrom("mlp", "self_attn", "layers.1.", "yes", "1e-3", "#", "a: b");
  return fc.oneof(
    plain,
    fc
      .tuple(fc.array(fc.record({ filter, value: plain }, PLAIN), { maxLength: 3 }), plain)
      .map(([entries, rest]) => [...entries, { value: rest }]),
  );
}

const flag = fc.constantFrom(0, 1);

function perModel(method: string): fc.Arbitrary<Parameters> {
  if (method === "slerp") return fc.constant({});
  if (method === "passthrough") return fc.record({ scale: setting(number) }, PLAIN);
  if (method === "linear") return fc.record({ weight: setting(number) }, PLAIN);
  return fc.record({ weight: setting(number), density: setting(unit) }, PLAIN);
}

function global(method: string): fc.Arbitrary<Parameters> {
  if (method === "slerp") return fc.record({ t: setting(unit) }, PLAIN);
  if (method === "passthrough") return fc.constant({});
  if (method === "linear") return fc.record({ normalize: flag }, PLAIN);
  return fc.record({ normalize: flag, lambda: setting(number) }, PLAIN);
}

const COUNTS: Readonly<Record<string, readonly [number, number]>> = {
  slerp: [2, 2],
  passthrough: [1, 1],
};

/** Models `a`, `b`, `c` of four layers; base `base` for methods that need one. */
export const arbitraryRecipe: fc.Arbitrary<Recipe> = fc
  .constantFrom(
    "linear",
    "slerp",
    "task_arithmetic",
    "ties",
    "dare_linear",
    "dare_ties",
    "passthrough",
  )
  .chain((method) => {
    const [minLength, maxLength] = COUNTS[method] ?? [1, 3];
    const names = fc.shuffledSubarray(["a", "b", "c"], { minLength, maxLength });
    const needsBase = !["linear", "slerp", "passthrough"].includes(method);
    const slice = (ranged: boolean): fc.Arbitrary<Slice> =>
      fc
        .tuple(
          names,
          fc.array(perModel(method), { minLength: 3, maxLength: 3 }),
          fc.nat(2),
          global(method),
        )
        .map(([models, parameters, first, shared]) => ({
          sources: models.map((model, i) => ({
            model,
            ...(ranged ? { layerRange: [first, first + 2] as const } : {}),
            parameters: parameters[i]!,
          })),
          ...(method === "slerp" && ranged ? { base: models[0]! } : {}),
          parameters: ranged ? shared : {},
        }));
    const slices = fc.oneof(
      slice(false).map((one) => [one]),
      fc.array(slice(true), { minLength: 1, maxLength: 3 }),
    );
    const types = fc.constantFrom("float32", "float16", "bfloat16");
    return fc
      .record(
        { slices, parameters: global(method), dtype: types, outDtype: types },
        { requiredKeys: ["slices", "parameters"], ...PLAIN },
      )
      .map((rest): Recipe => {
        const first = rest.slices[0]!.sources[0]!.model;
        const isWhole = rest.slices[0]!.sources[0]!.layerRange === undefined;
        const base = needsBase
          ? { base: "base" }
          : method === "slerp" && isWhole
            ? { base: first }
            : {};
        return { method, ...base, ...rest };
      });
  });
