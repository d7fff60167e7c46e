// The keys and values that later batches continue from. Batches hand theirs in, anchors take the slots of
// their path out; both are freed after their last use. Host memory only.

import { TsmergeError } from "../base/errors.ts";
import type { Schedule } from "./batch.ts";

/** A path that all rows of a batch continue. Arrays of floats are one a layer, [length, width]. */
export interface Past {
  readonly length: number;
  /** Depth-first intervals of the path's nodes, [length]; a node's position is its index. */
  readonly first: Int32Array;
  readonly last: Int32Array;
  readonly keys: readonly Float32Array[];
  readonly values: readonly Float32Array[];
}

/** Keys and values of one batch or path, float32 [slots, width], one a layer. */
type State = Pick<Past, "keys" | "values">;

/** What stands for no past: one key that no slot may see, so that no tensor is ever empty. */
export function emptyPast(layers: number, width: number): Past {
  const zeros = Array.from({ length: layers }, () => new Float32Array(width));
  return { length: 1, first: Int32Array.of(1), last: Int32Array.of(0), keys: zeros, values: zeros };
}

/** The batches that must be computed when those in `done` are known: the rest, and what these continue from. */
export function neededBatches(schedule: Schedule, done: ReadonlySet<number>): Set<number> {
  const needed = new Set<number>();
  for (let index = schedule.batches.length - 1; index >= 0; index--) {
    if (done.has(index) && !needed.has(index)) continue;
    needed.add(index);
    const anchor = schedule.anchors[schedule.batches[index]!.anchor];
    for (const source of anchor?.batch ?? []) needed.add(source);
  }
  return needed;
}

export class PastStore {
  readonly #schedule: Schedule;
  readonly #width: number;
  readonly #empty: Past;
  readonly #states = new Map<number, State>();
  readonly #pasts = new Map<number, Past>();
  /** For each batch, the last batch that an anchor through it serves. */
  readonly #lastUse = new Map<number, number>();

  constructor(schedule: Schedule, layers: number, width: number) {
    this.#schedule = schedule;
    this.#width = width;
    this.#empty = emptyPast(layers, width);
    for (const anchor of schedule.anchors) {
      for (const batch of anchor.batch) {
        this.#lastUse.set(batch, Math.max(this.#lastUse.get(batch) ?? 0, anchor.lastUse));
      }
    }
  }

  /** Batches and paths held at the moment. */
  get size(): number {
    return this.#states.size + this.#pasts.size;
  }

  /** Takes a batch's keys and values. */
  keep(batch: number, state: State): void {
    this.#states.set(batch, state);
  }

  /** The past of an anchor (-1: none), assembled at its first use. */
  past(index: number): Past {
    if (index === -1) return this.#empty;
    const known = this.#pasts.get(index) ?? this.#assemble(index);
    this.#pasts.set(index, known);
    return known;
  }

  /** Frees whatever no batch after `batch` uses. */
  freeAfter(batch: number): void {
    for (const index of this.#pasts.keys()) {
      if (this.#schedule.anchors[index]!.lastUse <= batch) this.#pasts.delete(index);
    }
    for (const index of this.#states.keys()) {
      if ((this.#lastUse.get(index) ?? 0) <= batch) this.#states.delete(index);
    }
  }

  #assemble(index: number): Past {
    const anchor = this.#schedule.anchors[index]!;
    const length = anchor.slot.length;
    const width = this.#width;
    const states = Array.from(anchor.batch, (batch) => this.#state(batch, index));
    const gather = (layer: number, part: keyof State) => {
      const into = new Float32Array(length * width);
      states.forEach((state, node) => {
        const slot = anchor.slot[node]!;
        into.set(state[part][layer]!.subarray(slot * width, (slot + 1) * width), node * width);
      });
      return into;
    };
    return {
      length,
      first: anchor.first,
      last: anchor.last,
      keys: this.#empty.keys.map((_, layer) => gather(layer, "keys")),
      values: this.#empty.values.map((_, layer) => gather(layer, "values")),
    };
  }

  #state(batch: number, anchor: number): State {
    const state = this.#states.get(batch);
    if (state !== undefined) return state;
    throw new TsmergeError(
      "internal",
      `anchor ${anchor} continues batch ${batch}, whose state is gone`,
      {
        hint: "the schedule must say keepsState there, and a lastUse no batch exceeds",
      },
    );
  }
}
