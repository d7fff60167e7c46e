// The tiny golden models and recipes beside the repository, and a made-up model where they are absent.
// Not a test.

import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { TensorInfo } from "../../src/checkpoint/checkpoint.ts";
import { parseModelConfig } from "../../src/model/config.ts";
import { shapeOf, tensorNames } from "../../src/model/family/architecture.ts";
import { modelWeights } from "../../src/model/family/model-weights.ts";
import { parseStoredConfig } from "../../src/model/family/stored-config.ts";
import type { LoadedModel, LoadedModels } from "../../src/recipe/compile/models.ts";

export const GOLDENS = resolve(import.meta.dirname, "../../../shared/goldens/merge");

/** The reason to skip a test that needs the goldens, or false. */
export const skip = existsSync(GOLDENS) ? false : `no golden merges at ${GOLDENS}`;

export function goldenText(path: string): string {
  return readFileSync(join(GOLDENS, path), "utf8");
}

interface Variation {
  readonly layers?: number;
  readonly hiddenSize?: number;
  readonly dtype?: TensorInfo["dtype"];
  readonly tied?: boolean;
  readonly architecture?: string;
  readonly without?: readonly string[];
  readonly raw?: Readonly<Record<string, unknown>>;
}

/** A Llama that exists only as names and shapes. */
export function inventedModel(reference: string, variation: Variation = {}): LoadedModel {
  const { layers = 4, hiddenSize = 8, dtype = "bfloat16", tied = false } = variation;
  const raw = {
    architectures: [variation.architecture ?? "LlamaForCausalLM"],
    hidden_size: hiddenSize,
    intermediate_size: 12,
    num_hidden_layers: layers,
    num_attention_heads: 2,
    num_key_value_heads: 2,
    vocab_size: 16,
    tie_word_embeddings: tied,
    torch_dtype: dtype,
    ...variation.raw,
  };
  const config = parseModelConfig(raw, `${reference}/config.json`);
  const names = tensorNames(config.architecture, layers);
  const directory = `/models/${reference}`;
  const tensors = names
    .filter(
      ({ name }) => !name.endsWith(".bias") || config.architecture.name === "Qwen2ForCausalLM",
    )
    .filter(
      ({ name }) => !(tied && name === "lm_head.weight") && !variation.without?.includes(name),
    )
    .map(({ name, shape }): [string, TensorInfo] => {
      const numbers = shapeOf(shape, config);
      const elements = numbers.reduce((product, length) => product * length, 1);
      return [name, { name, dtype, shape: numbers, elements, byteLength: 2 * elements }];
    });
  const held = new Map(tensors);
  const stored = parseStoredConfig(raw, directory);
  return {
    ...{ reference, directory, location: directory, tokenizerDirectory: directory },
    ...{ config: stored, tensors: held },
    weights: modelWeights(stored, held, directory),
  };
}

export function inventedModels(
  names: readonly string[],
  variations: Readonly<Record<string, Variation>> = {},
): LoadedModels {
  return new Map(names.map((name) => [name, inventedModel(name, variations[name])]));
}
