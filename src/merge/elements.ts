// One output tensor's inputs as streams of numbers: what statistics read. The kernel itself widens,
// casts and subtracts, so a task vector here has the very bits that the merge computes with.

import { bytesPerElement, type FloatType, isFloatType } from "../base/dtype.ts";
import { TsmergeError } from "../base/errors.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { input, sub } from "../kernel/expression.ts";
import type { Arithmetic, Kernel } from "../kernel/kernel.ts";
import type { TensorSource } from "./plan.ts";

/** The stored inputs of one output tensor, wherever they lie. */
export interface TensorInputs {
  readonly elements: number;
  /** Stored type of each input. */
  readonly types: readonly FloatType[];
  /** Raw bytes of elements [first, first + count) of an input; valid until the next read of that input. */
  read(input: number, first: number, count: number): Uint8Array | Promise<Uint8Array>;
}

/** The values of one input, or its differences from another. */
export interface Series {
  readonly input: number;
  readonly minus?: number;
}

export interface ElementReader {
  readonly elements: number;
  /** Streams the given series side by side in element order; tiles are overwritten after `visit` returns. */
  each(
    series: readonly Series[],
    visit: (tiles: readonly Float32Array[], firstElement: number) => void,
  ): Promise<void>;
}

/** Elements of a tile: small enough for the cache, large enough that a read is not a chore. */
const TILE = 2 ** 16;

/** Reads `inputs` as the merge does: cast to `loadAs`, differences rounded to `arithmetic`. */
export function elementReader(
  kernel: Kernel,
  inputs: TensorInputs,
  loadAs: FloatType | undefined,
  arithmetic: Arithmetic,
): ElementReader {
  const compile = ({ input: a, minus: b }: Series) =>
    kernel.compile({
      expression: b === undefined ? input(0) : sub(input(0), input(1)),
      inputs: b === undefined ? [inputs.types[a]!] : [inputs.types[a]!, inputs.types[b]!],
      ...(loadAs === undefined ? {} : { loadAs }),
      arithmetic,
      round: "float32", // exact: a value of any arithmetic below f64 is a float32
      store: "float32",
      draws: "counter",
    });
  const noScalars = new Float64Array(0);
  const noIntegers = new Uint32Array(0);

  return {
    elements: inputs.elements,
    async each(series, visit) {
      const programs = await Promise.all(series.map(compile));
      const size = Math.min(TILE, inputs.elements);
      const buffers = series.map(() => new Float32Array(size));
      for (let firstElement = 0; firstElement < inputs.elements; firstElement += size) {
        const elements = Math.min(size, inputs.elements - firstElement);
        const tiles = buffers.map((buffer) => buffer.subarray(0, elements));
        for (const [s, { input: a, minus: b }] of series.entries()) {
          const views = [await inputs.read(a, firstElement, elements)];
          if (b !== undefined) views.push(await inputs.read(b, firstElement, elements));
          await programs[s]!.run({
            elements,
            firstElement,
            inputs: views,
            output: new Uint8Array(tiles[s]!.buffer, 0, elements * bytesPerElement("float32")),
            scalars: noScalars,
            integers: noIntegers,
            streams: [],
          });
        }
        visit(tiles, firstElement);
      }
    },
  };
}

/** Inputs whose bytes are in memory: reads return views at once. */
export interface ResidentInputs extends TensorInputs {
  read(input: number, first: number, count: number): Uint8Array;
}

/** Inputs as views on the whole bytes of each. */
export function residentInputs(
  elements: number,
  types: readonly FloatType[],
  bytes: readonly Uint8Array[],
): ResidentInputs {
  return {
    elements,
    types,
    read(i, first, count) {
      const width = bytesPerElement(types[i]!);
      return bytes[i]!.subarray(first * width, (first + count) * width);
    },
  };
}

/**
 * The stored type of a source. Throws TsmergeError `incompatible` when the tensor is absent or holds no
 * floating-point numbers that can be merged.
 */
export function typeOf(checkpoint: Checkpoint, { name }: TensorSource): FloatType {
  const tensor = checkpoint.tensors.get(name);
  if (tensor !== undefined && isFloatType(tensor.dtype)) return tensor.dtype;
  throw new TsmergeError(
    "incompatible",
    tensor === undefined
      ? `there is no tensor ${name} to merge`
      : `tensor ${name} is stored as ${tensor.dtype}, which cannot be merged`,
    {
      where: checkpoint.directory,
      hint: "use a model of the same architecture with float32, float16 or bfloat16 weights",
    },
  );
}
