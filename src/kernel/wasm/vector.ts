// The arithmetic of one vector of four elements as WebAssembly code: a program's steps, its roundings,
// and the packing of results. Where operands come from is wasm-loop.ts's business, and where results go the pass's.

import type { FloatType } from "../../base/dtype.ts";
import { roundTo } from "../../base/half.ts";
import type { Program } from "../kernel.ts";
import { castOf, type Node, type Step } from "../program.ts";
import { narrowBf16, narrowF16, type Registers, roundBf16, roundF16 } from "./half.ts";
import { type Code, f32x4, i32x4, v128 } from "./module.ts";

/** What one vector's code reads. */
export interface Operands {
  /** Input `index` as float32, widened exactly. */
  input(index: number): Code;
  scalar(index: number): Code;
  /**
   * Integers, the elements' indices and their draws, all with the top bit flipped: in that form an unsigned
   * comparison is a signed one, which processors have.
   */
  signedInteger(index: number): Code;
  signedIndices(): Code;
  signedDraws(stream: number): Code;
}

/** A program but for its expression. */
export type ProgramForm = Omit<Program, "expression">;

/** A program's facts that hold for all of its vectors. */
export interface VectorPlan {
  readonly program: ProgramForm;
  readonly steps: readonly Step[];
  /** Which steps' values are of type `halfType` without being rounded. */
  readonly fits: readonly boolean[];
  readonly halfType: FloatType;
  /** True if every NaN is an operation's default one or comes from a bfloat16: its low half is zero. */
  readonly nansAreShort: boolean;
}

/** Plans a program in any arithmetic but f64. */
export function planVector(program: ProgramForm, steps: readonly Step[]): VectorPlan {
  const { arithmetic, round, inputs } = program;
  const halfType = arithmetic === "f64" || arithmetic === "float32" ? round : arithmetic;
  const fits: boolean[] = [];
  for (const { node, operands } of steps) {
    fits.push(fitsType(node, operands, fits, program, halfType));
  }
  const nansAreShort = inputs.every((type, i) => (castOf(program, i) ?? type) === "bfloat16");
  return { program, steps, fits, halfType, nansAreShort };
}

function fitsType(
  node: Node,
  operands: readonly number[],
  fits: readonly boolean[],
  program: ProgramForm,
  type: FloatType,
): boolean {
  switch (node.op) {
    case "input":
      return (castOf(program, node.index) ?? program.inputs[node.index]) === type;
    case "constant":
      return Object.is(roundTo(type, node.value), Math.fround(node.value));
    case "neg":
    case "abs":
      return program.arithmetic === type || fits[operands[0]!]!;
    case "select":
      return fits[operands[1]!]! && fits[operands[2]!]!;
    case "add":
    case "sub":
    case "mul":
    case "div":
    case "sum":
      return program.arithmetic === type;
    default:
      return false;
  }
}

/** The value of each step, the last of them before the rounding of the result. */
export function computeVector(plan: VectorPlan, to: Registers, from: Operands): Code[] {
  const values: Code[] = [];
  plan.steps.forEach((step, position) => {
    values.push(to.keep(computeStep(plan, to, from, step, position, values)));
  });
  return values;
}

function computeStep(
  plan: VectorPlan,
  to: Registers,
  from: Operands,
  { node, operands }: Step,
  position: number,
  values: readonly Code[],
): Code {
  const [x, y, z] = operands.map((operand) => values[operand]!);
  const { arithmetic } = plan.program;
  const rounded = (value: Code) =>
    arithmetic === "f64" ? value : roundValue(plan, to, arithmetic, value);
  // A sign change of a value that has the type already needs no rounding.
  const isExact = operands.length === 1 && plan.fits[operands[0]!] && plan.fits[position];
  switch (node.op) {
    case "input":
      return loadValue(plan, to, from, node.index);
    case "scalar":
      return from.scalar(node.index);
    case "constant":
      return to.float(node.value);
    case "neg":
      return isExact ? f32x4.neg(x!) : rounded(f32x4.neg(x!));
    case "abs":
      return isExact ? f32x4.abs(x!) : rounded(f32x4.abs(x!));
    case "add":
      return rounded(f32x4.add(x!, y!));
    case "sub":
      return rounded(f32x4.sub(x!, y!));
    case "mul":
      return rounded(f32x4.mul(x!, y!));
    case "div":
      return rounded(f32x4.div(x!, y!));
    case "sum":
      return rounded(operands.map((operand) => values[operand]!).reduce(f32x4.add, to.float(0)));
    case "select":
      // The bits of +0 are zeros, so choosing between them and something is one `and`.
      return isPlusZero(plan.steps[operands[2]!]!) ? v128.and(y!, x!) : v128.select(y!, z!, x!);
    case "lt":
      return f32x4.lt(x!, y!);
    case "le":
      return f32x4.le(x!, y!);
    case "gt":
      return f32x4.gt(x!, y!);
    case "ge":
      return f32x4.ge(x!, y!);
    case "eq":
      return f32x4.eq(x!, y!);
    case "and":
      return v128.and(x!, y!);
    case "or":
      return v128.or(x!, y!);
    case "not":
      return v128.not(x!);
    case "indexBelow":
      return i32x4.ltS(from.signedIndices(), from.signedInteger(node.bound));
    case "drawBelow":
      return i32x4.ltS(from.signedDraws(node.stream), from.signedInteger(node.bound));
    default:
      return node satisfies never;
  }
}

const isPlusZero = ({ node }: Step): boolean => node.op === "constant" && Object.is(node.value, 0);

function loadValue(plan: VectorPlan, to: Registers, from: Operands, index: number): Code {
  const loadAs = castOf(plan.program, index);
  const stored = from.input(index);
  if (loadAs === undefined || loadAs === plan.program.inputs[index]) return stored;
  // What is cast may hold long NaNs, whatever the casts' results hold.
  return roundValue({ ...plan, nansAreShort: false }, to, loadAs, stored);
}

function roundValue(plan: VectorPlan, to: Registers, type: FloatType, value: Code): Code {
  switch (type) {
    case "float32":
      return value;
    case "bfloat16":
      return roundBf16(to, to.keep(value), plan.nansAreShort);
    case "float16":
      return roundF16(to, to.keep(value));
    default:
      return type satisfies never;
  }
}

/**
 * A vector's result rounded and encoded: float32 lanes for a float32 store, else the half type's bits in
 * the low halves of the lanes. The store rounds to its own type, so rounding to that type first would be idle.
 */
export function encodeResult(plan: VectorPlan, to: Registers, result: Code): Code {
  const { round, store } = plan.program;
  const isRounded = round === plan.halfType && plan.fits.at(-1)!;
  const value = to.keep(
    isRounded || round === store ? result : roundValue(plan, to, round, result),
  );
  switch (store) {
    case "float32":
      return roundValue(plan, to, isRounded ? "float32" : round, value);
    case "bfloat16":
      return isRounded && round === store
        ? i32x4.shrU(value, 16)
        : narrowBf16(to, value, plan.nansAreShort);
    case "float16":
      return narrowF16(to, value);
    default:
      return store satisfies never;
  }
}
