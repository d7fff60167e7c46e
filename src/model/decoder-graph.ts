// The decoder of the Llama family as one ONNX graph, its weights inputs under their Hugging Face names, so
// that another merge is another set of inputs and no session is rebuilt. Not its execution: see runner.ts.
// Linear layers are 2-D products over slots; only scored slots reach the vocabulary.

import { Graph, type Value } from "../onnx/graph.ts";
import type { Device } from "../ort/session.ts";
import { isRead, shapeOf, tensorNames } from "./architecture.ts";
import { attention, attentionMasks, type MaskFor, type SlotInputs } from "./attention.ts";
import type { ModelConfig } from "./config.ts";

export interface DecoderGraph {
  readonly bytes: Uint8Array;
  /** The weights that are inputs, with their shapes. */
  readonly weights: ReadonlyMap<string, readonly number[]>;
}

export interface DecoderGraphOptions {
  readonly device: Device;
  /** Adds the output `logits`, float32 [scored, vocabulary]: for tests; a run never needs them. */
  readonly logits: boolean;
}

/** Names of the inputs and outputs that carry layer `layer`'s keys and values. */
export const layerState = (layer: number) => ({
  pastKeys: `past.keys.${layer}`,
  pastValues: `past.values.${layer}`,
  keys: `keys.${layer}`,
  values: `values.${layer}`,
});

/** What the blocks of one graph share. */
interface Scope {
  readonly graph: Graph;
  readonly config: ModelConfig;
  readonly weights: ReadonlyMap<string, readonly number[]>;
  readonly slots: SlotInputs;
  readonly fusedAttention: boolean;
  readonly maskFor: MaskFor;
  /** The slots' own rows of the rotary tables, float32 [rows, columns, headDim / 2]. */
  readonly cos: Value;
  readonly sin: Value;
}

/**
 * The graph of a configuration. Its inputs besides the weights, int32 where nothing is said:
 * - `tokens`, `positions`, `first`, `last` [rows, columns], as in DecoderBatch;
 * - `past.first`, `past.last`, `past.positions` [past] and each layer's past keys and values, float32
 *   [past, keyValueHeads·headDim], past ≥ 1;
 * - `rope.cos`, `rope.sin` float32 [table, headDim / 2];
 * - `score.slots` [scored]; `target.rows` [wanted] indexes it; `targets` [wanted] = row · vocabulary + token;
 * - `shape.slots`, `shape.rows` int64 [3].
 *
 * Outputs: `logProbs` float32 [wanted]; `best` int64 [scored], the most probable token (first index wins ties);
 * each layer's keys and values, float32 [rows·columns, keyValueHeads·headDim].
 */
export function decoderGraph(config: ModelConfig, options: DecoderGraphOptions): DecoderGraph {
  const graph = new Graph("decoder");
  const weights = new Map(
    tensorNames(config.architecture, config.layers)
      .filter((tensor) => isRead(tensor, config))
      .map((tensor) => [tensor.name, shapeOf(tensor.shape, config)]),
  );
  for (const [name, shape] of weights) graph.input(name, "float32", shape);

  const tokens = graph.input("tokens", "int32", ["rows", "columns"]);
  const slots = slotInputs(graph);
  const gatherRope = (name: string) =>
    graph.node("Gather", [
      graph.input(name, "float32", ["table", config.headDim / 2]),
      slots.positions,
    ]);
  const scope: Scope = {
    graph,
    config,
    weights,
    slots,
    fusedAttention: options.device === "cpu",
    maskFor: attentionMasks(graph, slots),
    cos: gatherRope("rope.cos"),
    sin: gatherRope("rope.sin"),
  };

  const flat = graph.node("Reshape", [tokens, graph.constant("int64", [1], [-1])]);
  let hidden = graph.node("Gather", ["model.embed_tokens.weight", flat]); // [slots, hidden]
  for (let layer = 0; layer < config.layers; layer++) hidden = block(scope, layer, hidden);
  head(scope, hidden, options);
  return { bytes: graph.bytes(), weights };
}

