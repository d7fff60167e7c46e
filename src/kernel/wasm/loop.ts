// What all generated loops share: parameters, the vectors made before the loop, where operands come from,
// and how addresses move on. Not what becomes of the values: wasm-pass.ts stores them, wasm-fold.ts adds
// them up. Vectors come in pairs, because eight half floats are one load or store.

import { bytesPerElement } from "../../base/dtype.ts";
import type { Computation } from "../kernel.ts";
import type { Demand } from "../program.ts";
import { type Registers, widenBf16, widenF16 } from "./half.ts";
import {
  type Code,
  F32,
  f32x4,
  I32,
  i32,
  i32x4,
  local,
  V128,
  type ValueType,
  v128,
} from "./module.ts";
import type { Operands } from "./vector.ts";

export const LANES = 4;
export const VECTOR_BYTES = 16;
/**
 * Positions of the parameters of `run`: elements, the first element's index, the output's address, each
 * input's address, then a stream's two key words (draws `counter`) or its plane's address, scalars, integers,
 * and what a kind of pass takes besides.
 */
export interface Signature {
  readonly elements: number;
  readonly firstElement: number;
  readonly output: number;
  readonly inputs: number;
  readonly streams: number;
  readonly wordsPerStream: number;
  readonly scalars: number;
  readonly integers: number;
  readonly extras: number;
  readonly types: readonly ValueType[];
}

/** The parameters of a computation's pass, with `extras` numbers behind them. */
export function signatureOf(program: Computation, demand: Demand, extras = 0): Signature {
  const inputs = 3;
  const streams = inputs + program.inputs.length;
  const wordsPerStream = program.draws === "counter" ? 2 : 1;
  const scalars = streams + demand.streams * wordsPerStream;
  const integers = scalars + demand.scalars;
  const extrasAt = integers + demand.integers;
  const types = Array.from({ length: extrasAt + extras }, (_, i) =>
    i >= scalars && i < integers ? F32 : I32,
  );
  const positions = { elements: 0, firstElement: 1, output: 2, inputs, streams, scalars, integers };
  return { ...positions, wordsPerStream, extras: extrasAt, types };
}

/** The code being written: what runs once, and what runs every turn. */
export interface Loop extends Registers {
  readonly prologue: number[];
  readonly body: number[];
  readonly locals: ValueType[];
  /** A vector made before the loop; equal names are the same vector. */
  once(name: string, value: () => Code): Code;
  /** Whether `once` has made it. */
  has(name: string): boolean;
}

export function makeLoop(firstLocal: number): Loop {
  const locals: ValueType[] = [];
  const prologue: number[] = [];
  const body: number[] = [];
  const named = new Map<string, Code>();
  const keepIn = (block: number[], value: Code): Code => {
    const index = firstLocal + locals.push(V128) - 1;
    block.push(...local.set(index, value));
    return local.get(index);
  };
  const once = (name: string, value: () => Code): Code => {
    const kept = named.get(name) ?? keepIn(prologue, value());
    named.set(name, kept);
    return kept;
  };
  const bits = (lane: number): Code =>
    once(`bits ${lane | 0}`, () => v128.const([lane, lane, lane, lane]));
  const float = (lane: number): Code => bits(new Int32Array(Float32Array.of(lane).buffer)[0]!);
  const has = (name: string) => named.has(name);
  return { prologue, body, locals, once, has, bits, float, keep: (value) => keepIn(body, value) };
}

/** The index vector of a turn's first four elements, kept from turn to turn. */
const firstIndices = (signature: Signature, loop: Loop): Code =>
  loop.once("indices", () =>
    i32x4.add(i32x4.splat(local.get(signature.firstElement)), v128.const([0, 1, 2, 3])),
  );

