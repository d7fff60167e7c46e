// Which batches of a schedule meet the vocabulary together. A group is done or not done as a whole, so its bounds
// decide what an interruption costs. They never depend on the model.

import type { DecoderBatch } from "../../model/batch.ts";

/** Rows that keep the vocabulary product busy: two take a third of the time of sixty-four. */
const ENOUGH_ROWS = 64;

/** Slots of a group: an interruption costs no more, and one product is little beside their blocks. */
const MAX_SLOTS = 4096;

/** The index after each group's last batch, ascending. */
export function groupBatches(batches: readonly DecoderBatch[]): Int32Array {
  const ends: number[] = [];
  let [rows, slots] = [0, 0];
  batches.forEach((batch, index) => {
    if (batch.targetRow.length > 0) rows += batch.scoreSlots.length;
    slots += batch.tokens.length;
    if (rows < ENOUGH_ROWS && slots < MAX_SLOTS && index + 1 < batches.length) return;
    ends.push(index + 1);
    [rows, slots] = [0, 0];
  });
  return Int32Array.from(ends);
}
