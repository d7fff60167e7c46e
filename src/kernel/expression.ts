// What a merge method computes for one element, as data. Three back ends run it: reference.ts (slow,
// the oracle), wasm.ts (CPU) and onnx.ts (GPU). Nodes may be shared: an expression is a directed
// acyclic graph of object identities, and every back end computes a shared node once.

/**
 * A number for one element. In arithmetic `f32` every operation rounds to float32; in `bfloat16` and
 * `float16` it computes in float32 and then rounds to that type, once per operation (as torch does on the CPU).
 */
export type Expression =
  /** The element of input tensor `index`, widened exactly. */
  | { readonly op: "input"; readonly index: number }
  /** Coefficient `index` of the call: a number that the host computed, used unrounded except in f32 arithmetic. */
  | { readonly op: "scalar"; readonly index: number }
  | { readonly op: "constant"; readonly value: number }
  | { readonly op: "neg" | "abs"; readonly x: Expression }
  | {
      readonly op: "add" | "sub" | "mul" | "div";
      readonly a: Expression;
      readonly b: Expression;
    }
  /**
   * Left-to-right sum from +0, accumulated in float32 (f64 in f64 arithmetic) and rounded to the arithmetic once,
   * at the end.
   */
  | { readonly op: "sum"; readonly terms: readonly Expression[] }
  | {
      readonly op: "select";
      readonly mask: Mask;
      readonly then: Expression;
      readonly otherwise: Expression;
    };

/** A yes or no for one element. Comparisons with NaN are false. */
export type Mask =
  | {
      readonly op: "lt" | "le" | "gt" | "ge" | "eq";
      readonly a: Expression;
      readonly b: Expression;
    }
  | { readonly op: "and" | "or"; readonly a: Mask; readonly b: Mask }
  | { readonly op: "not"; readonly x: Mask }
  /** The element's index in its tensor is below integer `bound` of the call: how ties are cut. */
  | { readonly op: "indexBelow"; readonly bound: number }
  /** The element's 24-bit uniform draw in stream `stream` is below integer `bound` of the call. */
  | { readonly op: "drawBelow"; readonly stream: number; readonly bound: number };

export const input = (index: number): Expression => ({ op: "input", index });
export const scalar = (index: number): Expression => ({ op: "scalar", index });
export const constant = (value: number): Expression => ({ op: "constant", value });
export const neg = (x: Expression): Expression => ({ op: "neg", x });
export const abs = (x: Expression): Expression => ({ op: "abs", x });
export const add = (a: Expression, b: Expression): Expression => ({ op: "add", a, b });
export const sub = (a: Expression, b: Expression): Expression => ({ op: "sub", a, b });
export const mul = (a: Expression, b: Expression): Expression => ({ op: "mul", a, b });
export const div = (a: Expression, b: Expression): Expression => ({ op: "div", a, b });
export const sum = (terms: readonly Expression[]): Expression => ({ op: "sum", terms });
export const select = (mask: Mask, then: Expression, otherwise: Expression): Expression => ({
  op: "select",
  mask,
  then,
  otherwise,
});
export const lt = (a: Expression, b: Expression): Mask => ({ op: "lt", a, b });
export const le = (a: Expression, b: Expression): Mask => ({ op: "le", a, b });
export const gt = (a: Expression, b: Expression): Mask => ({ op: "gt", a, b });
export const ge = (a: Expression, b: Expression): Mask => ({ op: "ge", a, b });
export const eq = (a: Expression, b: Expression): Mask => ({ op: "eq", a, b });
export const and = (a: Mask, b: Mask): Mask => ({ op: "and", a, b });
export const or = (a: Mask, b: Mask): Mask => ({ op: "or", a, b });
export const not = (x: Mask): Mask => ({ op: "not", x });
export const indexBelow = (bound: number): Mask => ({ op: "indexBelow", bound });
export const drawBelow = (stream: number, bound: number): Mask => ({
  op: "drawBelow",
  stream,
  bound,
});
