// The merged model's config.json: the donor's, with what the merge changed kept true.

import type { FloatType } from "../../base/dtype.ts";
import { canonicalJson } from "../../base/hash.ts";
import type { FixName } from "../../merge/fixes.ts";
import type { TensorPlan } from "../../merge/plan.ts";
import { elementsOf } from "../../merge/tensor-pass.ts";
import { configValue, withConfigValue } from "../../model/family/stored-config.ts";
import type { Layout } from "./layout.ts";
import type { LoadedModel } from "./models.ts";

/** transformers 5 writes `dtype`, 4 wrote `torch_dtype`; both read the older name. */
const TYPE_KEYS = ["dtype", "torch_dtype"];

/** Where configurations say how many rows the embedding has. */
const VOCABULARY_KEYS = ["vocab_size", "text_config.vocab_size"];

/**
 * The donor's raw configuration with the layer count, the layers' types, the element type and (except
 * under `compat`, as mergekit does not) the vocabulary's size and the tie of head and embeddings as the
 * output has them. `isResized`: a tokenizer was asked for, for which mergekit too writes the size.
 */
export function outputConfig(
  donor: LoadedModel,
  layout: Layout,
  tensors: readonly TensorPlan[],
  compat: boolean,
  isResized = false,
): Record<string, unknown> {
  const { family, isTied, spell } = donor.weights;
  let raw: Record<string, unknown> = { ...donor.config.raw };
  // an inferred key is trusted with a change only: a model without layers has none to count
  if (!donor.weights.isInferred || layout.layers !== donor.weights.layers) {
    raw = withConfigValue(raw, family.layersKey, layout.layers);
  }
  const type = mostCommonType(tensors);
  const typeKeys = TYPE_KEYS.filter((key) => key in raw);
  for (const key of typeKeys.length === 0 ? ["torch_dtype"] : typeKeys) {
    if (type !== undefined) raw[key] = type;
  }
  if (Array.isArray(raw.layer_types)) {
    raw.layer_types = layout.origins.map(({ model, layer }) => layerTypesOf(model, donor)[layer]);
  }
  const written = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const table = family.pre.find((weight) => weight.isEmbed);
  const rows = table === undefined ? undefined : written.get(spell(table.name))?.shape[0];
  const key = VOCABULARY_KEYS.find((one) => typeof configValue(raw, one) === "number");
  const isKnown = rows !== undefined && key !== undefined;
  if (isKnown && (isResized || !compat)) raw = withConfigValue(raw, key, rows);
  if (compat) return raw;
  // a head of its own is read only where the configuration says that it is not tied
  const heads = family.post.filter(({ tiedTo }) => tiedTo !== undefined);
  if (isTied && heads.some(({ name }) => written.has(spell(name)))) raw.tie_word_embeddings = false;
  return raw;
}

/** The type that most numbers have: a model is loaded in one, and a few in another must not double its size. */
function mostCommonType(tensors: readonly TensorPlan[]): FloatType | undefined {
  const counts = new Map<FloatType, number>();
  for (const { dtype, shape } of tensors) {
    counts.set(dtype, (counts.get(dtype) ?? 0) + elementsOf(shape));
  }
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0];
}

/** Keys that say nothing about what a model is. */
const UNTELLING = ["_name_or_path", "transformers_version", ...TYPE_KEYS];

/**
 * What `config` holds that mergekit's might not: the first model's values, where it takes those of any one, and
 * a vocabulary's size that it would have left as it was.
 * @param donors the models that mergekit chooses from; ours is the first
 */
export function configFixes(
  donors: readonly LoadedModel[],
  config: Readonly<Record<string, unknown>>,
  isResized: boolean,
): FixName[] {
  const told = donors.map(({ config: { raw } }) =>
    canonicalJson(
      Object.entries(raw)
        .filter(([key]) => !UNTELLING.includes(key))
        .sort(),
    ),
  );
  const isSized = ({ config: { raw } }: LoadedModel) =>
    VOCABULARY_KEYS.every((key) => configValue(config, key) === configValue(raw, key));
  const isTrue = isResized || donors.slice(0, 1).every(isSized);
  return [
    ...(new Set(told).size > 1 ? ["donor" as const] : []),
    ...(isTrue ? [] : ["vocabulary" as const]),
  ];
}

function layerTypesOf(model: LoadedModel, donor: LoadedModel): unknown[] {
  const types = model.config.raw.layer_types ?? donor.config.raw.layer_types;
  return Array.isArray(types) ? types : [];
}
