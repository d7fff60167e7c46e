// What a model's config.json says, in one typed form for the spellings of transformers 4 and 5.
// Only facts that a merge or a forward pass needs; everything else stays in `raw`. A value that the decoder
// cannot honour is an error here, never a silent approximation later.

import { join } from "node:path";
import { z } from "zod";
import { type FloatType, parseFloatType } from "../base/dtype.ts";
import { TsmergeError } from "../base/errors.ts";
import { memberOf, readJson } from "../base/json.ts";
import { type Rope, ropeOf, ropeSchema } from "./config-rope.ts";
import { type Architecture, architectureNamed, type BiasGroup } from "./family/architecture.ts";
import { MAX_LAYERS } from "./family/family.ts";

export type { Rope } from "./config-rope.ts";

export interface ModelConfig {
  readonly architecture: Architecture;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headDim: number;
  readonly vocabSize: number;
  readonly maxPositions: number;
  readonly rmsNormEps: number;
  readonly tieWordEmbeddings: boolean;
  /** Which groups of projections add a bias. */
  readonly biases: Readonly<Record<BiasGroup, boolean>>;
  /** RMS norm of queries and keys in each head, before rotation. */
  readonly qkNorm: boolean;
  /**
   * A windowed query at position p sees keys at positions > p − slidingWindow; undefined when no layer has a
   * window.
   */
  readonly slidingWindow: number | undefined;
  /** Whether each layer has the window, [layers]. */
  readonly windowedLayers: readonly boolean[];
  readonly rope: Rope;
  readonly bosTokenId: number | undefined;
  /** Any of these ends a text; empty when config.json names none. */
  readonly eosTokenIds: readonly number[];
  /** The type the weights were saved in, if it is said and can be merged. */
  readonly dtype: FloatType | undefined;
  readonly raw: Readonly<Record<string, unknown>>;
}

const count = z.int().positive();
const tokenId = z.int().nonnegative();

const named = z.looseObject({ architectures: z.array(z.string()).length(1) });

const schema = z.looseObject({
  model_type: z.string().optional(),
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count.max(MAX_LAYERS),
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  vocab_size: count,
  max_position_embeddings: count.optional(),
  rms_norm_eps: z.number().positive().default(1e-6),
  tie_word_embeddings: z.boolean().default(false),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  hidden_act: z.enum(["silu", "swish"]).default("silu"), // two names of one function
  sliding_window: count.nullish(),
  use_sliding_window: z.boolean().default(false),
  max_window_layers: z.int().nonnegative().default(28),
  layer_types: z.array(z.enum(["full_attention", "sliding_attention"])).nullish(),
  dtype: z.string().nullish(),
  torch_dtype: z.string().nullish(),
  bos_token_id: tokenId.nullish(),
  eos_token_id: z.union([tokenId, z.array(tokenId)]).nullish(),
  quantization_config: z
    .null({ error: "must be absent: quantized weights cannot be merged" })
    .optional(),
  ...ropeSchema,
});

type RawConfig = z.infer<typeof schema>;

/**
 * The configuration in `directory/config.json`. Throws as {@link parseModelConfig}, and `io` if there is no such
 * file.
 */
export async function readModelConfig(directory: string): Promise<ModelConfig> {
  const file = join(directory, "config.json");
  return parseModelConfig(await readJson(file), file);
}

/**
 * The typed form of a config.json.
 * @param where the file, for errors
 * @throws TsmergeError `incompatible`, naming each field and its value, for what is missing, malformed or not supported
 */
export function parseModelConfig(json: unknown, where: string): ModelConfig {
  // the architecture first: of a foreign one, every other field would be a misleading complaint
  const { architectures } = checked(named, json, where);
  const architecture = architectureNamed(architectures[0]!, where);
  const raw = checked(schema, json, where);
  const reject = rejector(where);
  if (raw.model_type !== undefined && raw.model_type !== architecture.modelType) {
    reject("model_type", raw.model_type, `${architecture.name} has "${architecture.modelType}"`);
  }
  return {
    architecture,
    hiddenSize: raw.hidden_size,
    intermediateSize: raw.intermediate_size,
    layers: raw.num_hidden_layers,
    ...headsOf(raw, architecture, reject),
    vocabSize: raw.vocab_size,
    maxPositions: raw.max_position_embeddings ?? architecture.defaults.max_position_embeddings,
    rmsNormEps: raw.rms_norm_eps,
    tieWordEmbeddings: raw.tie_word_embeddings,
    biases: biasesOf(raw, architecture),
    qkNorm: architecture.qkNorm,
    ...windowOf(raw, architecture, reject),
    rope: ropeOf(raw, reject),
    bosTokenId: raw.bos_token_id ?? undefined,
    eosTokenIds: [raw.eos_token_id ?? []].flat(),
    dtype: dtypeOf(raw, reject),
    raw: json as Readonly<Record<string, unknown>>, // the schema accepts objects only
  };
}

