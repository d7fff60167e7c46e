// A random token tree cut into batches at random: chains, branches, several rows, padding, anchors over
// several batches. Knows nothing of the trie scheduler; both must agree with the contract in batch.ts.

import { streamKey, uniform } from "../../src/base/counter-rng.ts";
import type { Anchor, DecoderBatch, Schedule } from "../../src/model/batch.ts";

export interface Node {
  readonly token: number;
  readonly depth: number;
  readonly parent: Node | undefined;
  readonly children: Node[];
  first: number;
  last: number;
  place: { batch: number; slot: number } | undefined;
}

/** One wanted log-probability: that `child.token` follows the path to its parent. */
export interface Wanted {
  readonly batch: number;
  readonly index: number;
  readonly child: Node;
}

export function pathTo(node: Node): Node[] {
  return node.parent === undefined ? [node] : [...pathTo(node.parent), node];
}

export function randomTree(seed: number, vocabulary: number) {
  const key = streamKey("tree", seed);
  let drawn = 0;
  const below = (n: number) => Math.floor(uniform(key, drawn++) * n);
  const root = grow(below, vocabulary);
  const batches: DecoderBatch[] = [];
  const anchors: (Anchor & { lastUse: number })[] = [];
  const wanted: Wanted[] = [];
  // Each entry: nodes whose parents lie in earlier batches (or the root), all under one path.
  const queue: { path: Node[]; starts: Node[] }[] = [{ path: [], starts: [root] }];
  for (let work = queue.shift(); work !== undefined; work = queue.shift()) {
    const batch = batches.length;
    let anchor = -1;
    if (work.path.length > 0) {
      anchor = anchors.length;
      anchors.push({
        batch: Int32Array.from(work.path, (node) => node.place!.batch),
        slot: Int32Array.from(work.path, (node) => node.place!.slot),
        first: Int32Array.from(work.path, (node) => node.first),
        last: Int32Array.from(work.path, (node) => node.last),
        lastUse: batch,
      });
    }
    const rows = Array.from({ length: 1 + below(3) }, (): Node[] => []);
    for (const start of work.starts) rows[below(rows.length)]!.push(...take(start, below, queue));
    batches.push(pack(batch, rows, anchor, wanted));
  }
  const ends = batches.map((_, index) => index + 1);
  const cost = { nodes: 0, paddingSlots: 0, naiveTokens: 0, computedPairs: 0, neededPairs: 0 };
  const kept = new Set(anchors.flatMap((anchor) => [...anchor.batch]));
  const schedule: Schedule = {
    anchors,
    batches: batches.map((batch, index) => ({ ...batch, keepsState: kept.has(index) })),
    groupEnds: Int32Array.from(ends.filter((end) => end === batches.length || below(2) === 0)),
    generations: [],
    cost,
  };
  return { root, schedule, wanted };
}

function grow(below: (n: number) => number, vocabulary: number): Node {
  let index = 0;
  const node = (parent: Node | undefined, depth: number): Node => {
    const made: Node = {
      token: below(vocabulary),
      depth,
      parent,
      children: [],
      first: index,
      last: index++,
      place: undefined,
    };
    const branches = depth > 14 ? 0 : depth < 3 ? 1 + below(3) : below(10) < 7 ? 1 : below(3);
    for (let i = 0; i < branches && index < 120; i++) made.children.push(node(made, depth + 1));
    made.last = index - 1;
    return made;
  };
  return node(undefined, 0);
}

/** A subtree in depth-first order, less the parts that are put off to later batches. */
function take(
  start: Node,
  below: (n: number) => number,
  queue: { path: Node[]; starts: Node[] }[],
): Node[] {
  if (start.children.length > 0 && below(6) === 0) {
    queue.push({ path: pathTo(start), starts: start.children });
    return [start];
  }
  return [start, ...start.children.flatMap((child) => take(child, below, queue))];
}

function pack(batch: number, rows: Node[][], anchor: number, wanted: Wanted[]): DecoderBatch {
  const columns = Math.max(2, ...rows.map((row) => row.length));
  const slots = rows.length * columns;
  const result = {
    rows: rows.length,
    columns,
    tokens: new Int32Array(slots),
    positions: new Int32Array(slots),
    first: Int32Array.from({ length: slots }, (_, slot) => -1 - slot),
    last: Int32Array.from({ length: slots }, (_, slot) => -1 - slot),
    anchor,
    keepsState: true,
  };
  const scoreSlots: number[] = [];
  const targets: { row: number; token: number }[] = [];
  rows.forEach((row, r) => {
    row.forEach((node, column) => {
      const slot = r * columns + column;
      node.place = { batch, slot };
      result.tokens[slot] = node.token;
      result.positions[slot] = node.depth;
      result.first[slot] = node.first;
      result.last[slot] = node.last;
      if (node.children.length === 0) return;
      for (const child of node.children) {
        wanted.push({ batch, index: targets.length, child });
        targets.push({ row: scoreSlots.length, token: child.token });
      }
      scoreSlots.push(slot);
    });
  });
  while (scoreSlots.length < 2) scoreSlots.push(0);
  return {
    ...result,
    scoreSlots: Int32Array.from(scoreSlots),
    targetRow: Int32Array.from(targets, (target) => target.row),
    targetToken: Int32Array.from(targets, (target) => target.token),
  };
}
