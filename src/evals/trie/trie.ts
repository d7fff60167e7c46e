// The token trie of many sequences: every distinct prefix is one node. Nodes are numbered depth first, so a
// subtree is the range [node, last[node]], and k is an ancestor of q (or q itself) iff k ≤ q ≤ last[k].

import type { TokenPair } from "./pairs.ts";

export interface Trie {
  /** Token of each node, [nodes]. */
  readonly tokens: Int32Array;
  /** Distance from the root, which holds no token: the node's position in its text, from 0. */
  readonly depths: Int32Array;
  /** Parent node, or -1. */
  readonly parents: Int32Array;
  /** Last descendant, or the node itself. */
  readonly last: Int32Array;
  /** For each pair, the nodes whose next-token distributions its targets are read from, concatenated. */
  readonly targetNodes: Int32Array;
  /** Where each pair's targets begin in `targetNodes`, [pairs + 1]. */
  readonly targetStarts: Int32Array;
  /** The last node of each pair's sequence, [pairs]; -1 for an empty one. */
  readonly ends: Int32Array;
  /** Σ length of the distinct sequences. */
  readonly sequenceTokens: number;
}

/** Builds the trie of `tokens` of all pairs. Its numbering depends on the set of sequences, not their order. */
export function buildTrie(pairs: readonly TokenPair[]): Trie {
  const { sequences, sequenceOf } = distinctSequences(pairs);
  const shared = sequences.map((sequence, index) =>
    index === 0 ? 0 : commonPrefix(sequences[index - 1]!, sequence),
  );
  const size = sequences.reduce((sum, sequence, i) => sum + sequence.length - shared[i]!, 0);
  const tokens = new Int32Array(size);
  const depths = new Int32Array(size);
  const parents = new Int32Array(size);
  const last = new Int32Array(size);
  const longest = sequences.reduce((length, sequence) => Math.max(length, sequence.length), 0);
  const path = new Int32Array(longest); // nodes of the current sequence
  let open = 0; // length of the path
  let next = 0;
  const close = (depth: number): void => {
    while (open > depth) last[path[--open]!] = next - 1;
  };

  const targetStarts = new Int32Array(pairs.length + 1);
  pairs.forEach((pair, i) => {
    targetStarts[i + 1] = targetStarts[i]! + pair.targets.length;
  });
  const targetNodes = new Int32Array(targetStarts[pairs.length]!);
  const ends = new Int32Array(pairs.length);
  const pairsOf: number[][] = sequences.map(() => []);
  sequenceOf.forEach((sequence, pair) => {
    pairsOf[sequence]!.push(pair);
  });

  sequences.forEach((sequence, index) => {
    close(shared[index]!);
    for (; open < sequence.length; open++, next++) {
      tokens[next] = sequence[open]!;
      depths[next] = open;
      parents[next] = open === 0 ? -1 : path[open - 1]!;
      path[open] = next;
    }
    for (const pair of pairsOf[index]!) {
      ends[pair] = open === 0 ? -1 : path[open - 1]!;
      const count = pairs[pair]!.targets.length;
      targetNodes.set(path.subarray(open - count, open), targetStarts[pair]!);
    }
  });
  close(0);
  const sequenceTokens = sequences.reduce((sum, sequence) => sum + sequence.length, 0);
  return { tokens, depths, parents, last, targetNodes, targetStarts, ends, sequenceTokens };
}

/** The distinct sequences in lexicographic order, and for each pair the index of its own. */
function distinctSequences(pairs: readonly TokenPair[]): {
  sequences: Int32Array[];
  sequenceOf: Int32Array;
} {
  const arrays = new Map<Int32Array, number>(); // equal sequences of one item are one array
  for (const { tokens } of pairs) if (!arrays.has(tokens)) arrays.set(tokens, 0);
  const sorted = [...arrays.keys()].sort(compare);
  const sequences: Int32Array[] = [];
  for (const array of sorted) {
    const previous = sequences.at(-1);
    if (previous === undefined || compare(previous, array) !== 0) sequences.push(array);
    arrays.set(array, sequences.length - 1);
  }
  return { sequences, sequenceOf: Int32Array.from(pairs, ({ tokens }) => arrays.get(tokens)!) };
}

function compare(a: Int32Array, b: Int32Array): number {
  const shared = commonPrefix(a, b);
  if (shared === a.length || shared === b.length) return a.length - b.length;
  return a[shared]! - b[shared]!;
}

function commonPrefix(a: Int32Array, b: Int32Array): number {
  const end = Math.min(a.length, b.length);
  let shared = 0;
  while (shared < end && a[shared] === b[shared]) shared++;
  return shared;
}
