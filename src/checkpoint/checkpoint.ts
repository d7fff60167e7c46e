// What a model folder holds, whatever its file format: named tensors that can be read by byte range.

import type { DType } from "../base/dtype.ts";

export interface TensorInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Product of the shape; 1 for a scalar. */
  readonly elements: number;
  readonly byteLength: number;
}

/** A range of a stored tensor. */
export interface TensorPart {
  readonly name: string;
  readonly firstElement: number;
  readonly elements: number;
}

/** An open model folder. Reads are independent of each other and may overlap. */
export interface Checkpoint {
  /** The folder, as a real path. */
  readonly directory: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** Fills `into` with the tensor's bytes from `byteOffset` (little-endian, row-major). */
  read(name: string, byteOffset: number, into: Uint8Array): Promise<void>;
  close(): Promise<void>;
}
