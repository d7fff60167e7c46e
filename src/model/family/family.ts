// How the weights of a family of models are called: what a merge needs to know of an architecture, as plain
// data. No shapes and no arithmetic, so a family can be merged that cannot be scored; what the decoder
// needs besides stands in architecture.ts.

/** One weight, or one of each layer. */
export interface WeightTemplate {
  /** Full name in the checkpoint, or for a layer's weight what follows `${layerPrefix}N.`. */
  readonly name: string;
  /** True for a table with one row for each token: tokenizer surgery permutes its rows. */
  readonly isEmbed?: true;
  /** True for a weight that some checkpoints of the family do without. */
  readonly optional?: true;
  /** The weight whose values stand in when this one is absent. */
  readonly tiedTo?: string;
  /** True for a tensor that the definition does not know and the model's files hold. */
  readonly isForeign?: true;
}

/** More layers than any model has; a stray number in config.json must not become a loop. */
export const MAX_LAYERS = 10_000;

/** Tables that code computes and that old versions of transformers stored: of any family, no weights. */
export const COMPUTED = /(^|\.)(inv_freq|position_ids|masked_bias)$/;

/** The two ways in which a layer's experts are stored; `{expert}` in a name counts them from 0. */
export interface ExpertLayouts {
  /** Configuration keys that may say how many there are. */
  readonly countKeys: readonly string[];
  /** A tensor for each expert and matrix: how files have been written until transformers 5. */
  readonly separate: readonly WeightTemplate[];
  /** All experts in one tensor, [experts, …]. */
  readonly packed: readonly WeightTemplate[];
}

export interface Family<Template extends WeightTemplate = WeightTemplate> {
  /** The one entry of `architectures` in config.json. */
  readonly name: string;
  readonly modelType: string;
  /** The configuration key that counts the layers, with a dot before the key of a nested object. */
  readonly layersKey: string;
  readonly pre: readonly Template[];
  /** The weights of one layer; their names follow `${layerPrefix}N.`. */
  readonly layer: readonly Template[];
  readonly layerPrefix: string;
  readonly post: readonly Template[];
  /** Tensors of a layer that old checkpoints carry and no model reads, because code recomputes them. */
  readonly ignored: readonly string[];
  readonly experts?: ExpertLayouts;
  /** What a missing `tie_word_embeddings` means; false where this is left out. */
  readonly isTiedByDefault?: true;
  /** A beginning of names that some files leave out, such as `transformer.`. */
  readonly optionalPrefix?: string;
}
