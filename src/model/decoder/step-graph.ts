// The decoder as one ONNX graph that continues texts by one token each: a row is a text, and attends to what
// all rows share, to its own past and to itself. Blocks and weights are the scoring graph's. Keys and values
// come in laid out for products, so that no step copies them; their new columns go out and are kept by
// row-cache.ts. Plain products only: WebGPU has no fused attention, and on the CPU it would copy the past.

import { Graph, type Value } from "../../onnx/graph.ts";
import type { ModelConfig } from "../config.ts";
import {
  type Attend,
  type BlockScope,
  hiddenStates,
  inSlots,
  rotaryRows,
  vocabularyLogits,
  weightInputs,
  weightShapes,
} from "./decoder-blocks.ts";

/** What stands for "may not attend": far below any score, and its exponential is exactly zero. */
const MASKED = -1e30;

/** Names of the inputs and outputs that carry layer `layer`'s keys and values. */
export const stepState = (layer: number) => ({
  sharedKeys: `shared.keys.${layer}`,
  sharedValues: `shared.values.${layer}`,
  ownKeys: `own.keys.${layer}`,
  ownValues: `own.values.${layer}`,
  keys: `keys.${layer}`,
  values: `values.${layer}`,
});

/**
 * The graph of a configuration. Its inputs besides the weights and the rotary tables:
 * - `tokens`, `positions` int32 [rows, 1];
 * - `shared.positions` int32 [shared] and `own.positions` int32 [own]: a key is visible to later positions only;
 * - each layer's shared keys float32 [keyValueHeads, headDim, shared], values [keyValueHeads, shared, headDim],
 *   own keys [rows, keyValueHeads, headDim, own], values [rows, keyValueHeads, own, headDim];
 * - `shape.slots` int64 [3] = rows, 1, -1; with group = heads / keyValueHeads, `shape.scores` int64 [4] =
 *   keyValueHeads, rows, group, shared, and `shape.stacked` int64 [3] = keyValueHeads, rows·group, shared;
 * - `split` int64 [3] = shared, own, 1.
 *
 * Outputs: `best` int64 [rows], the most probable next token (first index wins ties); `logits` float32
 * [rows, vocabulary], for choices other than it; each layer's keys and values of the rows' tokens, float32 [rows, keyValueHeads·headDim].
 */
export function stepGraph(config: ModelConfig): Uint8Array {
  const graph = new Graph("step");
  const weights = weightShapes(config);
  weightInputs(graph, weights);
  const tokens = graph.input("tokens", "int32", ["rows", 1]);
  const positions = graph.input("positions", "int32", ["rows", 1]);
  const scope: BlockScope = {
    ...{ graph, config, weights },
    slotShape: graph.input("shape.slots", "int64", [3]),
    ...rotaryRows(graph, config, positions),
    attend: rowAttention(graph, config, positions),
  };
  const logits = vocabularyLogits(scope, hiddenStates(scope, tokens));
  const best = graph.node("ArgMax", [logits], { axis: -1, keepdims: 0 });
  graph.output("best", best, "int64", ["rows"]);
  graph.output("logits", logits, "float32", ["rows", config.vocabSize]);
  return graph.bytes();
}

function rowAttention(graph: Graph, config: ModelConfig, positions: Value): Attend {
  const { keyValueHeads, headDim } = config;
  const group = config.heads / keyValueHeads;
  const width = keyValueHeads * headDim;
  const scoreShape = graph.input("shape.scores", "int64", [4]);
  const stackedShape = graph.input("shape.stacked", "int64", [3]);
  const split = graph.input("split", "int64", [3]);
  const maskFor = rowMasks(graph, positions);
  const reshape = (x: Value, ...shape: number[]) =>
    graph.node("Reshape", [x, graph.constant("int64", [shape.length], shape)]);
  const swapRows = (x: Value) => graph.node("Transpose", [x], { perm: [1, 0, 2, 3] });
  const product = (a: Value, b: Value) => graph.node("MatMul", [a, b]);
  const joined = (...scores: Value[]) => graph.node("Concat", scores, { axis: 3 });
  const scale = graph.constant("float32", [], [1 / Math.sqrt(headDim)]);

  return (layer, own) => {
    const state = stepState(layer);
    graph.output(state.keys, inSlots(graph, own.keys, width), "float32", ["rows", width]);
    graph.output(state.values, inSlots(graph, own.values, width), "float32", ["rows", width]);
    const input = (name: string, ...shape: (string | number)[]) =>
      graph.input(name, "float32", shape);
    const sharedKeys = input(state.sharedKeys, keyValueHeads, headDim, "shared");
    const sharedValues = input(state.sharedValues, keyValueHeads, "shared", headDim);
    const ownKeys = input(state.ownKeys, "rows", keyValueHeads, headDim, "own");
    const ownValues = input(state.ownValues, "rows", keyValueHeads, "own", headDim);
    const mask = maskFor(config.windowedLayers[layer] ? config.slidingWindow : undefined);

    const scaled = graph.node("Mul", [own.queries, scale]);
    const queries = reshape(scaled, -1, keyValueHeads, group, headDim);
    // All rows' queries against the shared keys are one product a head.
    const stacked = reshape(swapRows(queries), keyValueHeads, -1, headDim);
    const stackedScores = graph.node("Reshape", [product(stacked, sharedKeys), scoreShape]);
    const past = joined(swapRows(stackedScores), product(queries, ownKeys));
    const self = product(queries, reshape(own.keys, -1, keyValueHeads, headDim, 1));
    const scores = joined(graph.node("Add", [past, mask]), self);
    const weights = graph.node("Softmax", [scores], { axis: -1 }); // [rows, kv, group, shared + own + 1]
    const parts = graph.nodes("Split", [weights, split], 3, { axis: 3 });
    const stackedWeights = graph.node("Reshape", [swapRows(parts[0]!), stackedShape]);
    const stackedContext = product(stackedWeights, sharedValues);
    const contexts = [
      swapRows(reshape(stackedContext, keyValueHeads, -1, group, headDim)),
      product(parts[1]!, ownValues),
      product(parts[2]!, reshape(own.values, -1, keyValueHeads, 1, headDim)),
    ];
    const context = contexts.reduce((sum, each) => graph.node("Add", [sum, each]));
    return reshape(context, -1, config.heads * headDim);
  };
}

/** Additive masks, float32 [rows, 1, 1, shared + own]: keys at earlier positions, in a window of w the last w − 1. */
function rowMasks(graph: Graph, positions: Value): (window: number | undefined) => Value {
  const shared = graph.input("shared.positions", "int32", ["shared"]);
  const own = graph.input("own.positions", "int32", ["own"]);
  const keys = graph.node("Concat", [shared, own], { axis: 0 });
  const queries = graph.node("Unsqueeze", [positions, graph.constant("int64", [2], [1, 2])]);
  const earlier = graph.node("Less", [keys, queries]); // [rows, 1, 1, shared + own]
  const made = new Map<number | undefined, Value>();
  return (window) => {
    const known = made.get(window);
    if (known !== undefined) return known;
    const distance = graph.node("Sub", [queries, keys]);
    const near = (length: number) =>
      graph.node("Less", [distance, graph.constant("int32", [], [length])]);
    const visible = window === undefined ? earlier : graph.node("And", [earlier, near(window)]);
    const mask = graph.node("Where", [
      visible,
      graph.constant("float32", [], [0]),
      graph.constant("float32", [], [MASKED]),
    ]);
    made.set(window, mask);
    return mask;
  };
}
