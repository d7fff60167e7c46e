// The reference: plain loops that say what an expression means. Not fast; the other back ends
// specialise it and are tested against it bit for bit. It is also what runs f64 arithmetic.

import { draw24 } from "../../base/counter-rng.ts";
import { bytesPerElement } from "../../base/dtype.ts";
import { floatView } from "../../base/float-view.ts";
import { roundTo } from "../../base/half.ts";
import type { Expression, Mask } from "../expression.ts";
import type { Arithmetic, CompiledProgram, Program, TileCall } from "../kernel.ts";
import { castOf, checkCall, demandOf } from "../program.ts";

/** Elements computed at a time: bounds the interpreter's memory, changes no result. */
const CHUNK = 4096;

/** A program that is walked node by node; any arithmetic. */
export function interpret(program: Program): CompiledProgram {
  const demand = demandOf(program);
  return {
    run(call) {
      checkCall(program, demand, call);
      for (let from = 0; from < call.elements; from += CHUNK) {
        runChunk(program, call, from, Math.min(CHUNK, call.elements - from));
      }
    },
  };
}

function runChunk(program: Program, call: TileCall, from: number, count: number): void {
  const results = evaluate(program, call, from, count);
  const width = bytesPerElement(program.store);
  const bytes = call.output.subarray(from * width, (from + count) * width);
  const output = floatView(bytes, program.store);
  for (let i = 0; i < count; i++) output.set(i, roundTo(program.round, results[i]!));
}

/** Values of the program's expression for elements [from, from + count) of a tile; a shared node is computed once. */
function evaluate(program: Program, call: TileCall, from: number, count: number): Float64Array {
  const round = rounding(program.arithmetic);
  // The host has already rounded scalars where a recipe says so; below f64, operations are float32 ones.
  const asOperand = program.arithmetic === "f64" ? (x: number) => x : Math.fround;
  const knownValues = new Map<Expression, Float64Array>();
  const knownMasks = new Map<Mask, Uint8Array>();

  const each = (formula: (i: number) => number) => {
    const column = new Float64Array(count);
    for (let i = 0; i < count; i++) column[i] = formula(i);
    return column;
  };
  const test = (holds: (i: number) => boolean) => {
    const column = new Uint8Array(count);
    for (let i = 0; i < count; i++) column[i] = holds(i) ? 1 : 0;
    return column;
  };

  const value = (node: Expression): Float64Array => {
    const known = knownValues.get(node) ?? computeValue(node);
    knownValues.set(node, known);
    return known;
  };
  const mask = (node: Mask): Uint8Array => {
    const known = knownMasks.get(node) ?? computeMask(node);
    knownMasks.set(node, known);
    return known;
  };

  const computeValue = (node: Expression): Float64Array => {
    switch (node.op) {
      case "input":
        return readInput(program, call, node.index, from, count);
      case "scalar":
        return each(() => asOperand(call.scalars[node.index]!));
      case "constant":
        return each(() => asOperand(node.value));
      case "neg": {
        const x = value(node.x);
        return each((i) => round(-x[i]!));
      }
      case "abs": {
        const x = value(node.x);
        return each((i) => round(Math.abs(x[i]!)));
      }
      case "add": {
        const [a, b] = [value(node.a), value(node.b)];
        return each((i) => round(a[i]! + b[i]!));
      }
      case "sub": {
        const [a, b] = [value(node.a), value(node.b)];
        return each((i) => round(a[i]! - b[i]!));
      }
      case "mul": {
        const [a, b] = [value(node.a), value(node.b)];
        return each((i) => round(a[i]! * b[i]!));
      }
      case "div": {
        const [a, b] = [value(node.a), value(node.b)];
        return each((i) => round(a[i]! / b[i]!));
      }
      case "sum": {
        // From +0, as torch does: a sum of negative zeros is +0. Rounded to the arithmetic once.
        const terms = node.terms.map(value);
        return each((i) => round(terms.reduce((total, term) => asOperand(total + term[i]!), 0)));
      }
      case "select": {
        const [chosen, a, b] = [mask(node.mask), value(node.then), value(node.otherwise)];
        return each((i) => (chosen[i] === 1 ? a[i]! : b[i]!));
      }
      default:
        return node satisfies never;
    }
  };

  const computeMask = (node: Mask): Uint8Array => {
    switch (node.op) {
      case "lt": {
        const [a, b] = [value(node.a), value(node.b)];
        return test((i) => a[i]! < b[i]!);
      }
      case "le": {
        const [a, b] = [value(node.a), value(node.b)];
        return test((i) => a[i]! <= b[i]!);
      }
      case "gt": {
        const [a, b] = [value(node.a), value(node.b)];
        return test((i) => a[i]! > b[i]!);
      }
      case "ge": {
        const [a, b] = [value(node.a), value(node.b)];
        return test((i) => a[i]! >= b[i]!);
      }
      case "eq": {
        const [a, b] = [value(node.a), value(node.b)];
        return test((i) => a[i]! === b[i]!);
      }
      case "and": {
        const [a, b] = [mask(node.a), mask(node.b)];
        return test((i) => a[i] === 1 && b[i] === 1);
      }
      case "or": {
        const [a, b] = [mask(node.a), mask(node.b)];
        return test((i) => a[i] === 1 || b[i] === 1);
      }
      case "not": {
        const x = mask(node.x);
        return test((i) => x[i] === 0);
      }
      case "indexBelow": {
        const bound = call.integers[node.bound]!;
        return test((i) => call.firstElement + from + i < bound);
      }
      case "drawBelow": {
        const bound = call.integers[node.bound]!;
        if (program.draws === "planes") {
          const plane = call.planes![node.stream]!;
          return test((i) => plane[from + i]! < bound);
        }
        const key = call.streams![node.stream]!;
        return test((i) => draw24(key, call.firstElement + from + i) < bound);
      }
      default:
        return node satisfies never;
    }
  };

  return value(program.expression);
}

/** What every operation's result is rounded by. */
function rounding(arithmetic: Arithmetic): (x: number) => number {
  return arithmetic === "f64" ? (x) => x : (x) => roundTo(arithmetic, x);
}

function readInput(
  program: Program,
  call: TileCall,
  index: number,
  from: number,
  count: number,
): Float64Array {
  const stored = floatView(call.inputs[index]!, program.inputs[index]!);
  const loadAs = castOf(program, index);
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const x = stored.get(from + i);
    values[i] = loadAs === undefined ? x : roundTo(loadAs, x);
  }
  return values;
}
