// Tree attention as graph nodes. The mask is made once a run from depth-first intervals and shared by all
// layers. The past is one sequence that every row continues: it is repeated for each row just before the
// fused operator, which measured 1.1–2× faster on the CPU than separate products that share it.

import type { Graph, Value } from "../onnx/graph.ts";
import type { ModelConfig } from "./config.ts";

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

/** Grouped-query attention over past and own keys: float32 [rows, columns, heads·headDim]. */
export function attention(
  graph: Graph,
  config: ModelConfig,
  slots: SlotInputs,
  operands: AttentionOperands,
): Value {
  const withPast = (past: Value, own: Value) =>
    graph.node("Concat", [graph.node("Expand", [past, slots.rowShape]), own], { axis: 1 });
  return graph.node(
    "Attention",
    [
      operands.queries,
      withPast(graph.node("Unsqueeze", [operands.pastKeys, axes(graph, 0)]), operands.keys),
      withPast(graph.node("Unsqueeze", [operands.pastValues, axes(graph, 0)]), operands.values),
      operands.mask,
    ],
    {
      q_num_heads: config.heads,
      kv_num_heads: config.keyValueHeads,
      scale: { float: 1 / Math.sqrt(config.headDim) },
    },
  );
}

function axes(graph: Graph, ...list: number[]): Value {
  return graph.constant("int64", [list.length], list);
}
