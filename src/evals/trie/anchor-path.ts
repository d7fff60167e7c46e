// The path from the root to the current trunk while a schedule is written. Anchors are views of it: one
// that continues another shares its memory, so a long chain of anchors costs one path, not their sum.

import type { Anchor } from "../../model/batch.ts";

type Columns = Omit<Anchor, "lastUse">;

/** Owns the arrays that anchors view; entries that an anchor has seen are never written again. */
export class AnchorPath {
  #columns = allocate(0);
  /** Entries below this are seen by an anchor. */
  #seen = 0;

  /**
   * Writes a trunk's nodes at `depth`, …, `depth + count - 1` and returns the path up to its end.
   * @param reach length of the longest path that will continue this trunk, at least depth + count
   * @param trunk batch, first slot, first node, and every node's last descendant
   */
  extend(
    depth: number,
    count: number,
    reach: number,
    trunk: { batch: number; slot: number; node: number; last: Int32Array },
  ): Columns {
    if (depth < this.#seen || reach > this.#columns.batch.length) {
      const copy = allocate(reach);
      for (const name of NAMES) copy[name].set(this.#columns[name].subarray(0, depth));
      this.#columns = copy;
    }
    const { batch, slot, first, last } = this.#columns;
    for (let i = 0; i < count; i++) {
      batch[depth + i] = trunk.batch;
      slot[depth + i] = trunk.slot + i;
      first[depth + i] = trunk.node + i;
      last[depth + i] = trunk.last[trunk.node + i]!;
    }
    this.#seen = depth + count;
    return {
      batch: batch.subarray(0, this.#seen),
      slot: slot.subarray(0, this.#seen),
      first: first.subarray(0, this.#seen),
      last: last.subarray(0, this.#seen),
    };
  }
}

const NAMES = ["batch", "slot", "first", "last"] as const;

function allocate(length: number): Columns {
  return {
    batch: new Int32Array(length),
    slot: new Int32Array(length),
    first: new Int32Array(length),
    last: new Int32Array(length),
  };
}
