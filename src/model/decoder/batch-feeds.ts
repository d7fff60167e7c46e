// A batch as the decoder graph's inputs (see decoder-graph.ts for what each one is), and what is checked
// before it becomes that.

import { TsmergeError } from "../../base/errors.ts";
import type { HostTensor } from "../../ort/tensor.ts";
import type { DecoderBatch } from "../batch.ts";
import type { ModelConfig } from "../config.ts";
import { layerState } from "./decoder-graph.ts";
import type { Past } from "./past.ts";

/** Everything a run needs besides weights and rotary tables. Arrays are passed on, not copied. */
export function batchFeeds(
  config: ModelConfig,
  batch: DecoderBatch,
  past: Past,
): Record<string, HostTensor> {
  const slots = [batch.rows, batch.columns];
  const feeds: Record<string, HostTensor> = {
    tokens: int32(batch.tokens, slots),
    positions: int32(batch.positions, slots),
    first: int32(batch.first, slots),
    last: int32(batch.last, slots),
    "past.first": int32(past.first),
    "past.last": int32(past.last),
    "past.positions": int32(Int32Array.from({ length: past.length }, (_, node) => node)),
    "score.slots": int32(batch.scoreSlots),
    "shape.slots": sizes(batch.rows, batch.columns, -1),
    "shape.rows": sizes(batch.rows, 1, 1),
  };
  const shape = [past.length, config.keyValueHeads * config.headDim];
  for (let layer = 0; layer < config.layers; layer++) {
    const { pastKeys, pastValues } = layerState(layer);
    feeds[pastKeys] = { type: "float32", shape, data: past.keys[layer]! };
    feeds[pastValues] = { type: "float32", shape, data: past.values[layer]! };
  }
  return feeds;
}

function int32(data: Int32Array, shape: readonly number[] = [data.length]): HostTensor {
  return { type: "int32", shape, data };
}

function sizes(...list: number[]): HostTensor {
  return { type: "int64", shape: [list.length], data: BigInt64Array.from(list, BigInt) };
}

/**
 * Refuses a batch of one row, since one-row products differ in their last bits from many-row ones, and tokens
 * without an embedding, which a GPU would read from somewhere else without a word.
 * @throws TsmergeError `internal` or `data`
 */
export function checkBatch(batch: DecoderBatch, vocabSize: number): void {
  const slots = batch.rows * batch.columns;
  const scored = batch.scoreSlots.length;
  if (slots < 2 || scored < 2) {
    const found = `${slots} slots, ${scored} of them scored`;
    throw new TsmergeError("internal", `a batch needs two slots and two scored ones, got ${found}`);
  }
  const largest = Math.max(largestOf(batch.tokens), largestOf(batch.targetToken));
  if (largest >= vocabSize) {
    const message = `token ${largest} is outside the model's vocabulary of ${vocabSize}`;
    throw new TsmergeError("data", message, {
      hint: "the tokenizer and the model must belong together",
    });
  }
}

function largestOf(values: Int32Array): number {
  return values.reduce((a, b) => Math.max(a, b), 0);
}
