// The linear layers of the blocks in 8-bit integers: a fast first look at a model, not a score of it. Weights are
// quantised for each candidate, one scale an output; activations in the graph, one scale a batch. Embedding, norms,
// attention and vocabulary product stay float32. CPU only, and worth it only where run/eval/screening.ts says so.

import { type Graph, typeNumber, type Value } from "../../onnx/graph.ts";
import type { HostTensor } from "../../ort/tensor.ts";

/** Largest magnitude of a quantised weight; symmetric, so that no zero point is subtracted. */
const LARGEST = 127;

/** The smallest normal float32: below it the scale of a row of almost nothing would be 0, and its inverse infinite. */
const LEAST_SCALE = 2 ** -126;

/** The matrices inside blocks. */
export function isInt8(name: string, shape: readonly number[]): boolean {
  return shape.length === 2 && name.startsWith("model.layers.");
}

/** The products of one graph. Use declare() for each quantised weight, then product(). */
export class Int8Products {
  readonly #graph: Graph;
  /** Quantised activations, scale and zero point of each value: several layers read one. */
  readonly #quantised = new Map<Value, readonly Value[]>();

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  /** A weight [out, in] as inputs: int8 [in, out] under its name, and float32 [out] scales. */
  declare(name: string, [out, width]: readonly number[]): void {
    this.#graph.input(name, "int8", [width!, out!]);
    this.#graph.input(scaleOf(name), "float32", [out!]);
  }

  /** x·Wᵀ: float32 [slots, in] to [slots, out]. */
  product(x: Value, name: string): Value {
    const graph = this.#graph;
    const known = this.#quantised.get(x) ?? graph.nodes("DynamicQuantizeLinear", [x], 3);
    this.#quantised.set(x, known);
    const [values, scale, zero] = known;
    const sums = graph.node("MatMulInteger", [values!, name, zero!]);
    const scales = graph.node("Mul", [scale!, scaleOf(name)]);
    return graph.node("Mul", [graph.node("Cast", [sums], { to: typeNumber("float32") }), scales]);
  }
}

function scaleOf(name: string): string {
  return `${name}.scale`;
}

/** Owns the quantised copies: the next candidate's weights are written over the last one's. */
export class Int8Weights {
  readonly #tensors = new Map<string, { values: Int8Array; scales: Float32Array }>();
  readonly #feeds = new Map<string, Record<string, HostTensor>>();

  /** The inputs that declare() made, of a weight float32 [out, in]. */
  feedsOf(name: string, weight: Float32Array, [out, width]: readonly [number, number]) {
    const tensor = this.#tensors.get(name) ?? {
      values: new Int8Array(out * width),
      scales: new Float32Array(out),
    };
    this.#tensors.set(name, tensor);
    quantise(weight, out, width, tensor);
    const feeds = this.#feeds.get(name) ?? {
      [name]: { type: "int8", shape: [width, out], data: tensor.values },
      [scaleOf(name)]: { type: "float32", shape: [out], data: tensor.scales },
    };
    this.#feeds.set(name, feeds);
    return feeds;
  }
}

/** Rows that are written together: their values stand side by side in the transposed matrix. */
const BLOCK = 32;

/** Rounds each row to ±127 of its largest magnitude, into the transposed matrix. */
export function quantise(
  weight: Float32Array,
  out: number,
  width: number,
  into: { readonly values: Int8Array; readonly scales: Float32Array },
): void {
  const { values, scales } = into;
  const factors = new Float32Array(out);
  for (let row = 0; row < out; row++) {
    let largest = 0;
    for (let i = row * width; i < (row + 1) * width; i++) {
      largest = Math.max(largest, Math.abs(weight[i]!));
    }
    factors[row] = Math.min(LARGEST / largest, 1 / LEAST_SCALE);
    scales[row] = Math.max(largest / LARGEST, LEAST_SCALE);
  }
  for (let first = 0; first < out; first += BLOCK) {
    const end = Math.min(first + BLOCK, out);
    for (let i = 0; i < width; i++) {
      for (let row = first; row < end; row++) {
        values[i * out + row] = Math.round(weight[row * width + i]! * factors[row]!);
      }
    }
  }
}
