// In what two models differ that are of one architecture: the sizes in their configurations, which a user can
// look up where a tensor's shape says little.

import { canonicalJson } from "../../base/hash.ts";
import { configValue } from "../../model/family/stored-config.ts";
import type { LoadedModel } from "./models.ts";

/** The fields that decide shapes and depth, as the common families call them. */
const FIELDS = [
  ...["hidden_size", "n_embd", "d_model", "intermediate_size", "n_inner", "moe_intermediate_size"],
  ...["shared_expert_intermediate_size", "num_hidden_layers", "n_layer", "num_attention_heads"],
  ...["n_head", "num_key_value_heads", "head_dim", "num_local_experts", "num_experts"],
  ...["max_position_embeddings", "n_positions"],
] as const;

/** Fields that only some families turn into a shape, so they are named only when no other differs. */
const RARELY_SHAPES = new Set(["max_position_embeddings", "n_positions", "num_attention_heads"]);

/** Fields that decide what is computed with weights of one shape. */
const COMPUTED_WITH = [
  ...["num_attention_heads", "n_head", "num_key_value_heads", "head_dim", "hidden_act"],
  ...["rope_theta", "rope_scaling", "sliding_window", "rms_norm_eps", "num_experts_per_tok"],
] as const;

/** `rope_theta 10000 vs 1000000, …` for two models whose weights may all fit; undefined without a difference. */
export function computedDifference(one: LoadedModel, other: LoadedModel): string | undefined {
  const named = COMPUTED_WITH.flatMap((field) => {
    const [a, b] = [one, other].map(({ config }) => configValue(config.raw, field));
    const [left, right] = [a, b].map((value) => canonicalJson(value));
    return a === undefined || b === undefined || left === right
      ? []
      : [`${field} ${left} vs ${right}`];
  });
  return named.length === 0 ? undefined : named.join(", ");
}

/** `hidden_size 4096 vs 5120, …` for two models; undefined if their configurations name no difference. */
export function configDifference(one: LoadedModel, other: LoadedModel): string | undefined {
  const differing = FIELDS.flatMap((field) => {
    const [a, b] = [one, other].map(({ config }) => configValue(config.raw, field));
    return a === undefined || b === undefined || a === b ? [] : [{ field, a, b }];
  });
  const certain = differing.filter(({ field }) => !RARELY_SHAPES.has(field));
  const named = certain.length > 0 ? certain : differing;
  if (named.length === 0) return undefined;
  return named.map(({ field, a, b }) => `${field} ${a} vs ${b}`).join(", ");
}
