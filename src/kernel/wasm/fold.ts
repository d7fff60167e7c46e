// From a fold to the bytes of a WebAssembly module: the loop of a pass, whose values are not stored but
// added up in f64 lanes, or counted by magnitude.

import type { FloatType } from "../../base/dtype.ts";
import {
  BUCKETS,
  type BucketProgram,
  type Computation,
  DRAW_BUCKETS,
  type SumProgram,
} from "../kernel.ts";
import { demandOfSteps, jointSteps, type Step } from "../program.ts";
import {
  advance,
  LANES,
  type Loop,
  makeLoop,
  pairSource,
  type Signature,
  signatureOf,
} from "./loop.ts";
import {
  assembleModule,
  type Code,
  F64,
  f64,
  f64x2,
  I32,
  i32,
  i32x4,
  local,
  repeatWhile,
  type ValueType,
  v128,
  when,
} from "./module.ts";
import { computeVector, type Operands, planVector } from "./vector.ts";

/** Elements of a turn: `run` takes a positive multiple of them. */
export const FOLD_STEP = 2 * LANES;
/** Bytes behind the output address: a counter a bucket and one for the elements outside, or a sum a bucket of draws. */
export const OUTPUT_BYTES = Math.max(4 * (BUCKETS + 1), 8 * DRAW_BUCKETS);

/** Values are exact as float32 in every arithmetic below f64. */
const WIDE = { round: "float32", store: "float32" } as const satisfies Record<string, FloatType>;
const zero: Code = v128.const([0, 0, 0, 0]);
const UPPER_HALF = [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15];

/** The lower or upper two of four float32 in f64. */
const promote = (values: Code, half: number): Code =>
  f64x2.promoteLow(half === 0 ? values : v128.shuffle(values, values, UPPER_HALF));

/** A fold's loop and its two vectors of values for each step. */
interface FoldLoop {
  readonly signature: Signature;
  readonly loop: Loop;
  readonly vectors: readonly (readonly Code[])[];
  readonly operands: readonly Operands[];
  /** The module, when the loop's body is complete: it returns what `epilogue` leaves. */
  end(results: readonly ValueType[], epilogue: Code): Uint8Array<ArrayBuffer>;
}

function foldLoop(
  program: Computation,
  steps: readonly Step[],
  { extras = 0, streams = 0 } = {},
): FoldLoop {
  const used = demandOfSteps(steps, program.inputs.length);
  const demand = { ...used, streams: Math.max(streams, used.streams) };
  const signature = signatureOf(program, demand, extras);
  const loop = makeLoop(signature.types.length);
  const plan = planVector({ ...program, ...WIDE }, steps);
  const source = pairSource(program, signature, loop, 0);
  const operands = [false, true].map(source);
  const vectors = operands.map((from) => computeVector(plan, loop, from));
  const end = (results: readonly ValueType[], epilogue: Code) => {
    advance(program, demand, signature, loop, FOLD_STEP);
    const turns = repeatWhile(loop.body, local.get(signature.elements));
    const code = [...loop.prologue, ...turns, ...epilogue];
    return assembleModule(signature.types, results, loop.locals, code);
  };
  return { signature, loop, vectors, operands, end };
}

/** A module whose `run` returns one f64 a term, lanes added up as CompiledSums says. */
export function generateSums({ terms, ...program }: SumProgram): Uint8Array<ArrayBuffer> {
  const { steps, results } = jointSteps(terms.flat());
  const { loop, vectors, end } = foldLoop(program, steps);
  const wide = new Map<string, Code>();
  /** Lanes 2·quarter and the next of a step's values, in f64. */
  const promoted = (position: number, quarter: number): Code => {
    const key = `${position} ${quarter}`;
    const values = vectors[quarter >> 1]![position]!;
    const known = wide.get(key) ?? loop.keep(promote(values, quarter % 2));
    wide.set(key, known);
    return known;
  };
  let position = 0;
  const sums = terms.map((term, t) => {
    const factors = term.map(() => results[position++]!);
    return [0, 1, 2, 3].map((quarter) => {
      const [x, y] = factors.map((factor) => promoted(factor, quarter));
      const sum = loop.once(`sum ${t} ${quarter}`, () => zero);
      loop.body.push(...local.setTo(sum, f64x2.add(sum, y === undefined ? x! : f64x2.mul(x!, y))));
      return sum;
    });
  });
  const epilogue = sums.flatMap(([a, b, c, d]) => [
    ...local.setTo(a!, f64x2.add(f64x2.add(a!, b!), f64x2.add(c!, d!))),
    ...f64.add(f64x2.extract(a!, 0), f64x2.extract(a!, 1)),
  ]);
  return end(Array(terms.length).fill(F64), epilogue);
}

