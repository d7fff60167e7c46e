// From a Program to the bytes of a WebAssembly module: one loop that loads, computes, rounds and stores
// a few vectors a turn.

import { bytesPerElement } from "../../base/dtype.ts";
import type { Program } from "../kernel.ts";
import { demandOf, stepsOf } from "../program.ts";
import {
  advance,
  LANES,
  type Loop,
  makeLoop,
  movePosition,
  pairSource,
  type Signature,
  signatureOf,
  VECTOR_BYTES,
} from "./loop.ts";
import { assembleModule, type Code, i32x4, local, repeatWhile, v128 } from "./module.ts";
import { computeVector, encodeResult, planVector } from "./vector.ts";

/** Up to this many steps, two pairs a turn keep their values in the sixteen SIMD registers. */
const SHORT_PROGRAM = 12;

/** A module's bytes and how to call its `run`. */
export interface GeneratedPass {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** `run` takes a positive multiple of this many elements. */
  readonly step: number;
}

/** Compiles a program in any arithmetic but f64. */
export function generatePass(program: Program): GeneratedPass {
  const steps = stepsOf(program.expression);
  const demand = demandOf(program);
  const signature = signatureOf(program, demand);
  const loop = makeLoop(signature.types.length);
  const plan = planVector(program, steps);
  const pairs = steps.length <= SHORT_PROGRAM ? 2 : 1;
  for (let pair = 0; pair < pairs; pair++) {
    const source = pairSource(program, signature, loop, pair);
    const [low, high] = [0, 1].map((upper) => {
      const values = computeVector(plan, loop, source(upper === 1));
      return loop.keep(encodeResult(plan, loop, values.at(-1)!));
    });
    storePair(program, signature, loop, pair, low!, high!);
  }
  const step = pairs * 2 * LANES;
  movePosition(loop, signature.output, step * bytesPerElement(program.store));
  advance(program, demand, signature, loop, step);
  const turns = repeatWhile(loop.body, local.get(signature.elements));
  const code = [...loop.prologue, ...turns];
  return { bytes: assembleModule(signature.types, [], loop.locals, code), step };
}

function storePair(
  program: Program,
  signature: Signature,
  loop: Loop,
  pair: number,
  low: Code,
  high: Code,
): void {
  const address = local.get(signature.output);
  if (program.store === "float32") {
    loop.body.push(...v128.store(address, VECTOR_BYTES * 2 * pair, low));
    loop.body.push(...v128.store(address, VECTOR_BYTES * (2 * pair + 1), high));
  } else {
    loop.body.push(...v128.store(address, VECTOR_BYTES * pair, i32x4.narrowU(low, high)));
  }
}
