// A merge as plain data: which tensors of which models become which output tensor, by which method,
// with every parameter a number. recipe compiles to it; execute and candidate run it.

import type { FloatType } from "../base/dtype.ts";
import type { Arithmetic } from "../kernel/kernel.ts";

export interface TensorSource {
  /** Index into MergePlan.models. */
  readonly model: number;
  /** The tensor's name in that model's files (aliases and tied names already resolved). */
  readonly name: string;
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

export interface MergePlan {
  /** Model folders (real paths), in the order TensorSource.model counts. */
  readonly models: readonly string[];
  /** In execution order, which is also the order mergekit's mask generator is consumed in. */
  readonly tensors: readonly TensorPlan[];
  readonly seed: number;
  readonly compat: boolean;
  /** The output's config.json: the donor's, with layer count, dtype and vocabulary kept true. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Folder that tokenizer and generation files are copied from. */
  readonly donor: string;
}
