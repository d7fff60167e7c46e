// The transformer blocks of the Llama family as graph nodes, for every graph that runs them. What a slot may
// attend to is the graph's own business: `attend` in the scope. Linear layers are 2-D products over slots.

import type { Graph, Value } from "../../onnx/graph.ts";
import type { ModelConfig } from "../config.ts";
import { isRead, shapeOf, tensorNames } from "../family/architecture.ts";
import { type Int8Products, isInt8 } from "./int8.ts";

/** A weight's name to its shape. */
export type WeightShapes = ReadonlyMap<string, readonly number[]>;

/** What the blocks of one graph share. */
export interface Scope {
  readonly graph: Graph;
  readonly config: ModelConfig;
  readonly weights: WeightShapes;
  /** int64 [3]: what float32 [slots, width] is reshaped to, [rows, columns, width]. */
  readonly slotShape: Value;
  /** The slots' own rows of the rotary tables, float32 [rows, columns, headDim / 2]. */
  readonly cos: Value;
  readonly sin: Value;
  readonly attend: Attend;
  /** There where the blocks' products are in 8-bit integers. */
  readonly int8?: Int8Products | undefined;
}

/** Attention of one layer: float32 [slots, heads·headDim] from the slots' own queries, keys and values. */
export type Attend = (layer: number, own: Projections) => Value;

/** float32 [rows, columns, heads·headDim], keys and values [rows, columns, keyValueHeads·headDim]; queries and keys rotated. */
export interface Projections {
  readonly queries: Value;
  readonly keys: Value;
  readonly values: Value;
}

/** Declares the weights that a configuration's decoder reads as inputs, under their Hugging Face names. */
export function weightInputs(graph: Graph, config: ModelConfig, int8?: Int8Products): WeightShapes {
  const weights = new Map(
    tensorNames(config.architecture, config.layers)
      .filter((tensor) => isRead(tensor, config))
      .map((tensor) => [tensor.name, shapeOf(tensor.shape, config)]),
  );
  for (const [name, shape] of weights) {
    if (int8 !== undefined && isInt8(name, shape)) int8.declare(name, shape);
    else graph.input(name, "float32", shape);
  }
  return weights;
}

/** The rows of the rotary tables `rope.cos` and `rope.sin`, float32 [table, headDim / 2], at some positions. */
export function rotaryRows(graph: Graph, config: ModelConfig, positions: Value) {
  const gather = (name: string): Value =>
    graph.node("Gather", [graph.input(name, "float32", ["table", config.headDim / 2]), positions]);
  return { cos: gather("rope.cos"), sin: gather("rope.sin") };
}

/** Hidden states after all blocks, before the last norm: float32 [slots, hidden] from tokens int32 [rows, columns]. */
export function hiddenStates(scope: Scope, tokens: Value): Value {
  const { graph, config } = scope;
  const flat = graph.node("Reshape", [tokens, graph.constant("int64", [1], [-1])]);
  let hidden = graph.node("Gather", ["model.embed_tokens.weight", flat]);
  for (let layer = 0; layer < config.layers; layer++) hidden = block(scope, layer, hidden);
  return hidden;
}

/** Last norm and vocabulary product: float32 [slots, vocabulary]. */
export function vocabularyLogits(scope: Scope, hidden: Value): Value {
  const vocabulary = scope.config.tieWordEmbeddings ? "model.embed_tokens" : "lm_head";
  return linear(scope, rmsNorm(scope, hidden, "model.norm.weight"), vocabulary);
}

/** One pre-norm block: hidden + attention(norm(hidden)), then + SwiGLU(norm(…)) (Shazeer 2020, arXiv 2002.05202). */
function block(scope: Scope, layer: number, hidden: Value): Value {
  const { graph } = scope;
  const prefix = `model.layers.${layer}`;
  const attended = selfAttention(
    scope,
    layer,
    rmsNorm(scope, hidden, `${prefix}.input_layernorm.weight`),
  );
  const middle = graph.node("Add", [hidden, attended]);
  const normed = rmsNorm(scope, middle, `${prefix}.post_attention_layernorm.weight`);
  const gate = linear(scope, normed, `${prefix}.mlp.gate_proj`);
  const silu = graph.node("Mul", [gate, graph.node("Sigmoid", [gate])]);
  const gated = graph.node("Mul", [silu, linear(scope, normed, `${prefix}.mlp.up_proj`)]);
  return graph.node("Add", [middle, linear(scope, gated, `${prefix}.mlp.down_proj`)]);
}

function selfAttention(scope: Scope, layer: number, normed: Value): Value {
  const { config } = scope;
  const prefix = `model.layers.${layer}.self_attn`;
  const attended = scope.attend(layer, {
    queries: rotated(scope, `${prefix}.q`, normed, config.heads),
    keys: rotated(scope, `${prefix}.k`, normed, config.keyValueHeads),
    values: inRows(scope, linear(scope, normed, `${prefix}.v_proj`)),
  });
  return linear(scope, attended, `${prefix}.o_proj`);
}

/** Projected, normalised in each head where the model does so, and rotated: [rows, columns, heads·headDim]. */
function rotated(scope: Scope, prefix: string, normed: Value, heads: number): Value {
  const { graph, config } = scope;
  let projected = linear(scope, normed, `${prefix}_proj`);
  if (config.qkNorm) {
    const perHead = inSlots(graph, projected, config.headDim); // [slots·heads, headDim]
    projected = rmsNorm(scope, perHead, `${prefix}_norm.weight`);
  }
  const operands = [inRows(scope, projected), scope.cos, scope.sin];
  return graph.node("RotaryEmbedding", operands, { num_heads: heads });
}

/** x·Wᵀ (+ bias) over slots: [slots, in] to [slots, out]. */
function linear(scope: Scope, x: Value, name: string): Value {
  const { graph, weights, int8 } = scope;
  const [weight, bias] = [`${name}.weight`, `${name}.bias`];
  if (int8 !== undefined && isInt8(weight, weights.get(weight)!)) {
    const product = int8.product(x, weight);
    return weights.has(bias) ? graph.node("Add", [product, bias]) : product;
  }
  const operands = [x, weight, ...(weights.has(bias) ? [bias] : [])];
  return graph.node("Gemm", operands, { transB: 1 });
}

/** x / √(mean x² + ε) · weight over the last axis (Zhang & Sennrich 2019, arXiv 1910.07467, eq. 4). */
function rmsNorm(scope: Scope, x: Value, weight: string): Value {
  return scope.graph.node("RMSNormalization", [x, weight], {
    axis: -1,
    epsilon: { float: scope.config.rmsNormEps },
  });
}

function inRows(scope: Scope, x: Value): Value {
  return scope.graph.node("Reshape", [x, scope.slotShape]);
}

/** float32 [rows, columns, …] as [slots, width]. */
export function inSlots(graph: Graph, x: Value, width: number): Value {
  return graph.node("Reshape", [x, graph.constant("int64", [2], [-1, width])]);
}
