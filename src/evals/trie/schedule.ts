// From trie to decoder calls: every node is computed once, in a batch whose rows continue from one anchor.
// Anchors are visited depth first, so few keys and values are alive at a time. The same pairs
// always give the same schedule, byte for byte.

import {
  type Anchor,
  type DecoderBatch,
  type Path,
  type Schedule,
  sourcesOf,
} from "../../model/batch.ts";
import { AnchorPath } from "./anchor-path.ts";
import { groupBatches } from "./batch-groups.ts";
import { pack } from "./packing.ts";
import type { TokenPair } from "./pairs.ts";
import { groupPrompts, type PromptPlaces, type PromptTokens } from "./prompt-groups.ts";
import { COSTS, type CostModel, planSegments, type Segments } from "./segments.ts";
import { buildTrie, type Trie } from "./trie.ts";

/** Slots of a batch that keep a CPU's matrix products busy without wasting pairs. */
const DEFAULT_SLOTS = 512;

const NONE = new Int32Array(0);

/** A schedule, and where the result of each pair's targets stands in it. */
export interface ScheduledPairs {
  readonly schedule: Schedule;
  /** Where the text of each prompt stands. */
  readonly promptPlaces: PromptPlaces;
  /** Where each pair's targets begin in the two lists below, [pairs + 1]. */
  readonly targetStarts: Int32Array;
  /** Batch, and index into that batch's results, of each target token. Equal targets share a result. */
  readonly targetBatches: Int32Array;
  readonly targetIndices: Int32Array;
}

/** The distinct (node, token) targets, sorted by node and then token. */
interface Targets {
  readonly nodes: Int32Array;
  readonly tokens: Int32Array;
  /** Index of the distinct target of each target. */
  readonly of: Int32Array;
  readonly batches: Int32Array;
  readonly indices: Int32Array;
}

/** Schedules pairs, and the paths of prompts up to their last tokens, in batches of about `slots` nodes. */
export function schedulePairs(
  pairs: readonly TokenPair[],
  slots = DEFAULT_SLOTS,
  prompts: readonly PromptTokens[] = [],
): ScheduledPairs {
  const paths = prompts.map(({ tokens }) => ({ tokens: tokens.subarray(0, -1), targets: NONE }));
  const all = [...pairs, ...paths];
  const trie = buildTrie(all);
  const targets = distinctTargets(all, trie);
  const built = new ScheduleBuilder(trie, targets, { slots, ...COSTS }).build();
  const ends = trie.ends.subarray(pairs.length);
  const { places, ...grouped } = groupPrompts(prompts, ends, trie.parents, built.slots);
  const kept = new Set(grouped.generations.flatMap(sourcesOf));
  const batches = built.batches.map((batch, index) =>
    kept.has(index) ? { ...batch, keepsState: true } : batch,
  );
  return {
    schedule: {
      anchors: built.anchors,
      batches,
      groupEnds: groupBatches(batches),
      ...grouped,
      cost: built.cost,
    },
    promptPlaces: places,
    targetStarts: trie.targetStarts.subarray(0, pairs.length + 1),
    targetBatches: targets.of.map((target) => targets.batches[target]!),
    targetIndices: targets.of.map((target) => targets.indices[target]!),
  };
}

function distinctTargets(pairs: readonly TokenPair[], trie: Trie): Targets {
  const { targetNodes, targetStarts } = trie;
  const wanted = new Int32Array(targetNodes.length);
  pairs.forEach((pair, index) => {
    wanted.set(pair.targets, targetStarts[index]!);
  });
  const order = Int32Array.from(wanted.keys()).sort(
    (a, b) => targetNodes[a]! - targetNodes[b]! || wanted[a]! - wanted[b]!,
  );
  const nodes: number[] = [];
  const tokens: number[] = [];
  const of = new Int32Array(wanted.length);
  for (const target of order) {
    const [node, token] = [targetNodes[target]!, wanted[target]!];
    if (nodes.at(-1) !== node || tokens.at(-1) !== token) {
      nodes.push(node);
      tokens.push(token);
    }
    of[target] = nodes.length - 1;
  }
  return {
    nodes: Int32Array.from(nodes),
    tokens: Int32Array.from(tokens),
    of,
    batches: new Int32Array(nodes.length),
    indices: new Int32Array(nodes.length),
  };
}

/** A contiguous range of nodes that stands in one row. */
interface Unit {
  readonly start: number;
  readonly count: number;
  /** The segment whose anchor continues from this unit, if it is a trunk. */
  readonly trunk: number | undefined;
}

type Draft<T> = { -readonly [Key in keyof T]: T[Key] };

/** Owns the lists while they grow; used once. */
class ScheduleBuilder {
  readonly #trie: Trie;
  readonly #targets: Targets;
  readonly #model: CostModel;
  readonly #segments: Segments;
  readonly #batches: DecoderBatch[] = [];
  readonly #anchors: Draft<Anchor>[] = [];
  /** What computes each node, [nodes]. */
  readonly #slots: Path;
  readonly #path = new AnchorPath();
  #paddingSlots = 0;
  #computedPairs = 0;

  constructor(trie: Trie, targets: Targets, model: CostModel) {
    this.#trie = trie;
    this.#targets = targets;
    this.#model = model;
    this.#segments = planSegments(trie, model);
    const size = trie.tokens.length;
    this.#slots = { batch: new Int32Array(size), slot: new Int32Array(size) };
  }