/** Numbers that `run` of a count takes last: the lowest and the highest bits in a bucket, and the shift. */
const COUNT_EXTRAS = 3;

/**
 * A module whose `run` adds to the counters at its output address and returns how many elements lie above
 * the buckets. Most brackets are narrow: eight elements outside cost two comparisons.
 */
export function generateCounts({ expression, ...program }: BucketProgram): Uint8Array<ArrayBuffer> {
  const { steps } = jointSteps([expression]);
  const { signature, loop, vectors, end } = foldLoop(program, steps, {
    extras: COUNT_EXTRAS,
  });
  const [lowest, highest] = [0, 1].map((i) =>
    loop.once(`bound ${i}`, () => i32x4.splat(local.get(signature.extras + i))),
  );
  const shift = local.get(signature.extras + 2);
  const counters = loop.once("counters", () => i32x4.splat(local.get(signature.output)));
  const above = loop.once("above", () => zero);
  const halves = vectors.map((values) => {
    const magnitudes = loop.keep(v128.and(values.at(-1)!, loop.bits(0x7fffffff)));
    const isAbove = loop.keep(i32x4.gtS(magnitudes, highest!));
    loop.body.push(...local.setTo(above, i32x4.sub(above, isAbove))); // a true lane is −1
    const isBelow = i32x4.ltS(magnitudes, lowest!);
    return { magnitudes, isOutside: loop.keep(v128.or(isAbove, isBelow)) };
  });
  const counted = halves.flatMap(({ magnitudes, isOutside }, i) => {
    const place = loop.once(`place ${i}`, () => zero);
    const bucket = i32x4.shrU(i32x4.sub(magnitudes, lowest!), shift);
    const counter = v128.select(loop.bits(BUCKETS), bucket, isOutside);
    return [
      ...local.setTo(place, i32x4.add(i32x4.shl(counter, 2), counters)),
      ...[0, 1, 2, 3].flatMap((lane) => i32.increment(i32x4.extract(place, lane), i32.const(1))),
    ];
  });
  const [low, high] = halves.map(({ isOutside }) => isOutside);
  const isAnyInside = v128.anyTrue(v128.not(v128.and(low!, high!)));
  loop.body.push(...when(isAnyInside, counted));
  const lanes = [0, 1, 2, 3].map((lane) => i32x4.extract(above, lane));
  return end([I32], lanes.reduce(i32.add));
}

/** Mask streams that a sum by draws takes: its first. */
export const DRAWN_STREAMS = 1;
const DRAW_SHIFT = 24 - Math.log2(DRAW_BUCKETS);

/** A module whose `run` adds to the sums at its output address, element after element. */
export function generateDrawSums({
  expression,
  ...program
}: BucketProgram): Uint8Array<ArrayBuffer> {
  const { steps } = jointSteps([expression]);
  const fold = foldLoop(program, steps, { streams: DRAWN_STREAMS });
  const { signature, loop, vectors, operands, end } = fold;
  const sums = loop.once("sums", () => i32x4.splat(local.get(signature.output)));
  for (const [i, values] of vectors.entries()) {
    const draws = v128.xor(operands[i]!.signedDraws(0), loop.bits(0x80000000));
    const place = loop.keep(i32x4.add(i32x4.shl(i32x4.shrU(draws, DRAW_SHIFT), 3), sums));
    const halves = [0, 1].map((half) => loop.keep(promote(values.at(-1)!, half)));
    for (const lane of [0, 1, 2, 3]) {
      const value = f64x2.extract(halves[lane >> 1]!, lane % 2);
      loop.body.push(...f64.increase(i32x4.extract(place, lane), value));
    }
  }
  return end([], []);
}
