// The units of decoder work: token-trie nodes packed in rows, with the depth-first intervals that make the tree
// attention mask in the graph, and prompts to continue. Built once a run by evals and reused by every candidate.

import type { TextShape } from "./generation-config.ts";

/**
 * One decoder call over `rows` × `columns` slots (slot = row·columns + column). A slot holds one trie node
 * or is padding. Slot q attends to slot k of its own row, or to past key k, iff first[k] ≤ first[q] ≤ last[k].
 */
export interface DecoderBatch {
  readonly rows: number;
  readonly columns: number;
  /** Token ids, [rows·columns]; padding holds 0. */
  readonly tokens: Int32Array;
  /** Depth of each node in the trie = its position in the text, [rows·columns]; padding holds 0. */
  readonly positions: Int32Array;
  /**
   * Depth-first index of each node and of its last descendant. Padding holds a unique negative number in both, so
   * that it attends to itself alone.
   */
  readonly first: Int32Array;
  readonly last: Int32Array;
  /** Index into Schedule.anchors of the path that all rows continue, or -1 when they start at the root. */
  readonly anchor: number;
  /**
   * Slots whose next-token distribution is needed, [R]: at least two (one-row products differ in their last bits).
   */
  readonly scoreSlots: Int32Array;
  /** One entry a wanted log-probability, [K]: index into scoreSlots, and the token id. K may be 0. */
  readonly targetRow: Int32Array;
  readonly targetToken: Int32Array;
  /** True when a later anchor needs keys and values computed here. */
  readonly keepsState: boolean;
}

/** A root-to-node path whose keys and values later batches continue from. */
export interface Anchor {
  /** For each node of the path from the root: the batch and the slot that computed it, [length]. */
  readonly batch: Int32Array;
  readonly slot: Int32Array;
  /** Depth-first intervals of the path's nodes, [length]. */
  readonly first: Int32Array;
  readonly last: Int32Array;
  /** Last batch that uses this anchor: its state may be freed afterwards. */
  readonly lastUse: number;
}

/** The batch and the slot that computed each node of a path, in its order. */
export type Path = Pick<Anchor, "batch" | "slot">;

/** When a generated text ends: at its tokenizer's or configuration's end of text, or at one of these. */
export interface StopRule {
  readonly until: readonly string[];
  readonly maxTokens: number;
  /** In place of what the model's own generation_config.json says of the same settings. */
  readonly shape?: TextShape;
}

/** Prompts that are continued together, greedily. A prompt's last token is the first that is decoded. */
export interface GenerationBatch {
  /** The batch after which everything it continues from is computed; -1 when that is nothing. */
  readonly after: number;
  /** The path that all prompts begin with. */
  readonly shared: Path;
  readonly prompts: readonly Prompt[];
  readonly stop: StopRule;
}

/** The rest of a prompt after the shared path, and its last token. */
export interface Prompt {
  readonly own: Path;
  readonly token: number;
}

/**
 * Every decoder call of one workload, in order: an anchor's batches stand before the batches that use it.
 * Results are numbered through: batches first, then generations, then those from outside.
 */
export interface Schedule {
  readonly anchors: readonly Anchor[];
  readonly batches: readonly DecoderBatch[];
  /**
   * Batches in groups, the index after each group's last one, ascending: a group's scored slots meet the
   * vocabulary in one product, since that reads all of the head however few rows there are. Its results come
   * together.
   */
  readonly groupEnds: Int32Array;
  readonly generations: readonly GenerationBatch[];
  /** Further results, which no decoder gives: numbered last. */
  readonly outside?: number | undefined;
  /** Folder of the tokenizer that turns generated tokens into text; there if anything is generated. */
  readonly tokenizer?: string | undefined;
  readonly cost: ScheduleCost;
}

/** What is computed against what is needed; tests bound the ratios. */
export interface ScheduleCost {
  /** Unique trie nodes = tokens computed (each exactly once). */
  readonly nodes: number;
  readonly paddingSlots: number;
  /** Tokens of one forward pass for every distinct (context, all but last continuation token) sequence. */
  readonly naiveTokens: number;
  /** (query, key) pairs the batches compute, and those causality needs (Σ depth + 1 over nodes). */
  readonly computedPairs: number;
  readonly neededPairs: number;
}

/** What a batch yields: one number and one flag for each of its K targets. */
export interface BatchResult {
  /** Natural log-probability of each target token, [K]. */
  readonly logProbs: Float32Array;
  /** 1 where no token is more probable than the target, [K]. */
  readonly greedy: Uint8Array;
  /** Of a generation: each prompt's text, cut at the stop strings. */
  readonly texts?: readonly string[];
}

/** Batches whose keys and values a generation continues from, repeatedly. */
export function sourcesOf({ shared, prompts }: GenerationBatch): number[] {
  return [shared, ...prompts.map(({ own }) => own)].flatMap(({ batch }) => [...batch]);
}

/** The token ids of a prompt. */
export function promptTokens(
  { batches }: Schedule,
  shared: Path,
  { own, token }: Prompt,
): number[] {
  const tokensOf = ({ batch, slot }: Path): number[] =>
    Array.from(slot, (each, index) => batches[batch[index]!]!.tokens[each]!);
  return [...tokensOf(shared), ...tokensOf(own), token];
}

/** How many results a schedule has. */
export function resultCount({ batches, generations, outside = 0 }: Schedule): number {
  return batches.length + generations.length + outside;
}
