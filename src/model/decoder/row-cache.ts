// Keys and values of texts that are being generated: what all rows share, and each row's own, laid out as the
// step graph's products read them. Host memory. The own part has room ahead and grows by whole blocks; rows
// that are finished are taken out. Not a scheduler: which rows there are is the caller's business.

import type { HostTensor } from "../../ort/tensor.ts";
import type { ModelConfig } from "../config.ts";
import type { State } from "./past.ts";
import { stepState } from "./step-graph.ts";

/** Own keys are allotted in blocks of so many. */
const BLOCK = 64;

/** A position that no query comes after: what stands for an empty shared part, so that no tensor is empty. */
const NEVER = 2 ** 30;

/** Keys [rows, heads, headDim, capacity] and values [rows, heads, capacity, headDim] of one layer. */
interface Layer {
  keys: Float32Array;
  values: Float32Array;
}

/** A row's own keys and values before it is decoded, float32 [length, width], one a layer. */
export interface RowStart extends State {
  readonly length: number;
}

export class RowCache {
  readonly #config: ModelConfig;
  /** Length of the shared part; 0 for none. */
  readonly sharedLength: number;
  readonly #sharedFeeds: Record<string, HostTensor>;
  #rows: number;
  #capacity: number;
  #layers: Layer[];
  #feeds: Record<string, HostTensor>;

  /**
   * @param shared keys and values of the common prefix, float32 [sharedLength, width], one a layer
   * @param starts each row's own path after it
   */
  constructor(
    config: ModelConfig,
    shared: State,
    sharedLength: number,
    starts: readonly RowStart[],
  ) {
    this.#config = config;
    this.sharedLength = sharedLength;
    this.#sharedFeeds = sharedFeeds(config, shared, sharedLength);
    this.#rows = starts.length;
    this.#capacity = blocks(Math.max(...starts.map(({ length }) => length)) + 1);
    this.#layers = Array.from({ length: config.layers }, () => this.#emptyLayer());
    starts.forEach((start, row) => {
      for (let node = 0; node < start.length; node++) {
        for (const [layer, { keys, values }] of this.#layers.entries()) {
          this.#write(keys, values, row, node, start.keys[layer]!, start.values[layer]!, node);
        }
      }
    });
    this.#feeds = this.#describe();
  }

  get rows(): number {
    return this.#rows;
  }

  /** Writes what a step computed, float32 [rows, width] a layer, at each row's position in its text. */
  append(step: State, positions: Int32Array): void {
    const columns = positions.map((position) => position - this.sharedLength);
    const needed = blocks(columns.reduce((a, b) => Math.max(a, b), 0) + 1);
    if (needed > this.#capacity) this.#rebuild([...columns.keys()], needed);
    for (const [layer, { keys, values }] of this.#layers.entries()) {
      columns.forEach((column, row) => {
        this.#write(keys, values, row, column, step.keys[layer]!, step.values[layer]!, row);
      });
    }
  }

  /** Keeps the given rows, in that order. */
  keepRows(rows: readonly number[]): void {
    this.#rebuild(rows, this.#capacity);
  }

  /** The step graph's inputs about the past; valid until rows or capacity change. */
  feeds(): Readonly<Record<string, HostTensor>> {
    return this.#feeds;
  }

  #describe(): Record<string, HostTensor> {
    const { keyValueHeads, heads, headDim } = this.#config;
    const [rows, own] = [this.#rows, this.#capacity];
    const shared = Math.max(1, this.sharedLength);
    const group = heads / keyValueHeads;
    const feeds: Record<string, HostTensor> = {
      ...this.#sharedFeeds,
      "own.positions": int32(Int32Array.from({ length: own }, (_, i) => this.sharedLength + i)),
      "shape.slots": sizes(rows, 1, -1),
      "shape.scores": sizes(keyValueHeads, rows, group, shared),
      "shape.stacked": sizes(keyValueHeads, rows * group, shared),
      split: sizes(shared, own, 1),
    };
    for (const [layer, { keys, values }] of this.#layers.entries()) {
      const { ownKeys, ownValues } = stepState(layer);
      feeds[ownKeys] = float32(keys, rows, keyValueHeads, headDim, own);
      feeds[ownValues] = float32(values, rows, keyValueHeads, own, headDim);
    }
    return feeds;
  }

  #emptyLayer(): Layer {
    const { keyValueHeads, headDim } = this.#config;
    const size = this.#rows * keyValueHeads * headDim * this.#capacity;
    return { keys: new Float32Array(size), values: new Float32Array(size) };
  }

