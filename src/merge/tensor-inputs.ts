// The stored inputs of one output tensor as bytes: whatever holds them, they are read by elements. No number
// is computed here.

import { bytesPerElement, type FloatType, isFloatType } from "../base/dtype.ts";
import { TsmergeError } from "../base/errors.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { TensorSource } from "./plan.ts";

/** The stored inputs of one output tensor, wherever they lie. */
export interface TensorInputs {
  readonly elements: number;
  /** Stored type of each input. */
  readonly types: readonly FloatType[];
  /** Raw bytes of elements [first, first + count) of an input; valid until the next read but one of that input. */
  read(input: number, first: number, count: number): Uint8Array | Promise<Uint8Array>;
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

/** A sample's blocks: short, so that many rows have one. */
const SAMPLE_BLOCK = 2 ** 8;
const SAMPLE_BLOCKS = 2 ** 8;

/** Blocks of all inputs at even distances, side by side. */
export async function sampleOf({ elements, types, read }: TensorInputs): Promise<TensorInputs> {
  const blocks = Math.min(SAMPLE_BLOCKS, Math.floor(elements / SAMPLE_BLOCK));
  const bytes: Uint8Array[] = [];
  for (const [i, type] of types.entries()) {
    const blockBytes = SAMPLE_BLOCK * bytesPerElement(type);
    const gathered = new Uint8Array(blocks * blockBytes);
    for (let b = 0; b < blocks; b++) {
      const first = Math.floor((b * elements) / blocks);
      gathered.set(await read(i, first, SAMPLE_BLOCK), b * blockBytes);
    }
    bytes.push(gathered);
  }
  return residentInputs(blocks * SAMPLE_BLOCK, types, bytes);
}