function slotInputs(graph: Graph): SlotInputs {
  const perSlot = (name: string) => graph.input(name, "int32", ["rows", "columns"]);
  const perPast = (name: string) => graph.input(name, "int32", ["past"]);
  return {
    positions: perSlot("positions"),
    first: perSlot("first"),
    last: perSlot("last"),
    pastPositions: perPast("past.positions"),
    pastFirst: perPast("past.first"),
    pastLast: perPast("past.last"),
    slotShape: graph.input("shape.slots", "int64", [3]),
    rowShape: graph.input("shape.rows", "int64", [3]),
  };
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
  const { graph, config, slots } = scope;
  const prefix = `model.layers.${layer}.self_attn`;
  const state = layerState(layer);
  const width = config.keyValueHeads * config.headDim;
  const queries = rotated(scope, `${prefix}.q`, normed, config.heads);
  const keys = rotated(scope, `${prefix}.k`, normed, config.keyValueHeads);
  const values = inRows(scope, linear(scope, normed, `${prefix}.v_proj`));
  graph.output(state.keys, inSlots(graph, keys, width), "float32", ["slots", width]);
  graph.output(state.values, inSlots(graph, values, width), "float32", ["slots", width]);
  const operands = {
    queries,
    keys,
    values,
    pastKeys: graph.input(state.pastKeys, "float32", ["past", width]),
    pastValues: graph.input(state.pastValues, "float32", ["past", width]),
    mask: scope.maskFor(config.windowedLayers[layer] ? config.slidingWindow : undefined),
  };
  const context = attention(graph, config, slots, operands, scope.fusedAttention);
  const flat = inSlots(graph, context, config.heads * config.headDim);
  return linear(scope, flat, `${prefix}.o_proj`);
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
  const bias = `${name}.bias`;
  const operands = [x, `${name}.weight`, ...(scope.weights.has(bias) ? [bias] : [])];
  return scope.graph.node("Gemm", operands, { transB: 1 });
}

/** x / √(mean x² + ε) · weight over the last axis (Zhang & Sennrich 2019, arXiv 1910.07467, eq. 4). */
function rmsNorm(scope: Scope, x: Value, weight: string): Value {
  return scope.graph.node("RMSNormalization", [x, weight], {
    axis: -1,
    epsilon: { float: scope.config.rmsNormEps },
  });
}

function inRows(scope: Scope, x: Value): Value {
  return scope.graph.node("Reshape", [x, scope.slots.slotShape]);
}

function inSlots(graph: Graph, x: Value, width: number): Value {
  return graph.node("Reshape", [x, graph.constant("int64", [2], [-1, width])]);
}

/**
 * Scored slots only: norm, vocabulary product and, in f32, log p(target) = logit − max + log(max softmax), for
 * the largest probability is 1 / Σ exp(logit − max). WebGPU has no LogSoftmax, and onnxruntime's
 * ReduceLogSumExp was off by 2e-4 over 128,256 tokens where its Softmax was off by 1e-5.
 */
function head(scope: Scope, hidden: Value, options: DecoderGraphOptions): void {
  const { graph, config } = scope;
  const scoreSlots = graph.input("score.slots", "int32", ["scored"]);
  const targets = graph.input("targets", "int32", ["wanted"]);
  const targetRows = graph.input("target.rows", "int32", ["wanted"]);
  const scored = graph.node("Gather", [hidden, scoreSlots]);
  const vocabulary = config.tieWordEmbeddings ? "model.embed_tokens" : "lm_head";
  const logits = linear(scope, rmsNorm(scope, scored, "model.norm.weight"), vocabulary);
  const last = graph.constant("int64", [1], [-1]);
  const largestOf = (x: Value) => graph.node("ReduceMax", [x, last], { keepdims: 0 });
  const atTargets = (perRow: Value) => graph.node("Gather", [perRow, targetRows]);
  const largest = largestOf(graph.node("Softmax", [logits], { axis: -1 }));
  const wanted = graph.node("Gather", [graph.node("Reshape", [logits, last]), targets]);
  const shifted = graph.node("Sub", [wanted, atTargets(largestOf(logits))]);
  const logProbs = graph.node("Add", [shifted, atTargets(graph.node("Log", [largest]))]);
  graph.output("logProbs", logProbs, "float32", ["wanted"]);
  const best = graph.node("ArgMax", [logits], { axis: -1, keepdims: 0 });
  graph.output("best", best, "int64", ["scored"]);
  if (options.logits) graph.output("logits", logits, "float32", ["scored", config.vocabSize]);
}
