// Tree attention as graph nodes. The mask is made once a run from depth-first intervals and shared by all
// layers. The past is one sequence that every row continues; repeating it for each row in front of the fused
// operator measured 1.1–2.5× faster on the CPU than products that share it.

import type { Graph, Value } from "../../onnx/graph.ts";
import type { ModelConfig } from "../config.ts";

/** What stands for "may not attend": far below any score, and its exponential is exactly zero. */
const MASKED = -1e30;

/** Graph inputs that describe the slots, each int32 [rows, columns]; past ones [past]. */
export interface SlotInputs {
  readonly positions: Value;
  readonly first: Value;
  readonly last: Value;
  readonly pastPositions: Value;
  readonly pastFirst: Value;
  readonly pastLast: Value;
  /** int64 [3]: rows, columns, -1. */
  readonly slotShape: Value;
  /** int64 [3]: rows, 1, 1. */
  readonly rowShape: Value;
}

/** The mask without a window and one for each window length, as they are asked for. */
export type MaskFor = (window: number | undefined) => Value;

/**
 * Additive masks, float32 [rows, 1, columns, past + columns]: slot q attends to key k iff
 * first[k] ≤ first[q] ≤ last[k] and, in a window of w, position[q] − position[k] < w.
 */
export function attentionMasks(graph: Graph, slots: SlotInputs): MaskFor {
  const asQuery = (value: Value) => graph.node("Unsqueeze", [value, axes(graph, 1, 3)]);
  const asKey = (past: Value, own: Value) => {
    const repeated = graph.node("Expand", [past, slots.rowShape]); // [rows, 1, past]
    const keys = graph.node("Unsqueeze", [own, axes(graph, 1)]); // [rows, 1, columns]
    const all = graph.node("Concat", [repeated, keys], { axis: 2 });
    return graph.node("Unsqueeze", [all, axes(graph, 1)]); // [rows, 1, 1, past + columns]
  };
  const queryFirst = asQuery(slots.first);
  const inside = graph.node("And", [
    graph.node("LessOrEqual", [asKey(slots.pastFirst, slots.first), queryFirst]),
    graph.node("LessOrEqual", [queryFirst, asKey(slots.pastLast, slots.last)]),
  ]);
  const additive = (allowed: Value) =>
    graph.node("Where", [
      allowed,
      graph.constant("float32", [], [0]),
      graph.constant("float32", [], [MASKED]),
    ]);

  const made = new Map<number | undefined, Value>();
  const windowed = (window: number) => {
    const keys = asKey(slots.pastPositions, slots.positions);
    const distance = graph.node("Sub", [asQuery(slots.positions), keys]);
    const near = graph.node("Less", [distance, graph.constant("int32", [], [window])]);
    return graph.node("And", [inside, near]);
  };
  return (window) => {
    const known = made.get(window);
    if (known !== undefined) return known;
    const mask = additive(window === undefined ? inside : windowed(window));
    made.set(window, mask);
    return mask;
  };
}

export interface AttentionOperands {
  /** float32 [rows, columns, heads·headDim], rotated. */
  readonly queries: Value;
  /** float32 [rows, columns, keyValueHeads·headDim], keys rotated. */
  readonly keys: Value;
  readonly values: Value;
  /** float32 [past, keyValueHeads·headDim]. */
  readonly pastKeys: Value;
  readonly pastValues: Value;
  readonly mask: Value;
}

/**
 * Grouped-query attention over past and own keys (Ainslie et al. 2023, arXiv 2305.13245): float32
 * [rows, columns, heads·headDim]. `fused` uses the standard operator, which WebGPU lacks in onnxruntime 1.30.
 */
export function attention(
  graph: Graph,
  config: ModelConfig,
  slots: SlotInputs,
  operands: AttentionOperands,
  fused: boolean,
): Value {
  const withPast = (past: Value, own: Value) => {
    const one = graph.node("Unsqueeze", [past, axes(graph, 0)]);
    return graph.node("Concat", [graph.node("Expand", [one, slots.rowShape]), own], { axis: 1 });
  };
  const all = {
    ...operands,
    keys: withPast(operands.pastKeys, operands.keys),
    values: withPast(operands.pastValues, operands.values),
  };
  const scale = 1 / Math.sqrt(config.headDim);
  if (!fused) return products(graph, config, all, scale);
  return graph.node("Attention", [all.queries, all.keys, all.values, all.mask], {
    q_num_heads: config.heads,
    kv_num_heads: config.keyValueHeads,
    scale: { float: scale },
  });
}

/** The same from plain products: the heads of a group are stacked as further rows under their shared keys. */
function products(
  graph: Graph,
  config: ModelConfig,
  operands: Pick<AttentionOperands, "queries" | "keys" | "values" | "mask">,
  scale: number,
): Value {
  const { keyValueHeads, headDim } = config;
  const group = config.heads / keyValueHeads;
  const reshape = (x: Value, ...shape: number[]) =>
    graph.node("Reshape", [x, axes(graph, ...shape)]);
  const transpose = (x: Value, ...perm: number[]) => graph.node("Transpose", [x], { perm });

  const scaled = graph.node("Mul", [operands.queries, graph.constant("float32", [], [scale])]);
  const grouped = transpose(reshape(scaled, 0, 0, keyValueHeads, group, headDim), 0, 2, 3, 1, 4);
  const queries = reshape(grouped, 0, keyValueHeads, -1, headDim); // [rows, kv, group·columns, d]
  const keys = transpose(reshape(operands.keys, 0, 0, keyValueHeads, headDim), 0, 2, 3, 1);
  const values = transpose(reshape(operands.values, 0, 0, keyValueHeads, headDim), 0, 2, 1, 3);
  const mask = graph.node("Concat", Array<Value>(group).fill(operands.mask), { axis: 2 });
  const scores = graph.node("Add", [graph.node("MatMul", [queries, keys]), mask]);
  const weights = graph.node("Softmax", [scores], { axis: -1 });
  const context = graph.node("MatMul", [weights, values]);
  const apart = reshape(context, 0, keyValueHeads, group, -1, headDim);
  return reshape(transpose(apart, 0, 3, 1, 2, 4), 0, 0, config.heads * headDim);
}

function axes(graph: Graph, ...list: number[]): Value {
  return graph.constant("int64", [list.length], list);
}
