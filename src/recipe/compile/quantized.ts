// Models whose weights are quantized: numbers that mean something only together with their scales, so they can
// be passed through as they are stored and nothing else.

import { TsmergeError } from "../../base/errors.ts";
import { canonicalJson } from "../../base/hash.ts";
import type { TensorPlan } from "../../merge/plan.ts";
import { isQuantized } from "../../model/family/stored-config.ts";
import type { LoadedModel } from "./models.ts";

/**
 * @param models those that give tensors, as TensorSource.model counts them
 * @param donor the model whose config.json the output takes
 * @throws TsmergeError `incompatible` where a quantized model would be changed, or mixed with another kind
 */
export function checkQuantized(
  models: readonly LoadedModel[],
  donor: LoadedModel,
  method: string,
  tensors: readonly TensorPlan[],
): void {
  const quantized = models.find(({ config }) => isQuantized(config));
  if (quantized === undefined) return;
  const refuse = (message: string, hint: string) =>
    new TsmergeError("incompatible", message, { where: quantized.directory, hint });
  if (method !== "passthrough") {
    throw refuse(
      `${quantized.reference} is quantized (quantization_config in its config.json), and quantized weights cannot be merged`,
      "use the model that was quantized, in float16, bfloat16 or float32",
    );
  }
  const kind = ({ config }: LoadedModel) => canonicalJson(config.raw.quantization_config ?? null);
  const other = [donor, ...models].find((model) => kind(model) !== kind(quantized));
  if (other !== undefined) {
    throw refuse(
      `${quantized.reference} and ${other.reference} differ in quantization_config`,
      "stack layers of models that were quantized alike",
    );
  }
  const changed = tensors.find((tensor) => {
    const [source] = tensor.sources;
    const scale = tensor.perModel[0]?.scale ?? 1;
    const stored = models[source!.model]!.tensors.get(source!.name)?.dtype;
    return scale !== 1 || stored !== tensor.dtype || stored !== (tensor.loadAs ?? stored);
  });
  if (changed === undefined) return;
  throw refuse(
    `${quantized.reference} is quantized, and ${changed.name} would be changed`,
    "delete scale, dtype and out_dtype from the recipe",
  );
}
