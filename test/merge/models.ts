// Small random models on disk and plans over them, for tests that need no goldens.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { draw32, streamKey } from "../../src/base/counter-rng.ts";
import type { FloatType } from "../../src/base/dtype.ts";
import { CheckpointWriter } from "../../src/checkpoint/writer.ts";
import { methodNamed } from "../../src/merge/methods/registry.ts";
import type { MergePlan, TensorPlan } from "../../src/merge/plan.ts";
import { elementsOf } from "../../src/merge/tensor-pass.ts";
import { encode } from "./tensors.ts";

/** Sizes that are no multiple of a SIMD width, and one larger than a tile of any stage. */
export const SHAPES: Readonly<Record<string, readonly number[]>> = {
  "model.embed.weight": [311, 229],
  "model.layers.0.weight": [33, 65],
  "model.norm.weight": [7],
  "model.scalar": [],
};

/** Numbers in (−1, 1), the same for the same name. */
export function randomNumbers(name: string, count: number): Float32Array {
  const key = streamKey("test", name);
  return Float32Array.from({ length: count }, (_, i) => draw32(key, i) / 2 ** 31 - 1);
}

/** Writes a model whose tensors differ from model "0" by less than `distance`, the same way for the same name. */
export async function writeModel(
  directory: string,
  name: string,
  type: FloatType,
  distance = 1 / 8,
  shapes = SHAPES,
): Promise<void> {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "config.json"), `{"model_type": "test", "name": "${name}"}`);
  writeFileSync(join(directory, "tokenizer.json"), `{"of": "${name}"}`);
  const tensors = Object.entries(shapes).map(([tensor, shape]) => ({
    name: tensor,
    shape,
    dtype: type,
  }));
  const writer = await CheckpointWriter.open(directory, tensors);
  for (const { name: tensor, shape } of tensors) {
    const common = randomNumbers(tensor, elementsOf(shape));
    const own = randomNumbers(`${name} ${tensor}`, common.length);
    await writer.write(
      tensor,
      encode(
        type,
        common.map((x, i) => x + (name === "0" ? 0 : own[i]! * distance)),
      ),
    );
  }
  await writer.finish();
}

export interface PlanOptions {
  readonly compat?: boolean;
  readonly seed?: number;
  readonly density?: number;
  readonly weight?: number;
  readonly global?: Readonly<Record<string, number>>;
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
}

/** A plan over models 0 (the base where there is one) to n, with distinct weights. */
export function planOver(
  models: readonly string[],
  methodName: string,
  type: FloatType,
  options: PlanOptions = {},
): MergePlan {
  const method = methodNamed(methodName);
  const used = Math.min(models.length, method.base === "required" ? Infinity : method.maxModels);
  const hasBase = method.base === "required" || method.base === "firstSource";
  const { density = 0.3, weight = 0.6, compat = false } = options;
  const values: Readonly<Record<string, number>> = { weight, density, t: 0.35, scale: 0.7 };
  const of = (scope: "global" | "model", vary: number) =>
    Object.fromEntries(
      method.parameters
        .filter((parameter) => parameter.scope === scope)
        .map(({ name, default: value }) => [name, (values[name] ?? value!) * vary]),
    );
  const tensors = Object.entries(options.shapes ?? SHAPES).map(
    ([name, shape]): TensorPlan => ({
      name,
      shape,
      method: methodName,
      sources: models.slice(0, used).map((_, model) => ({ model, name })),
      base: hasBase ? 0 : undefined,
      global: { ...of("global", 1), ...options.global },
      perModel: models.slice(0, used).map((_, i) => of("model", 1 - i / 16)),
      loadAs: undefined,
      arithmetic: compat ? (method.arithmetic ?? type) : "float32",
      dtype: type,
    }),
  );
  const [donor] = models;
  return {
    models,
    tensors,
    seed: options.seed ?? 1,
    compat,
    config: { model_type: "test" },
    donor: donor!,
  };
}