  /** Slot `from` of [slots, width] goes to column `column` of a row. */
  #write(
    keys: Float32Array,
    values: Float32Array,
    row: number,
    column: number,
    newKeys: Float32Array,
    newValues: Float32Array,
    from: number,
  ): void {
    const { keyValueHeads, headDim } = this.#config;
    const capacity = this.#capacity;
    for (let head = 0; head < keyValueHeads; head++) {
      const source = (from * keyValueHeads + head) * headDim;
      const target = (row * keyValueHeads + head) * headDim * capacity;
      for (let i = 0; i < headDim; i++) {
        keys[target + i * capacity + column] = newKeys[source + i]!;
      }
      values.set(newValues.subarray(source, source + headDim), target + column * headDim);
    }
  }

  #rebuild(rows: readonly number[], capacity: number): void {
    const { keyValueHeads, headDim } = this.#config;
    const [old, oldLayers] = [this.#capacity, this.#layers];
    this.#rows = rows.length;
    this.#capacity = capacity;
    this.#layers = oldLayers.map(({ keys, values }) => {
      const layer = this.#emptyLayer();
      const lines = keyValueHeads * headDim; // of keys in a row, each `capacity` long
      rows.forEach((from, to) => {
        for (let line = 0; line < lines; line++) {
          const at = (from * lines + line) * old;
          layer.keys.set(keys.subarray(at, at + old), (to * lines + line) * capacity);
        }
        for (let head = 0; head < keyValueHeads; head++) {
          const at = (from * keyValueHeads + head) * old * headDim;
          const into = (to * keyValueHeads + head) * capacity * headDim;
          layer.values.set(values.subarray(at, at + old * headDim), into);
        }
      });
      return layer;
    });
    this.#feeds = this.#describe();
  }
}

function sharedFeeds(
  config: ModelConfig,
  shared: State,
  sharedLength: number,
): Record<string, HostTensor> {
  const { keyValueHeads, headDim } = config;
  const length = Math.max(1, sharedLength);
  const positions = Int32Array.from({ length }, (_, i) => (sharedLength === 0 ? NEVER : i));
  const feeds: Record<string, HostTensor> = { "shared.positions": int32(positions) };
  for (let layer = 0; layer < config.layers; layer++) {
    const keys = new Float32Array(keyValueHeads * headDim * length);
    const values = new Float32Array(keys.length);
    for (let node = 0; node < sharedLength; node++) {
      for (let head = 0; head < keyValueHeads; head++) {
        const source = (node * keyValueHeads + head) * headDim;
        for (let i = 0; i < headDim; i++) {
          keys[(head * headDim + i) * length + node] = shared.keys[layer]![source + i]!;
          values[(head * length + node) * headDim + i] = shared.values[layer]![source + i]!;
        }
      }
    }
    const { sharedKeys, sharedValues } = stepState(layer);
    feeds[sharedKeys] = float32(keys, keyValueHeads, headDim, length);
    feeds[sharedValues] = float32(values, keyValueHeads, length, headDim);
  }
  return feeds;
}

function blocks(length: number): number {
  return Math.ceil(length / BLOCK) * BLOCK;
}

function float32(data: Float32Array, ...shape: number[]): HostTensor {
  return { type: "float32", shape, data };
}

function int32(data: Int32Array): HostTensor {
  return { type: "int32", shape: [data.length], data };
}

function sizes(...list: number[]): HostTensor {
  return { type: "int64", shape: [list.length], data: BigInt64Array.from(list, BigInt) };
}
