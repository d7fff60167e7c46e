// The seam between merging and the machine: a Kernel compiles a Program once and runs it over tiles.
// Nothing here knows what a merge method or a model is.

import type { StreamKey } from "../base/counter-rng.ts";
import type { FloatType } from "../base/dtype.ts";
import type { Expression } from "./expression.ts";

/** When a back end rounds: `f64` never (the mathematical value), else after every operation. */
export type Arithmetic = "f64" | "float32" | "bfloat16" | "float16";

/** How expressions are computed, whatever becomes of their values. */
export interface Computation {
  /** Stored element type of each input tensor; values are widened exactly, then rounded to `loadAs` if given. */
  readonly inputs: readonly FloatType[];
  /** The type inputs are cast to before the arithmetic (a recipe's dtype); undefined keeps the stored value. */
  readonly loadAs?: FloatType;
  /** How many of the last inputs are not cast to `loadAs`: numbers that the host computed for each element. */
  readonly uncast?: number;
  readonly arithmetic: Arithmetic;
  /** Where drawBelow's bits come from: the counter generator, or planes the caller fills (compat mergekit). */
  readonly draws: "counter" | "planes";
}

/** One elementwise computation. Two programs with equal content compile to the same code. */
export interface Program extends Computation {
  readonly expression: Expression;
  /** The type the result is rounded to, once, at the end. */
  readonly round: FloatType;
  /** The type the result is stored as: `round`, or float32 where a decoder reads it. */
  readonly store: FloatType;
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

/** A call whose values are folded instead of stored. */
export type FoldCall = Omit<TileCall, "output">;

/** What a sum adds up: the values of an expression, or the products of two, each exact in f64. */
export type Term = readonly [Expression] | readonly [Expression, Expression];

/** Sums over elements, in f64. Values are float32, rounded to it where the arithmetic is f64. */
export interface SumProgram extends Computation {
  readonly terms: readonly Term[];
}

export interface CompiledSums {
  /**
   * One sum a term: element e in lane e mod 8, for whole groups of eight; lanes 0, 2, 4, 6 and 1, 3, 5, 7 are
   * added pairwise, then both halves, then the sum of the elements that are left. At most FOLD_ELEMENTS elements.
   */
  run(call: FoldCall): number[];
}

/** One expression whose values are counted or summed in buckets. */
export interface BucketProgram extends Computation {
  readonly expression: Expression;
}

/**
 * Magnitudes' bits, float32 without the sign, which order as the magnitudes do: from `lowest` to `highest`,
 * 2^shift of them a bucket, in BUCKETS buckets at most.
 */
export interface Bracket {
  readonly lowest: number;
  readonly highest: number;
  readonly shift: number;
}

export interface CompiledCounts {
  /**
   * Adds the elements in each of the BUCKETS buckets to `counts`, and those above the bracket to its last
   * number, which stands behind the buckets'. At most FOLD_ELEMENTS elements.
   */
  run(call: FoldCall, bracket: Bracket, counts: Uint32Array): void;
}

export interface CompiledDrawSums {
  /**
   * Adds the values of the elements whose draw in stream 0 is in each of DRAW_BUCKETS equal ranges, in f64: the
   * sums of whole groups of eight, made in element order from 0, then the elements that are left one by one.
   * At most FOLD_ELEMENTS elements.
   */
  run(call: FoldCall, sums: Float64Array): void;
}

/** Most elements of one call of a fold. */
export const FOLD_ELEMENTS = 2 ** 18;
/** Buckets of one count. */
export const BUCKETS = 2 ** 11;
/** Buckets of draws, which have 24 bits. */
export const DRAW_BUCKETS = 2 ** 12;

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
  /** Compiles a fold, once too. Folds run on the host, whose sums have f64 and an order of their own. */
  sums(program: SumProgram): CompiledSums;
  counts(program: BucketProgram): CompiledCounts;
  drawSums(program: BucketProgram): CompiledDrawSums;
  /** An arena of `bytes` bytes (≤ 4 GiB minus 128 KiB). */
  arena(bytes: number): Arena;
  close(): void | Promise<void>;
}
