// A family made from a model's tensors, for architectures that have no table: `prefix.N.rest` names are the
// weights of layer N, what some layers lack is optional, and a matrix with a row for each token is an
// embedding. A tensor that is no weight, but for the few that COMPUTED names, is merged like one.

import { TsmergeError } from "../../base/errors.ts";
import type { TensorInfo } from "../../checkpoint/checkpoint.ts";
import { COMPUTED, type Family, type WeightTemplate } from "./family.ts";
import { configValue, type StoredConfig } from "./stored-config.ts";

/** Where configurations count layers; also looked for in the text model of a multimodal one. */
const LAYER_KEYS = ["num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers"];
const VOCABULARY_KEYS = ["vocab_size", "text_config.vocab_size"];
const TOKEN_TABLE =
  /(^|\.)(embed_tokens|wte|word_embeddings|embed_in|embed_out|lm_head|tok_embeddings)\.weight$/;
/** A weight outside the layers that is computed after them. */
const AFTER_LAYERS = /(^|\.)(lm_head|embed_out|norm|ln_f|final\w*|output\w*|classifier|score)\./;

const LAYER_NAME = /^(.*?\.|)(\d+)\.(.+)$/;

interface Stack {
  readonly prefix: string;
  /** Names within a layer, by layer. */
  readonly layers: Map<number, Set<string>>;
  elements: number;
}

/**
 * Infers the family of one model.
 * @param where the model's folder, for the error
 * @throws TsmergeError `incompatible` where the layers have gaps
 */
export function inferFamily(
  config: StoredConfig,
  tensors: ReadonlyMap<string, TensorInfo>,
  where: string,
): { family: Family; layers: number } {
  const weights = [...tensors.values()].filter(({ name }) => !COMPUTED.test(name));
  const stack = mainStack(weights, config);
  const layers = stack?.layers.size ?? 0;
  const gap = stack === undefined ? -1 : [...stack.layers.keys()].findIndex((n) => n >= layers);
  if (stack !== undefined && gap >= 0) {
    throw new TsmergeError(
      "incompatible",
      `the tensors ${stack.prefix}N. are of ${layers} layers with gaps between them`,
      { where, hint: "download the model again: weights of some layers are missing" },
    );
  }
  const outside = weights.filter(({ name }) => stack === undefined || !isIn(stack, name));
  const templates = outside.map((tensor) => templateOf(tensor, config));
  const embeddings = templates.filter(({ name, isEmbed }) => isEmbed && !AFTER_LAYERS.test(name));
  const twin = embeddings.length === 1 ? embeddings[0] : undefined;
  const tied = (template: WeightTemplate): WeightTemplate =>
    template.isEmbed && twin !== undefined
      ? { ...template, optional: true, tiedTo: twin.name }
      : template;
  const family: Family = {
    name: config.architecture,
    modelType: String(config.raw.model_type ?? ""),
    layersKey: layersKey(config, layers),
    pre: templates.filter(({ name }) => !AFTER_LAYERS.test(name)),
    layer: stack === undefined ? [] : layerTemplates(stack),
    layerPrefix: stack?.prefix ?? "layers.",
    post: templates.filter(({ name }) => AFTER_LAYERS.test(name)).map(tied),
    ignored: [],
  };
  return { family, layers };
}

/** The stack that the configuration counts, else the one with most numbers. */
function mainStack(tensors: readonly TensorInfo[], config: StoredConfig): Stack | undefined {
  const stacks = new Map<string, Stack>();
  for (const { name, elements } of tensors) {
    const [, prefix, index, rest] = LAYER_NAME.exec(name) ?? [];
    if (prefix === undefined || index === undefined || rest === undefined) continue;
    const stack = stacks.get(prefix) ?? { prefix, layers: new Map(), elements: 0 };
    stacks.set(prefix, stack);
    stack.elements += elements;
    const names = stack.layers.get(Number(index)) ?? new Set();
    stack.layers.set(Number(index), names.add(rest));
  }
  const sorted = [...stacks.values()].sort((a, b) => b.elements - a.elements);
  const counts = layerKeys().map((key) => configValue(config.raw, key));
  return sorted.find((stack) => counts.includes(stack.layers.size)) ?? sorted[0];
}

function isIn({ prefix }: Stack, name: string): boolean {
  return LAYER_NAME.exec(name)?.[1] === prefix;
}

function layerTemplates({ layers }: Stack): WeightTemplate[] {
  const counts = new Map<string, number>();
  for (const index of [...layers.keys()].sort((a, b) => a - b)) {
    for (const name of layers.get(index)!) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) =>
    count === layers.size ? { name } : { name, optional: true },
  );
}

function templateOf({ name, shape }: TensorInfo, { raw }: StoredConfig): WeightTemplate {
  const rows = shape.length === 2 ? shape[0] : undefined;
  const isVocabulary = VOCABULARY_KEYS.some((key) => configValue(raw, key) === rows);
  const isEmbed = rows !== undefined && (isVocabulary || TOKEN_TABLE.test(name));
  return isEmbed ? { name, isEmbed: true } : { name };
}

function layerKeys(): string[] {
  return [...LAYER_KEYS, ...LAYER_KEYS.map((key) => `text_config.${key}`)];
}

/** The key that says `layers`; else the usual one, which a merge of other depth then sets. */
function layersKey({ raw }: StoredConfig, layers: number): string {
  return layerKeys().find((key) => configValue(raw, key) === layers) ?? "num_hidden_layers";
}
