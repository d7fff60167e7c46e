// The weights of each architecture that can be scored: names, shapes and ties, as data. A new architecture
// of the Llama family is one table and one registry line. This is not the decoder: how the weights are multiplied
// stands in the decoder graph, which asks for them by these names.

import { TsmergeError } from "../../base/errors.ts";
import { didYouMean } from "../../base/suggest.ts";
import type { ModelConfig } from "../config.ts";
import { LLAMA, MISTRAL, QWEN2, QWEN3 } from "./architecture-tables.ts";
import type { Family, WeightTemplate } from "./family.ts";

/** A length that the configuration decides: `query` is heads·headDim, `keyValue` is keyValueHeads·headDim. */
export type Dimension = "vocab" | "hidden" | "intermediate" | "query" | "keyValue" | "head";

/** Projections whose biases are on or off together: q, k and v; o; gate, up and down. */
export type BiasGroup = "qkv" | "output" | "mlp";

/** A weight with its shape. */
export interface ShapedTemplate extends WeightTemplate {
  /** Row-major, outputs first. */
  readonly shape: readonly Dimension[];
  /** Set for a bias: the group that switches it. */
  readonly bias?: BiasGroup;
}

/** Which layers see only the last `slidingWindow` positions. */
export type WindowRule = "none" | "every-layer" | "layer-types";

/** A family that the decoder can run. */
export interface Architecture extends Family<ShapedTemplate> {
  readonly layersKey: "num_hidden_layers";
  /** Whether a group carries biases: always, never, or as the configuration says. */
  readonly biases: Readonly<Record<BiasGroup, boolean | "config">>;
  /** True when queries and keys are RMS-normalised in each head before rotation. */
  readonly qkNorm: boolean;
  readonly window: WindowRule;
  /**
   * What transformers assumes where config.json leaves a key out; head_dim falls back to hidden/heads,
   * num_key_value_heads to heads.
   */
  readonly defaults: {
    readonly head_dim?: number;
    readonly num_key_value_heads?: number;
    readonly max_position_embeddings: number;
    readonly sliding_window?: number;
  };
}

/** What the decoder can run; what can be merged is more, see family-tables.ts. */
export const ARCHITECTURES: readonly Architecture[] = [LLAMA, MISTRAL, QWEN2, QWEN3];

export type Section = "pre" | "layer" | "post";

/** One tensor of an output model. */
export interface TensorName {
  readonly name: string;
  readonly section: Section;
  /** Index of the layer, for section `layer` only. */
  readonly layer?: number;
  readonly shape: readonly Dimension[];
  readonly isEmbed: boolean;
  readonly optional: boolean;
  readonly tiedTo?: string;
  readonly bias?: BiasGroup;
}

/**
 * The architecture of that name.
 * @param where the config.json that names it, for the error
 * @throws TsmergeError `incompatible` for a name that is not in the registry
 */
export function architectureNamed(name: string, where?: string): Architecture {
  const found = ARCHITECTURES.find((architecture) => architecture.name === name);
  if (found !== undefined) return found;
  const known = ARCHITECTURES.map((architecture) => architecture.name);
  throw new TsmergeError(
    "incompatible",
    `architecture "${name}" is not supported${didYouMean(name, known)}`,
    { hint: `use models of ${known.join(", ")}`, ...(where === undefined ? {} : { where }) },
  );
}

/** Every tensor a model with that many layers may hold: pre, layers from 0, post. */
export function tensorNames(architecture: Architecture, layers: number): TensorName[] {
  const plain = (template: ShapedTemplate, section: Section): TensorName => ({
    ...template,
    section,
    isEmbed: template.isEmbed ?? false,
    optional: template.optional ?? false,
  });
  const names = architecture.pre.map((template) => plain(template, "pre"));
  for (let layer = 0; layer < layers; layer++) {
    for (const template of architecture.layer) {
      const name = `${architecture.layerPrefix}${layer}.${template.name}`;
      names.push({ ...plain(template, "layer"), name, layer });
    }
  }
  return names.concat(architecture.post.map((template) => plain(template, "post")));
}

/** A symbolic shape in numbers. */
export function shapeOf(shape: readonly Dimension[], config: ModelConfig): number[] {
  const lengths: Readonly<Record<Dimension, number>> = {
    vocab: config.vocabSize,
    hidden: config.hiddenSize,
    intermediate: config.intermediateSize,
    query: config.heads * config.headDim,
    keyValue: config.keyValueHeads * config.headDim,
    head: config.headDim,
  };
  return shape.map((dimension) => lengths[dimension]);
}

/**
 * True when a forward pass reads the tensor: its bias is switched on, and it is not replaced by the weight it is
 * tied to.
 */
export function isRead(tensor: TensorName, config: ModelConfig): boolean {
  if (tensor.tiedTo !== undefined) return !config.tieWordEmbeddings;
  return tensor.bias === undefined || config.biases[tensor.bias];
}
