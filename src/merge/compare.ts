// How far one model's tensor is from another's: norms and cosine, streamed tile by tile. No tensor is held.

import { bytesPerElement, type FloatType } from "../base/dtype.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { input } from "../kernel/expression.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { typeOf } from "./tensor-inputs.ts";

/** Sums over a tensor's elements in f64, which add up to those of a block of tensors. */
export interface Distance {
  /** Σ a² */
  readonly first: number;
  /** Σ b² */
  readonly second: number;
  /** Σ a·b */
  readonly product: number;
  /** Σ (b − a)² */
  readonly difference: number;
}

export const NO_DISTANCE: Distance = { first: 0, second: 0, product: 0, difference: 0 };

/** Elements of a tile. */
const TILE = 2 ** 18;

/**
 * The distance of tensor `name` between two models, whose types may differ.
 * @throws TsmergeError `incompatible` for a tensor that is absent or holds no floats
 */
export async function distanceOf(
  kernel: Kernel,
  [a, b]: readonly [Checkpoint, Checkpoint],
  name: string,
): Promise<Distance> {
  const sides = [await openSide(kernel, a, name), await openSide(kernel, b, name)] as const;
  const elements = a.tensors.get(name)!.elements; // openSide has found it
  let total = NO_DISTANCE;
  for (let first = 0; first < elements; first += TILE) {
    const count = Math.min(TILE, elements - first);
    const [x, y] = await Promise.all([sides[0](first, count), sides[1](first, count)]);
    total = addDistances(total, distanceOfTiles(x, y));
  }
  return total;
}

/** Reads a tensor as float32, in tiles. */
async function openSide(kernel: Kernel, checkpoint: Checkpoint, name: string) {
  const type: FloatType = typeOf(checkpoint, { model: 0, name });
  const program = await kernel.compile({
    expression: input(0),
    inputs: [type],
    arithmetic: "float32",
    round: "float32",
    store: "float32",
    draws: "counter",
  });
  const [stored, values] = [new Uint8Array(TILE * bytesPerElement(type)), new Float32Array(TILE)];
  return async (firstElement: number, elements: number): Promise<Float32Array> => {
    const bytes = stored.subarray(0, elements * bytesPerElement(type));
    await checkpoint.read(name, firstElement * bytesPerElement(type), bytes);
    const output = new Uint8Array(values.buffer, 0, 4 * elements);
    const none = { scalars: new Float64Array(0), integers: new Uint32Array(0), streams: [] };
    await program.run({ elements, firstElement, inputs: [bytes], output, ...none });
    return values.subarray(0, elements);
  };
}

function distanceOfTiles(x: Float32Array, y: Float32Array): Distance {
  let [first, second, product, difference] = [0, 0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    const [a, b] = [x[i]!, y[i]!];
    first += a * a;
    second += b * b;
    product += a * b;
    difference += (b - a) * (b - a);
  }
  return { first, second, product, difference };
}

export function addDistances(a: Distance, b: Distance): Distance {
  return {
    first: a.first + b.first,
    second: a.second + b.second,
    product: a.product + b.product,
    difference: a.difference + b.difference,
  };
}

/** ‖b − a‖ */
export function normOf({ difference }: Distance): number {
  return Math.sqrt(difference);
}

/** ‖b − a‖ / ‖a‖; 0 for equal tensors, infinite where only `a` is zero. */
export function relativeNormOf({ first, difference }: Distance): number {
  return difference === 0 ? 0 : Math.sqrt(difference / first);
}

/** a·b / (‖a‖·‖b‖), at most 1; 1 for two zero tensors, 0 where one is zero. */
export function cosineOf({ first, second, product }: Distance): number {
  if (first === 0 && second === 0) return 1;
  if (first === 0 || second === 0) return 0;
  return Math.max(-1, Math.min(1, product / Math.sqrt(first * second)));
}