/** Operands of a pair's lower or upper vector; eight packed bfloat16 are loaded once for both. */
export function pairSource(
  program: Computation,
  signature: Signature,
  loop: Loop,
  pair: number,
): (upper: boolean) => Operands {
  const flip = (x: Code): Code => v128.xor(x, loop.bits(0x80000000));
  const splat = (name: string, make: (x: Code) => Code, position: number) =>
    loop.once(`${name} ${position}`, () => make(local.get(position)));
  const packed = new Map<number, Code>();
  const loadPacked = (index: number): Code => {
    const address = local.get(signature.inputs + index);
    const kept = packed.get(index) ?? loop.keep(v128.load(address, VECTOR_BYTES * pair));
    packed.set(index, kept);
    return kept;
  };
  return (upper) => {
    const vector = 2 * pair + (upper ? 1 : 0);
    const kept = new Map<string, Code>();
    const keptOnce = (name: string, make: () => Code): Code => {
      const known = kept.get(name) ?? loop.keep(make());
      kept.set(name, known);
      return known;
    };
    const indices = () => {
      const first = firstIndices(signature, loop);
      return vector === 0 ? first : i32x4.add(first, loop.bits(vector * LANES));
    };
    const makeDraws = (stream: number): Code => {
      const position = signature.streams + stream * signature.wordsPerStream;
      if (program.draws === "planes") return v128.load(local.get(position), VECTOR_BYTES * vector);
      const keys = [0, 1].map((word) => splat("key", i32x4.splat, position + word));
      return drawVector(loop, indices(), keys[0]!, keys[1]!);
    };
    return {
      input(index) {
        const type = program.inputs[index]!;
        if (type === "bfloat16") return widenBf16(loop, loadPacked(index), upper);
        const address = local.get(signature.inputs + index);
        if (type === "float32") return v128.load(address, VECTOR_BYTES * vector);
        return widenF16(loop, i32x4.load16(address, (VECTOR_BYTES / 2) * vector));
      },
      scalar: (index) => splat("scalar", f32x4.splat, signature.scalars + index),
      signedInteger: (index) =>
        splat("integer", (x) => flip(i32x4.splat(x)), signature.integers + index),
      signedIndices: () => keptOnce("indices", () => flip(indices())),
      signedDraws: (stream) => keptOnce(`draws ${stream}`, () => flip(makeDraws(stream))),
    };
  };
}

/** draw24 of base/counter-rng.ts: mix(mix(index ^ key0) + key1) >>> 8. */
function drawVector(loop: Loop, indices: Code, key0: Code, key1: Code): Code {
  const fold = (value: Code, bits: number): Code => {
    const kept = loop.keep(value);
    return v128.xor(kept, i32x4.shrU(kept, bits));
  };
  const mix = (x: Code): Code => {
    const first = i32x4.mul(fold(x, 16), loop.bits(0x7feb352d));
    return fold(i32x4.mul(fold(first, 15), loop.bits(0x846ca68b)), 16);
  };
  return i32x4.shrU(mix(i32x4.add(mix(v128.xor(indices, key0)), key1)), 8);
}

/** Moves the operands' addresses, the indices and the count of elements left on by `step` elements. */
export function advance(
  program: Computation,
  demand: Demand,
  signature: Signature,
  loop: Loop,
  step: number,
): void {
  const move = (position: number, by: number) => movePosition(loop, position, by);
  program.inputs.forEach((type, i) => {
    move(signature.inputs + i, step * bytesPerElement(type));
  });
  if (program.draws === "planes") {
    for (let i = 0; i < demand.streams; i++) move(signature.streams + i, step * 4);
  }
  if (loop.has("indices")) {
    const indices = firstIndices(signature, loop);
    loop.body.push(...local.setTo(indices, i32x4.add(indices, loop.bits(step))));
  }
  move(signature.elements, -step);
}

/** Adds to a parameter at the end of each turn. */
export function movePosition(loop: Loop, position: number, by: number): void {
  loop.body.push(...local.set(position, i32.add(local.get(position), i32.const(by))));
}