function checked<T>(shape: z.ZodType<T>, json: unknown, where: string): T {
  const parsed = shape.safeParse(json);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => {
    const value = issue.path.reduce<unknown>((at, key) => memberOf(at, key), json);
    const field = issue.path.join(".") || "the whole file";
    return `${field} is ${JSON.stringify(value) ?? "missing"}: ${issue.message}`;
  });
  throw new TsmergeError("incompatible", problems.join("; "), {
    where,
    hint: "tsmerge reads unquantized Llama, Mistral, Qwen2 and Qwen3 models in the Hugging Face layout",
  });
}

/** Throws the error for a field whose value is well-formed but cannot be honoured. */
export type Reject = (field: string, value: unknown, reason: string) => never;

function rejector(where: string): Reject {
  return (field, value, reason) => {
    throw new TsmergeError("incompatible", `${field} is ${JSON.stringify(value)}: ${reason}`, {
      where,
      hint: "use a model without it, or correct the file if it is wrong",
    });
  };
}

function headsOf(raw: RawConfig, architecture: Architecture, reject: Reject) {
  const heads = raw.num_attention_heads;
  // an absent key means the class's default, an explicit null means one key/value head a query head
  const keyValueHeads =
    raw.num_key_value_heads === undefined
      ? (architecture.defaults.num_key_value_heads ?? heads)
      : (raw.num_key_value_heads ?? heads);
  const headDim = raw.head_dim ?? architecture.defaults.head_dim ?? raw.hidden_size / heads;
  if (heads % keyValueHeads !== 0) {
    reject("num_key_value_heads", keyValueHeads, `must divide num_attention_heads, ${heads}`);
  }
  if (!Number.isInteger(headDim)) {
    reject("hidden_size", raw.hidden_size, `must be a multiple of num_attention_heads, ${heads}`);
  }
  if (headDim % 2 !== 0) reject("head_dim", headDim, "must be even: rotation takes pairs");
  return { heads, keyValueHeads, headDim };
}

function biasesOf(raw: RawConfig, { biases }: Architecture): Record<BiasGroup, boolean> {
  const resolve = (rule: boolean | "config", key: boolean) => (rule === "config" ? key : rule);
  return {
    qkv: resolve(biases.qkv, raw.attention_bias),
    output: resolve(biases.output, raw.attention_bias),
    mlp: resolve(biases.mlp, raw.mlp_bias),
  };
}

/** Mistral windows every layer; Qwen those that layer_types names, or those from max_window_layers on. */
function windowOf(raw: RawConfig, architecture: Architecture, reject: Reject) {
  const layers = raw.num_hidden_layers;
  const declared =
    raw.sliding_window === undefined ? architecture.defaults.sliding_window : raw.sliding_window;
  const isOn = architecture.window === "every-layer" || raw.use_sliding_window;
  const window = architecture.window === "none" || !isOn ? undefined : (declared ?? undefined);
  const types = architecture.window === "layer-types" ? raw.layer_types : undefined;
  if (types && types.length !== layers) {
    reject("layer_types", types, `must have one entry a layer, ${layers}`);
  }
  if (types?.includes("sliding_attention") && window === undefined) {
    reject("sliding_window", declared, "layer_types asks for a window on some layers");
  }
  const windowedLayers = Array.from({ length: layers }, (_, layer) => {
    if (window === undefined) return false;
    if (types) return types[layer] === "sliding_attention";
    return architecture.window === "every-layer" || layer >= raw.max_window_layers;
  });
  return { slidingWindow: windowedLayers.includes(true) ? window : undefined, windowedLayers };
}

function dtypeOf(raw: RawConfig, reject: Reject): FloatType | undefined {
  const name = raw.dtype ?? raw.torch_dtype;
  if (raw.dtype && raw.torch_dtype && raw.dtype !== raw.torch_dtype) {
    reject("torch_dtype", raw.torch_dtype, `dtype says ${raw.dtype}`);
  }
  if (name === undefined || name === null || name === "auto") return undefined;
  return parseFloatType(name) ?? reject("dtype", name, "can be float32, float16 or bfloat16");
}
