// The merged model's config.json: the donor's, with what the merge changed kept true.

import type { TensorPlan } from "../merge/plan.ts";
import type { Layout } from "./layout.ts";
import type { LoadedModel } from "./models.ts";

/** transformers 5 writes `dtype`, 4 wrote `torch_dtype`; both read the older name. */
const TYPE_KEYS = ["dtype", "torch_dtype"];

/**
 * The donor's raw configuration with the layer count, the layers' types, the element type and (except
 * under `compat`, as mergekit does not) the tie of head and embeddings as the output has them.
 */
export function outputConfig(
  donor: LoadedModel,
  layout: Layout,
  tensors: readonly TensorPlan[],
  compat: boolean,
): Record<string, unknown> {
  const raw: Record<string, unknown> = { ...donor.config.raw };
  const { architecture } = donor.config;
  raw[architecture.layersKey] = layout.layers;
  const types = new Set(tensors.map((tensor) => tensor.dtype));
  const typeKeys = TYPE_KEYS.filter((key) => key in raw);
  for (const key of typeKeys.length === 0 ? ["torch_dtype"] : typeKeys) {
    raw[key] = types.size === 1 ? [...types][0] : "float32";
  }
  if (Array.isArray(raw.layer_types)) {
    raw.layer_types = layout.origins.map(({ model, layer }) => layerTypesOf(model, donor)[layer]);
  }
  // a head of its own is read only where the configuration says that it is not tied
  const hasOwnHead = architecture.post.some(
    (weight) =>
      weight.tiedTo !== undefined && tensors.some((tensor) => tensor.name === weight.name),
  );
  if (hasOwnHead && !compat && donor.config.tieWordEmbeddings) raw.tie_word_embeddings = false;
  return raw;
}

function layerTypesOf(model: LoadedModel, donor: LoadedModel): unknown[] {
  const types = model.config.raw.layer_types ?? donor.config.raw.layer_types;
  return Array.isArray(types) ? types : [];
}
