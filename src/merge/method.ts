// What a merge method is: parameters, one elementwise expression, and coefficients computed from
// statistics of its inputs. A method never touches bytes or files. What differs by row or element and is no
// elementwise formula (a rank, a norm of a row) reaches the expression as a plane of host-computed numbers.

import { type Expression, input } from "../kernel/expression.ts";
import type { Arithmetic } from "../kernel/kernel.ts";
import type { ElementReader } from "./elements.ts";
import type { FixName } from "./fixes.ts";
import type { Sum } from "./statistics/sums.ts";

export interface ParameterSpec {
  readonly name: string;
  /** `global`: one value an output tensor; `model`: one value for each non-base input. */
  readonly scope: "global" | "model";
  readonly kind: "number" | "boolean";
  /** undefined: the parameter is required (never for the base model). */
  readonly default: number | undefined;
  /** Values outside are refused; absent ends are unbounded. */
  readonly min?: number;
  readonly max?: number;
  /** Where a search looks unless its file says; absent: the file must say. */
  readonly search?: SearchRange;
  /** Only the ratios between models count, and no common factor: always, or while the named parameter is set. */
  readonly relative?: true | string;
  readonly summary: string;
}

/** Parameters for those who do not tune, and where they are recommended. */
export interface Published {
  readonly parameters: Readonly<Record<string, number>>;
  readonly source: string;
}

/** A range of a number that is worth searching, bounds included. */
export interface SearchRange {
  readonly lower: number;
  readonly upper: number;
  /** Inside the range; `share` is 1/M of M models. */
  readonly start: number | "share";
  readonly scale?: "log" | "integer";
  /** Searched even if the file does not name it. */
  readonly always?: true;
}

/** One output tensor's merge, with every parameter resolved to a number (booleans are 0 or 1). */
export interface TensorMerge {
  /** Number of input tensors, the base among them. */
  readonly inputs: number;
  /** Which input is the base, or undefined. */
  readonly base: number | undefined;
  readonly global: Readonly<Record<string, number>>;
  /** One record an input, in input order; the base's record is empty. */
  readonly perModel: readonly Readonly<Record<string, number>>[];
  readonly shape: readonly number[];
  readonly elements: number;
  readonly arithmetic: Arithmetic;
  /** True under `--compat mergekit`: mergekit's roundings and quirks, its sequential mask generator. */
  readonly compat: boolean;
}

/** Facts about a tensor's inputs. Each is computed at most once a run, if no parameter decides it, and kept. */
export interface TensorStatistics {
  /** Σ x_i·x_j over the whole tensor, as ElementReader.sums adds up. */
  dot(i: number, j: number): Promise<number>;
  /**
   * Where |x_i − x_base| is cut to keep its k = trunc(density·elements) largest (at least one): an element is
   * kept iff its magnitude > threshold, or = threshold and its index < cut. `elements` as cut keeps all ties.
   */
  magnitudeCut(i: number, density: number): Promise<MagnitudeCut>;
  /** Σ|x_i − x_base| over the whole tensor and over the elements that magnitudeCut keeps at the same density. */
  cutMass(i: number, density: number): Promise<Mass>;
  /**
   * Σ|x_i − x_base| over the whole tensor and over the elements whose draw in stream `stream` is below `bound` (of
   * 2^24).
   */
  drawnMass(i: number, stream: number, bound: number): Promise<Mass>;
  /** As magnitudeCut, for a count from 0 (nothing is kept) to all elements. */
  countCut(i: number, count: number): Promise<MagnitudeCut>;
  /** Σ|x_i − x_base| over the whole tensor and over the `most` largest elements without the `least` largest. */
  bandMass(i: number, most: number, least: number): Promise<Mass>;
  /** Where a method computes facts of its own from. */
  readonly inputs: ElementReader;
  /** A fact of the method's own, made at most once a run; `name` tells it from every other of these inputs. */
  fact<T>(name: string, make: () => Promise<T>): Promise<T>;
  /** The same of a fact that parameters decide, which `name` must hold: kept for the parameters asked for last. */
  recentFact<T>(name: string, make: () => Promise<T>): Promise<T>;
  /** A fresh reader of mask stream `stream` from its first element: fills a plane with the next 24-bit draws. */
  draws(stream: number): (plane: Uint32Array) => void;
  /** The first `count` of a random permutation of the tensor's elements, from mask stream `stream`. */
  sample(stream: number, count: number): Uint32Array;
  /** A sum of magnitudes: in f64, or as torch sums float32 under compat. */
  sum(): Sum;
}

/**
 * Where a task vector is cut: kept are magnitudes above `threshold`, and those equal to it with an index below
 * `cut`.
 */
export interface MagnitudeCut {
  readonly threshold: number;
  readonly cut: number;
}

/** Sums of magnitudes in f64: of a whole task vector, and of what a mask keeps of it. */
export interface Mass {
  readonly total: number;
  readonly kept: number;
}

/** The numbers an expression's scalar, indexBelow and drawBelow nodes refer to. */
export interface Coefficients {
  readonly scalars: readonly number[];
  readonly integers: readonly number[];
}

/** Fills `plane` with the numbers of the elements from `firstElement` on; called once a tile, in element order. */
export type PlaneFill = (plane: Float32Array, firstElement: number) => void | Promise<void>;

/** Plane p of a merge as its expression reads it. */
export const plane = (merge: TensorMerge, p: number): Expression => input(merge.inputs + p);

export interface MergeMethod {
  /** As `merge_method:` spells it. */
  readonly name: string;
  readonly summary: string;
  /** Paper or source of the formula. */
  readonly reference: string;
  readonly base: "required" | "optional" | "firstSource" | "none";
  /** Inputs besides the base: fewest and most (Infinity). slerp counts its base as one of two. */
  readonly minModels: number;
  readonly maxModels: number;
  readonly parameters: readonly ParameterSpec[];
  /** What its authors recommend, over the defaults above; absent: nothing that needs no tuning. */
  readonly published?: Published;
  /** Set where the formula is computed in this type whatever the plan's arithmetic (slerp). */
  readonly arithmetic?: Arithmetic;
  /** A short text that is equal for two merges exactly when their expressions are equal: the compile cache's key. */
  variant(merge: TensorMerge): string;
  expression(merge: TensorMerge): Expression;
  /** Input index of each mask stream, in drawing order (mergekit draws model after model). */
  streams(merge: TensorMerge): readonly number[];
  /** How many draws a mask stream takes; one an element without it. */
  draws?(merge: TensorMerge): number;
  coefficients(merge: TensorMerge, statistics: TensorStatistics): Promise<Coefficients>;
  /**
   * The planes that the expression reads besides the inputs: float32, never cast, made tile by tile. A method
   * with planes is merged on the host only.
   */
  planes?(merge: TensorMerge, statistics: TensorStatistics): Promise<readonly PlaneFill[]>;
  /**
   * Under compat mergekit returns float32 whatever the data type, for a float32 mask or factor of its own:
   * the expression is then computed in float32, and its planes hold what is still in the data type.
   */
  readonly promotes?: boolean;
  /** What the default computes otherwise than mergekit for this tensor; not asked for under compat. */
  fixes?(
    merge: TensorMerge,
    statistics: TensorStatistics,
  ): readonly FixName[] | Promise<readonly FixName[]>;
}

/** Whether a base, where a recipe names one, is no model like the others: it has no parameters and is not counted. */
export const setsBaseApart = ({ base }: MergeMethod): boolean =>
  base === "required" || base === "optional";
