// Prompts in groups that are generated together, in the order in which a schedule computes them. A group is
// done or not done as a whole, so its bounds decide what an interruption costs and how many keys a generation
// holds. They never depend on the model.

import type { GenerationBatch, Path, StopRule } from "../../model/batch.ts";

/** Prompts of a group: enough to keep matrix products busy. */
const MAX_PROMPTS = 64;

/** Keys of a group: the shared path once, and each prompt's own path and new tokens. */
const MAX_KEYS = 16_384;

/** A group of so many is closed rather than have its shared path cut to less than half. */
const ENOUGH = 8;

/** A prompt to continue, and how its text ends. */
export interface PromptTokens {
  /** At least one. */
  readonly tokens: Int32Array;
  /** Prompts of one group have the very same object. */
  readonly stop: StopRule;
}

/** Which generation has the text of each prompt, and which of its texts that is, [prompts]. */
export interface PromptPlaces {
  readonly generations: Int32Array;
  readonly texts: Int32Array;
}

/** A prompt whose path is known. */
interface Placed {
  readonly index: number;
  readonly path: Path;
  readonly token: number;
  readonly stop: StopRule;
}

/**
 * Groups prompts.
 * @param ends each prompt's last node but one token, [prompts]; -1 for a prompt of one token
 * @param parents parent of each trie node
 * @param slots what computes each node, [nodes]
 */
export function groupPrompts(
  prompts: readonly PromptTokens[],
  ends: Int32Array,
  parents: Int32Array,
  slots: Path,
): { generations: readonly GenerationBatch[]; places: PromptPlaces } {
  const batchOf = (prompt: number): number => slots.batch[ends[prompt]!] ?? -1;
  const order = [...prompts.keys()].sort(
    (a, b) => batchOf(a) - batchOf(b) || ends[a]! - ends[b]! || a - b,
  );
  const places = {
    generations: new Int32Array(prompts.length),
    texts: new Int32Array(prompts.length),
  };
  const generations: GenerationBatch[] = [];
  let group = new Group();
  const close = (): void => {
    if (group.size > 0) generations.push(group.close());
    group = new Group();
  };
  for (const index of order) {
    const { tokens, stop } = prompts[index]!;
    const path = pathTo(ends[index]!, parents, slots);
    const placed = { index, path, token: tokens.at(-1)!, stop };
    if (!group.takes(placed)) close();
    places.generations[index] = generations.length;
    places.texts[index] = group.size;
    group.add(placed);
  }
  close();
  return { generations, places };
}

function pathTo(end: number, parents: Int32Array, slots: Path): Path {
  const nodes: number[] = [];
  for (let node = end; node >= 0; node = parents[node]!) nodes.push(node);
  nodes.reverse();
  return {
    batch: Int32Array.from(nodes, (node) => slots.batch[node]!),
    slot: Int32Array.from(nodes, (node) => slots.slot[node]!),
  };
}

/** A group while it grows. */
class Group {
  readonly #prompts: Placed[] = [];
  /** Length of the path that all begin with. */
  #shared = 0;
  /** Σ length of the paths. */
  #keys = 0;

  get size(): number {
    return this.#prompts.length;
  }

  takes(prompt: Placed): boolean {
    const [first] = this.#prompts;
    if (first === undefined) return true;
    const size = this.size + 1;
    if (prompt.stop !== first.stop || size > MAX_PROMPTS) return false;
    const shared = this.#sharedWith(prompt);
    if (size > ENOUGH && shared < this.#shared / 2) return false;
    const keys = this.#keys + prompt.path.slot.length - (size - 1) * shared;
    return keys + size * prompt.stop.maxTokens <= MAX_KEYS;
  }

  add(prompt: Placed): void {
    this.#shared = this.#sharedWith(prompt);
    this.#keys += prompt.path.slot.length;
    this.#prompts.push(prompt);
  }

  close(): GenerationBatch {
    const [first] = this.#prompts;
    const cut = ({ batch, slot }: Path, from: number, to?: number): Path => ({
      batch: batch.slice(from, to),
      slot: slot.slice(from, to),
    });
    return {
      after: this.#prompts.at(-1)!.path.batch.at(-1) ?? -1,
      shared: cut(first!.path, 0, this.#shared),
      prompts: this.#prompts.map(({ path, token }) => ({ own: cut(path, this.#shared), token })),
      stop: first!.stop,
    };
  }

  #sharedWith({ path }: Placed): number {
    const [first] = this.#prompts;
    if (first === undefined) return path.slot.length;
    let shared = 0;
    while (shared < this.#shared && isSame(first.path, path, shared)) shared++;
    return shared;
  }
}

function isSame(a: Path, b: Path, index: number): boolean {
  return a.batch[index] === b.batch[index] && a.slot[index] === b.slot[index];
}
