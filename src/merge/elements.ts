// One output tensor's inputs as streams of numbers: what statistics read. The kernel itself widens,
// casts and computes, so a task vector here has the very bits that the merge computes with.

import { bytesPerElement, type FloatType, isFloatType } from "../base/dtype.ts";
import { TsmergeError } from "../base/errors.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { Expression } from "../kernel/expression.ts";
import type { Arithmetic, CompiledProgram, Kernel } from "../kernel/kernel.ts";
import { stepsOf } from "../kernel/program.ts";
import type { TensorSource } from "./plan.ts";

/** The stored inputs of one output tensor, wherever they lie. */
export interface TensorInputs {
  readonly elements: number;
  /** Stored type of each input. */
  readonly types: readonly FloatType[];
  /** Raw bytes of elements [first, first + count) of an input; valid until the next read of that input. */
  read(input: number, first: number, count: number): Uint8Array | Promise<Uint8Array>;
}

/** Computes expressions over a tensor's inputs, which hold no draws and no integers. */
export interface ElementReader {
  readonly elements: number;
  /** Streams the values of `series` side by side in element order; tiles are overwritten after `visit` returns. */
  each(
    series: readonly Expression[],
    visit: (tiles: readonly Float32Array[], firstElement: number) => void,
    scalars?: readonly number[],
  ): Promise<void>;
  /** The values of elements [first, first + count), one array a series. */
  read(series: readonly Expression[], first: number, count: number): Promise<Float32Array[]>;
}

/** Elements of a tile: small enough for the cache, large enough that a read is not a chore. */
const TILE = 2 ** 16;

/** A series ready to be computed. */
interface Column {
  readonly program: CompiledProgram;
  /** For each of the tensor's inputs, the one that is read in its place: only what a series needs is read. */
  readonly reads: readonly number[];
}

/** Reads `inputs` as the merge does: cast to `loadAs`, every operation rounded to `arithmetic`. */
export function elementReader(
  kernel: Kernel,
  inputs: TensorInputs,
  loadAs: FloatType | undefined,
  arithmetic: Arithmetic,
): ElementReader {
  const compile = async (expression: Expression): Promise<Column> => {
    const used = new Set(
      stepsOf(expression).flatMap(({ node }) => (node.op === "input" ? [node.index] : [])),
    );
    const [anyUsed = 0] = used;
    const reads = inputs.types.map((_, i) => (used.has(i) ? i : anyUsed));
    const program = await kernel.compile({
      expression,
      inputs: reads.map((i) => inputs.types[i]!),
      ...(loadAs === undefined ? {} : { loadAs }),
      arithmetic,
      round: "float32", // exact: a value of any arithmetic below f64 is a float32
      store: "float32",
      draws: "counter",
    });
    return { program, reads };
  };

  async function compute(
    { program, reads }: Column,
    firstElement: number,
    output: Float32Array,
    scalars: Float64Array,
  ): Promise<void> {
    const elements = output.length;
    const views = new Map<number, Uint8Array>();
    for (const i of new Set(reads)) views.set(i, await inputs.read(i, firstElement, elements));
    await program.run({
      elements,
      firstElement,
      inputs: reads.map((i) => views.get(i)!),
      output: new Uint8Array(output.buffer, output.byteOffset, output.byteLength),
      scalars,
      integers: NO_INTEGERS,
      streams: [],
    });
  }

  return {
    elements: inputs.elements,
    async each(series, visit, scalars = []) {
      const columns = await Promise.all(series.map(compile));
      const numbers = Float64Array.from(scalars);
      const size = Math.min(TILE, inputs.elements);
      const buffers = series.map(() => new Float32Array(size));
      for (let firstElement = 0; firstElement < inputs.elements; firstElement += size) {
        const elements = Math.min(size, inputs.elements - firstElement);
        const tiles = buffers.map((buffer) => buffer.subarray(0, elements));
        for (const [s, column] of columns.entries()) {
          await compute(column, firstElement, tiles[s]!, numbers);
        }
        visit(tiles, firstElement);
      }
    },
    async read(series, first, count) {
      const columns = await Promise.all(series.map(compile));
      const values = series.map(() => new Float32Array(count));
      for (const [s, column] of columns.entries()) {
        await compute(column, first, values[s]!, NO_SCALARS);
      }
      return values;
    },
  };
}

const NO_SCALARS = new Float64Array(0);
const NO_INTEGERS = new Uint32Array(0);

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
