// The seam between merging and the machine: a Kernel compiles a Program once and runs it over tiles.
// Nothing here knows what a merge method or a model is.

import type { StreamKey } from "../base/counter-rng.ts";
import type { FloatType } from "../base/dtype.ts";
import type { Expression } from "./expression.ts";

/** When a back end rounds: `f64` never (the mathematical value), else after every operation. */
export type Arithmetic = "f64" | "float32" | "bfloat16" | "float16";

/** One elementwise computation. Two programs with equal content compile to the same code. */
export interface Program {
  readonly expression: Expression;
  /** Stored element type of each input tensor; values are widened exactly, then rounded to `loadAs` if given. */
  readonly inputs: readonly FloatType[];
  /** The type inputs are cast to before the arithmetic (a recipe's dtype); undefined keeps the stored value. */
  readonly loadAs?: FloatType;
  /** How many of the last inputs are not cast to `loadAs`: numbers that the host computed for each element. */
  readonly uncast?: number;
  readonly arithmetic: Arithmetic;
  /** The type the result is rounded to, once, at the end. */
  readonly round: FloatType;
  /** The type the result is stored as: `round`, or float32 where a decoder reads it. */
  readonly store: FloatType;
  /** Where drawBelow's bits come from: the counter generator, or planes the caller fills (compat mergekit). */
  readonly draws: "counter" | "planes";
}

/** One tile of one tensor. All views hold `elements` elements; tiles may have any length. */
export interface TileCall {
  readonly elements: number;
  /** Index of the tile's first element in its tensor: below 2^32. */
  readonly firstElement: number;
  /** Raw little-endian bytes of each input, in Program.inputs order. */
  readonly inputs: readonly Uint8Array[];
  readonly output: Uint8Array;
  readonly scalars: Float64Array;
  readonly integers: Uint32Array;
  /** With draws `counter`: one key a stream. */
  readonly streams?: readonly StreamKey[];
  /** With draws `planes`: one plane of 24-bit draws a stream, aligned with the tile. */
  readonly planes?: readonly Uint32Array[];
}

export interface CompiledProgram {
  /** Computes one tile; the output view holds the result when the promise (if any) resolves. */
  run(call: TileCall): void | Promise<void>;
}

/**
 * Memory a kernel reads and writes without copies. Views stay valid until the arena is closed;
 * a TileCall whose views lie elsewhere is correct too, only slower (it is staged).
 */
export interface Arena {
  /** A zeroed view of `bytes` bytes, 64-byte aligned. Throws TsmergeError `io` when the arena is full. */
  allocate(bytes: number): Uint8Array<ArrayBuffer>;
  readonly bytesFree: number;
  close(): void;
}

export interface Kernel {
  readonly name: "reference" | "wasm" | "onnx-cpu" | "onnx-webgpu";
  /** Compiles a program; equal programs are compiled once. */
  compile(program: Program): CompiledProgram | Promise<CompiledProgram>;
  /** An arena of `bytes` bytes (≤ 4 GiB minus 64 KiB). */
  arena(bytes: number): Arena;
  close(): void | Promise<void>;
}
