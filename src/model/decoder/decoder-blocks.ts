// The transformer blocks of the Llama family as graph nodes, for every graph that runs them. What a slot may
// attend to is the graph's own business: `attend` in the scope. Linear layers are 2-D products over slots.

import type { Graph, Value } from "../../onnx/graph.ts";
import type { ModelConfig } from "../config.ts";
import { isRead, shapeOf, tensorNames } from "../family/architecture.ts";
import { type Int8Products, isInt8 } from "./int8.ts";

const EMBEDDING = "model.embed_tokens.weight";
const LAST_NORM = "model.norm.weight";

/** A weight's name to its shape. */
export type WeightShapes = ReadonlyMap<string, readonly number[]>;

/** What the linear layers of one graph share. */
export interface Scope {
  readonly graph: Graph;
  readonly config: ModelConfig;
  /** All that the decoder reads. */
  readonly weights: WeightShapes;
  /** There where the blocks' products are in 8-bit integers. */
  readonly int8?: Int8Products | undefined;
}

/** What the blocks of one graph share. */
export interface BlockScope extends Scope {
  /** int64 [3]: what float32 [slots, width] is reshaped to, [rows, columns, width]. */
  readonly slotShape: Value;
  /** The slots' own rows of the rotary tables, float32 [rows, columns, headDim / 2]. */
  readonly cos: Value;
  readonly sin: Value;
  readonly attend: Attend;
  /** The only slots whose last hidden states are wanted, int32; all of them if absent. */
  readonly wanted?: Value;
}

/** Attention of one layer: float32 [slots, heads·headDim] from the slots' own queries, keys and values. */
export type Attend = (layer: number, own: Projections) => Value;

/** float32 [rows, columns, heads·headDim], keys and values [rows, columns, keyValueHeads·headDim]; queries and keys rotated. */
export interface Projections {
  readonly queries: Value;
  readonly keys: Value;
  readonly values: Value;
}

/** The weights that a configuration's decoder reads, under their Hugging Face names. */
export function weightShapes(config: ModelConfig): WeightShapes {
  return new Map(
    tensorNames(config.architecture, config.layers)
      .filter((tensor) => isRead(tensor, config))
      .map((tensor) => [tensor.name, shapeOf(tensor.shape, config)]),
  );
}

/** Those of them that hiddenStates() reads. */
export function blockWeights(weights: WeightShapes): WeightShapes {
  const reads = (name: string): boolean => name === EMBEDDING || name.startsWith("model.layers.");
  return new Map([...weights].filter(([name]) => reads(name)));
}

/** Those of them that vocabularyLogits() reads. */
export function headWeights(config: ModelConfig, weights: WeightShapes): WeightShapes {
  const names = [LAST_NORM, `${vocabulary(config)}.weight`];
  return new Map(names.map((name) => [name, weights.get(name)!]));
}

/** Declares weights as inputs of a graph. */
export function weightInputs(graph: Graph, weights: WeightShapes, int8?: Int8Products): void {
  for (const [name, shape] of weights) {
    if (int8 !== undefined && isInt8(name, shape)) int8.declare(name, shape);
    else graph.input(name, "float32", shape);
  }
}

/** The rows of the rotary tables `rope.cos` and `rope.sin`, float32 [table, headDim / 2], at some positions. */
export function rotaryRows(graph: Graph, config: ModelConfig, positions: Value) {
  const gather = (name: string): Value =>
    graph.node("Gather", [graph.input(name, "float32", ["table", config.headDim / 2]), positions]);
  return { cos: gather("rope.cos"), sin: gather("rope.sin") };
}

/** Hidden states after all blocks, before the last norm: float32 [wanted, hidden] from tokens int32 [rows, columns]. */
export function hiddenStates(scope: BlockScope, tokens: Value): Value {
  const { graph, config } = scope;
  const flat = graph.node("Reshape", [tokens, graph.constant("int64", [1], [-1])]);
  let hidden = graph.node("Gather", [EMBEDDING, flat]);
  for (let layer = 0; layer < config.layers; layer++) hidden = block(scope, layer, hidden);
  return hidden;
}

const vocabulary = (config: ModelConfig): string =>
  config.tieWordEmbeddings ? "model.embed_tokens" : "lm_head";

/** Last norm and vocabulary product: float32 [slots, vocabulary]. */
export function vocabularyLogits(scope: Scope, hidden: Value): Value {
  return linear(scope, rmsNorm(scope, hidden, LAST_NORM), vocabulary(scope.config));
}

/** One pre-norm block: hidden + attention(norm(hidden)), then + SwiGLU(norm(…)) (Shazeer 2020, arXiv 2002.05202). */
function block(scope: BlockScope, layer: number, hidden: Value): Value {
  const { graph, wanted } = scope;
  const prefix = `model.layers.${layer}`;
  const normedInput = rmsNorm(scope, hidden, `${prefix}.input_layernorm.weight`);
  const attended = selfAttention(scope, layer, normedInput);
  // keys and values are made by now: all other slots have done their part
  const isLast = layer === scope.config.layers - 1;
  const rows = (x: Value): Value =>
    isLast && wanted !== undefined ? graph.node("Gather", [x, wanted]) : x;
  const projected = linear(scope, rows(attended), `${prefix}.self_attn.o_proj`);
  const middle = graph.node("Add", [rows(hidden), projected]);
  const normed = rmsNorm(scope, middle, `${prefix}.post_attention_layernorm.weight`);
  const gate = linear(scope, normed, `${prefix}.mlp.gate_proj`);
  const silu = graph.node("Mul", [gate, graph.node("Sigmoid", [gate])]);
  const gated = graph.node("Mul", [silu, linear(scope, normed, `${prefix}.mlp.up_proj`)]);
  return graph.node("Add", [middle, linear(scope, gated, `${prefix}.mlp.down_proj`)]);
}

/** What heads see, side by side, before they are mixed: float32 [slots, heads·headDim]. */
function selfAttention(scope: BlockScope, layer: number, normed: Value): Value {
  const { config } = scope;
  const prefix = `model.layers.${layer}.self_attn`;
  return scope.attend(layer, {
    queries: rotated(scope, `${prefix}.q`, normed, config.heads),
    keys: rotated(scope, `${prefix}.k`, normed, config.keyValueHeads),
    values: inRows(scope, linear(scope, normed, `${prefix}.v_proj`)),
  });
}

/** Projected, normalised in each head where the model does so, and rotated: [rows, columns, heads·headDim]. */
function rotated(scope: BlockScope, prefix: string, normed: Value, heads: number): Value {
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

function inRows(scope: BlockScope, x: Value): Value {
  return scope.graph.node("Reshape", [x, scope.slotShape]);
}

/** float32 [rows, columns, …] as [slots, width]. */
export function inSlots(graph: Graph, x: Value, width: number): Value {
  return graph.node("Reshape", [x, graph.constant("int64", [2], [-1, width])]);
}