  build(): Omit<Schedule, "generations" | "groupEnds"> & { readonly slots: Path } {
    this.#schedule(this.#segments.roots, -1, 0);
    const { depths, sequenceTokens } = this.#trie;
    return {
      anchors: this.#anchors,
      batches: this.#batches,
      slots: this.#slots,
      cost: {
        nodes: depths.length,
        paddingSlots: this.#paddingSlots,
        naiveTokens: sequenceTokens,
        computedPairs: this.#computedPairs,
        neededPairs: depths.reduce((sum, depth) => sum + depth + 1, 0),
      },
    };
  }

  /** Schedules segments that continue from one anchor, and everything below them. */
  #schedule(segments: readonly number[], anchor: number, past: number): void {
    const units = segments
      .map((index): Unit => {
        const { start, length, size } = this.#segments.list[index]!;
        return this.#segments.isTrunk[index] === 1
          ? { start, count: length, trunk: index }
          : { start, count: size, trunk: undefined };
      })
      .sort((a, b) => b.count - a.count || a.start - b.start);
    const sizes = units.map((unit) => unit.count);
    for (const { columns, rows } of pack(sizes, past, this.#model)) {
      const filled = rows.map((row) => row.map((index) => units[index]!));
      this.#addBatch(filled, columns, anchor, past);
      const batch = this.#batches.length - 1;
      if (anchor >= 0) this.#anchors[anchor]!.lastUse = batch;
      this.#continueTrunks(filled, columns, batch);
    }
  }

  #continueTrunks(rows: readonly (readonly Unit[])[], columns: number, batch: number): void {
    const { depths, last } = this.#trie;
    rows.forEach((units, row) => {
      let slot = row * columns;
      for (const { start, count, trunk } of units) {
        if (trunk !== undefined) {
          const depth = depths[start]!;
          const at = { batch, slot, node: start, last };
          const path = this.#path.extend(depth, count, this.#segments.reach[trunk]!, at);
          const anchor = this.#anchors.push({ ...path, lastUse: batch }) - 1;
          this.#schedule(this.#segments.list[trunk]!.children, anchor, depth + count);
        }
        slot += count;
      }
    });
  }

  #addBatch(
    rows: readonly (readonly Unit[])[],
    usedColumns: number,
    anchor: number,
    past: number,
  ): void {
    // A product of one row differs in its last bits from the same row among others: never one slot.
    const columns = Math.max(usedColumns, rows.length === 1 ? 2 : 1);
    const size = rows.length * columns;
    const tokens = new Int32Array(size);
    const positions = new Int32Array(size);
    const first = Int32Array.from(tokens.keys(), (slot) => -1 - slot);
    const last = first.slice();
    let used = 0;
    rows.forEach((units, row) => {
      let slot = row * columns;
      for (const { start, count } of units) {
        tokens.set(this.#trie.tokens.subarray(start, start + count), slot);
        positions.set(this.#trie.depths.subarray(start, start + count), slot);
        last.set(this.#trie.last.subarray(start, start + count), slot);
        for (let i = 0; i < count; i++) {
          first[slot + i] = start + i;
          this.#slots.slot[start + i] = slot + i;
        }
        this.#slots.batch.fill(this.#batches.length, start, start + count);
        slot += count;
        used += count;
      }
    });
    this.#paddingSlots += size - used;
    this.#computedPairs += size * (past + columns);
    const keepsState = rows.some((units) => units.some((unit) => unit.trunk !== undefined));
    const scored = this.#scoreRows(rows, columns);
    this.#batches.push({
      rows: rows.length,
      columns,
      tokens,
      positions,
      first,
      last,
      anchor,
      ...scored,
      keepsState,
    });
  }

  /** The slots and tokens to score, in order of slots; notes where each target's result will stand. */
  #scoreRows(
    rows: readonly (readonly Unit[])[],
    columns: number,
  ): Pick<DecoderBatch, "scoreSlots" | "targetRow" | "targetToken"> {
    const targets = this.#targets;
    const scoreSlots: number[] = [];
    const targetRow: number[] = [];
    const targetToken: number[] = [];
    rows.forEach((units, row) => {
      let slot = row * columns;
      for (const { start, count } of units) {
        for (let t = lowerBound(targets.nodes, start); targets.nodes[t]! < start + count; t++) {
          const target = slot + targets.nodes[t]! - start;
          if (scoreSlots.at(-1) !== target) scoreSlots.push(target);
          targets.batches[t] = this.#batches.length;
          targets.indices[t] = targetToken.length;
          targetRow.push(scoreSlots.length - 1);
          targetToken.push(targets.tokens[t]!);
        }
        slot += count;
      }
    });
    // Never one row in the head's product either: slots that nobody asks about fill up.
    while (scoreSlots.length < 2) scoreSlots.push(scoreSlots[0] === 0 ? 1 : 0);
    return {
      scoreSlots: Int32Array.from(scoreSlots),
      targetRow: Int32Array.from(targetRow),
      targetToken: Int32Array.from(targetToken),
    };
  }
}

/** The first index whose value is at least `value`, in a sorted array. */
function lowerBound(sorted: Int32Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
