// A merge as plain data: which tensors of which models become which output tensor, by which method,
// with every parameter a number. recipe compiles to it; execute and candidate run it.

import type { DType, FloatType } from "../base/dtype.ts";
import type { TensorPart } from "../checkpoint/checkpoint.ts";
import type { Arithmetic } from "../kernel/kernel.ts";

export interface TensorSource {
  /** Index into MergePlan.models. */
  readonly model: number;
  /** The tensor's name in that model's files (aliases and tied names already resolved). */
  readonly name: string;
  /** The stored tensors that make it up, laid end to end; absent where `name` is itself stored. */
  readonly parts?: readonly TensorPart[];
  /** Where each row of the output comes from; absent for a tensor that is taken as it is stored. */
  readonly rows?: RowMap;
}

/** One row of a table that stands in for rows which a source does not have. */
export interface RowOf {
  /** Index into RowMap.donors. */
  readonly donor: number;
  readonly row: number;
}

/**
 * Where a row comes from: a row of the source itself, the mean of other tables' rows (zeros of none), or
 * the mean of the source's mapped rows, for padding, which stands last.
 */
export type RowOrigin = number | readonly RowOf[] | "mean";

/** Rows gathered anew, as tokenizer surgery needs them for embeddings and heads. */
export interface RowMap {
  /** Equal for equal maps: what caches tell sources apart by. */
  readonly key: string;
  /** The type the gathered rows are in; stored rows of another type are cast to it. */
  readonly type: FloatType;
  readonly rows: readonly RowOrigin[];
  readonly donors: readonly Pick<TensorSource, "model" | "name">[];
  /** mergekit's means: rounded after every addition, not once. */
  readonly isStepwise: boolean;
}

export interface TensorPlan {
  /** Output name. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly method: string;
  readonly sources: readonly TensorSource[];
  /** Index into sources of the base, or undefined. */
  readonly base: number | undefined;
  readonly global: Readonly<Record<string, number>>;
  readonly perModel: readonly Readonly<Record<string, number>>[];
  /** Inputs are cast to this type before the arithmetic (the recipe's dtype); undefined keeps the stored types. */
  readonly loadAs: FloatType | undefined;
  readonly arithmetic: Arithmetic;
  /** The type the output is rounded to and stored as. */
  readonly dtype: FloatType;
}

/**
 * An output tensor of a type that is not merged (integers, float8, …): its bytes as they are stored. Where
 * several models hold it, they must hold the same bytes; copies.ts looks.
 */
export interface CopiedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** The first one is copied. */
  readonly sources: readonly Pick<TensorSource, "model" | "name">[];
}

export interface MergePlan {
  /** Locations (see joinLocation) with real paths, in the order TensorSource.model counts. */
  readonly models: readonly string[];
  /** In execution order, which is also the order mergekit's mask generator is consumed in. */
  readonly tensors: readonly TensorPlan[];
  /** Absent where there are none. */
  readonly copies?: readonly CopiedTensor[];
  readonly seed: number;
  readonly compat: boolean;
  /** The output's config.json: the donor's, with layer count, dtype and vocabulary kept true. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Folder that generation settings and, unless `tokenizer` is another, the tokenizer are copied from. */
  readonly donor: string;
  readonly tokenizer?: string;
  /** Files that stand in for the donor's, by name: their text, or null for one that is left out. */
  readonly files?: Readonly<Record<string, string | null>>;
}

/** What a plan writes: merged tensors, then copied ones. */
export function outputsOf({ tensors, copies = [] }: MergePlan): readonly OutputTensor[] {
  return [...tensors, ...copies];
}

export type OutputTensor = Pick<CopiedTensor, "name" | "shape" | "dtype">;
