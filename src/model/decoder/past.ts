// The keys and values that later batches continue from. Batches hand theirs in, anchors take the slots of
// their path out; both are freed after their last use. Host memory only.

import { TsmergeError } from "../../base/errors.ts";
import { type GenerationBatch, type Path, type Schedule, sourcesOf } from "../batch.ts";
import type { ModelConfig } from "../config.ts";
import { RowCache } from "./row-cache.ts";

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
export type State = Pick<Past, "keys" | "values">;

/** What stands for no past: one key that no slot may see, so that no tensor is ever empty. */
export function emptyPast(layers: number, width: number): Past {
  const zeros = Array.from({ length: layers }, () => new Float32Array(width));
  return { length: 1, first: Int32Array.of(1), last: Int32Array.of(0), keys: zeros, values: zeros };
}

/**
 * The batches that must be computed when the results in `done` are known: the rest, those that meet the vocabulary
 * with one of them (so that a product has the same rows whenever it is taken up), and what these continue from.
 */
export function neededBatches(schedule: Schedule, done: ReadonlySet<number>): Set<number> {
  const needed = new Set<number>();
  const isScored = (index: number): boolean => schedule.batches[index]!.targetRow.length > 0;
  schedule.groupEnds.forEach((end, group) => {
    const start = schedule.groupEnds[group - 1] ?? 0;
    const scored = Array.from({ length: end - start }, (_, i) => start + i).filter(isScored);
    if (scored.some((index) => !done.has(index))) for (const index of scored) needed.add(index);
  });
  schedule.generations.forEach((generation, index) => {
    if (done.has(schedule.batches.length + index)) return;
    for (const source of sourcesOf(generation)) needed.add(source);
  });
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
    const use = (sources: Iterable<number>, last: number): void => {
      for (const batch of sources) {
        this.#lastUse.set(batch, Math.max(this.#lastUse.get(batch) ?? 0, last));
      }
    };
    for (const anchor of schedule.anchors) use(anchor.batch, anchor.lastUse);
    for (const generation of schedule.generations) use(sourcesOf(generation), generation.after);
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
    const { first, last, ...path } = this.#schedule.anchors[index]!;
    return { length: path.slot.length, first, last, ...this.#gather(path) };
  }

  /** Keys and values along a path. */
  #gather(path: Path): State {
    const width = this.#width;
    const runs = runsOf(path).map((run) => ({ ...run, state: this.#state(run.batch) }));
    const part = (name: keyof State) =>
      this.#empty[name].map((_, layer) => {
        const into = new Float32Array(path.slot.length * width);
        for (const { state, slot, node, count } of runs) {
          const from = state[name][layer]!.subarray(slot * width, (slot + count) * width);
          into.set(from, node * width);
        }
        return into;
      });
    return { keys: part("keys"), values: part("values") };
  }

  /** The cache that a generation starts from: a row for each prompt, two of a single one. */
  rows({ shared, prompts }: GenerationBatch, config: ModelConfig): RowCache {
    const starts = prompts.map(({ own }) => ({ length: own.slot.length, ...this.#gather(own) }));
    if (starts.length === 1) starts.push(starts[0]!);
    return new RowCache(config, this.#gather(shared), shared.slot.length, starts);
  }

  #state(batch: number): State {
    const state = this.#states.get(batch);
    if (state !== undefined) return state;
    throw new TsmergeError("internal", `batch ${batch} is continued, but its state is gone`, {
      hint: "the schedule must say keepsState there, and a lastUse no batch exceeds",
    });
  }
}

/** Nodes of a path that stand side by side in one batch, so that they are copied at once. */
function runsOf({ batch, slot }: Path) {
  const runs: { batch: number; slot: number; node: number; count: number }[] = [];
  batch.forEach((source, node) => {
    const run = runs.at(-1);
    if (run?.batch === source && run.slot + run.count === slot[node]) run.count++;
    else runs.push({ batch: source, slot: slot[node]!, node, count: 1 });
  });
  return runs;
}
