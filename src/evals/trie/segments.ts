// The trie cut into segments, runs of nodes without a branch, and for each of them the decision how to
// compute it: as the trunk of an anchor, whose keys and values its subtree then continues from, or together
// with its whole subtree in one row. Dynamic programming over the cost below; it decides nothing about rows.

import type { Trie } from "./trie.ts";

/** A run of nodes [start, start + length), each the only child of the one before it. */
export interface Segment {
  readonly start: number;
  readonly length: number;
  /** Nodes of the run and of everything below it. */
  readonly size: number;
  /** Indices of the segments that continue it. */
  readonly children: number[];
}

export interface Segments {
  /** In depth-first order. */
  readonly list: readonly Segment[];
  /** Segments that start at the root. */
  readonly roots: readonly number[];
  /** 1 where a segment is a trunk: computed alone, its subtree continues from an anchor at its end. */
  readonly isTrunk: Uint8Array;
  /** For a trunk: length of the longest path of trunks from the root through it. */
  readonly reach: Int32Array;
}

/**
 * What work costs, in units of one slot's matrix products. Measured in order of magnitude only: of Llamas of 10 M and
 * 100 M parameters a batch cost 40 slots (weights are packed anew for each product), and a slot 1,200 and 3,300 pairs.
 */
export interface CostModel {
  /** Slots of a batch. */
  readonly slots: number;
  /** What a batch costs however small it is: call overhead, and weights read for few rows. */
  readonly perBatch: number;
  /** What a (query, key) pair costs. */
  readonly perPair: number;
  /** What a key of the past costs in each anchor: its keys and values are copied together. */
  readonly perPastKey: number;
}

export const COSTS = { perBatch: 40, perPair: 1 / 1024, perPastKey: 1 / 40 } as const;

/** Cost of `rows` rows of `columns` slots that continue from `past` keys, without the batch's own. */
export function slotCost(rows: number, columns: number, past: number, model: CostModel): number {
  return rows * columns * (1 + (past + columns) * model.perPair);
}

/** Cuts the trie into segments of at most `model.slots` nodes and chooses the trunks. */
export function planSegments(trie: Trie, model: CostModel): Segments {
  const list = segmentsOf(trie, model.slots);
  const roots: number[] = [];
  const stack: number[] = []; // segments that contain the current one
  list.forEach((segment, index) => {
    while (stack.length > 0 && endOf(list[stack.at(-1)!]!) <= segment.start) stack.pop();
    const parent = stack.at(-1);
    (parent === undefined ? roots : list[parent]!.children).push(index);
    stack.push(index);
  });
  const isTrunk = chooseTrunks(trie, list, model);
  return { list, roots, isTrunk, reach: reaches(trie, list, isTrunk) };
}

function endOf(segment: Segment): number {
  return segment.start + segment.size;
}

function segmentsOf(trie: Trie, slots: number): Segment[] {
  const { parents, last } = trie;
  const childCounts = new Int32Array(parents.length);
  for (const parent of parents) if (parent >= 0) childCounts[parent]!++;
  const continues = (node: number): boolean =>
    parents[node] === node - 1 && childCounts[node - 1] === 1;
  const list: Segment[] = [];
  for (let start = 0; start < parents.length; ) {
    let end = start + 1;
    while (end < parents.length && continues(end)) end++;
    // A run longer than a batch is cut into equal parts: fewer pairs than full parts and a remainder.
    const parts = Math.ceil((end - start) / slots);
    for (let part = 0; part < parts; part++) {
      const from = start + Math.floor(((end - start) * part) / parts);
      const to = start + Math.floor(((end - start) * (part + 1)) / parts);
      list.push({ start: from, length: to - from, size: last[from]! - from + 1, children: [] });
    }
    start = end;
  }
  return list;
}

/**
 * A segment is a trunk if computing its run, a batch more and the best way of its children costs less
 * than its whole subtree in one row, or if its subtree does not fit a batch.
 */
function chooseTrunks(trie: Trie, list: readonly Segment[], model: CostModel): Uint8Array {
  const isTrunk = new Uint8Array(list.length);
  const best = new Float64Array(list.length);
  const share = model.perBatch / model.slots; // of a batch that others fill too
  for (let index = list.length - 1; index >= 0; index--) {
    const { start, length, size, children } = list[index]!;
    const past = trie.depths[start]!;
    const whole = size > model.slots ? Infinity : slotCost(1, size, past, model) + size * share;
    const below = children.reduce((sum, child) => sum + best[child]!, 0);
    const trunk =
      children.length === 0
        ? Infinity
        : slotCost(1, length, past, model) +
          length * share +
          model.perBatch +
          (past + length) * model.perPastKey +
          below;
    isTrunk[index] = trunk < whole ? 1 : 0;
    best[index] = Math.min(trunk, whole);
  }
  return isTrunk;
}

function reaches(trie: Trie, list: readonly Segment[], isTrunk: Uint8Array): Int32Array {
  const reach = new Int32Array(list.length);
  for (let index = list.length - 1; index >= 0; index--) {
    const { start, length, children } = list[index]!;
    if (isTrunk[index] === 0) continue; // nothing below it is computed from an anchor
    reach[index] = trie.depths[start]! + length;
    for (const child of children) reach[index] = Math.max(reach[index]!, reach[child]!);
  }
  return reach;
}
