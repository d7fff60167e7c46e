// Compiled folds of the CPU kernel. A call whose views all lie in one arena is read in place; others are
// copied first. What is left behind the last group of eight elements is interpreted.

import { bytesPerElement } from "../../base/dtype.ts";
import { TsmergeError } from "../../base/errors.ts";
import type { Expression } from "../expression.ts";
import {
  BUCKETS,
  type BucketProgram,
  type CompiledCounts,
  type CompiledDrawSums,
  type CompiledSums,
  type Computation,
  DRAW_BUCKETS,
  FOLD_ELEMENTS,
  type FoldCall,
  type SumProgram,
} from "../kernel.ts";
import { checkArguments, demandOfSteps, jointSteps } from "../program.ts";
import { interpretCounts, interpretDrawSums, interpretSums, sliceCall } from "../reference/fold.ts";
import { commonMemory, type Memories, passArguments } from "./call.ts";
import {
  DRAWN_STREAMS,
  FOLD_STEP,
  generateCounts,
  generateDrawSums,
  generateSums,
  OUTPUT_BYTES,
} from "./fold.ts";
import { compilePass, makeMemory, type WasmMemory } from "./runtime.ts";

/** Bytes at the end of each memory that folds count and sum in: nobody else writes there. */
export const SCRATCH_BYTES = Math.ceil(OUTPUT_BYTES / 64) * 64;
const scratchOf = ({ buffer }: WasmMemory) => buffer.byteLength - SCRATCH_BYTES;

export function compileSums(program: SumProgram, memories: Memories): CompiledSums {
  const interpreted = interpretSums(program);
  if (program.arithmetic === "f64") return interpreted;
  const run = foldRunner(program, program.terms.flat(), generateSums(program), memories);
  return {
    run(call) {
      const { results, rest } = run(call, []);
      if (rest === undefined) return results;
      return interpreted.run(rest).map((sum, t) => (results[t] ?? 0) + sum);
    },
  };
}

export function compileCounts(program: BucketProgram, memories: Memories): CompiledCounts {
  const interpreted = interpretCounts(program);
  if (program.arithmetic === "f64") return interpreted;
  const run = foldRunner(program, [program.expression], generateCounts(program), memories);
  return {
    run(call, bracket, counts) {
      const { lowest, highest, shift } = bracket;
      const { results, memory, rest } = run(call, [lowest, highest, shift]);
      if (memory !== undefined) {
        const counters = new Uint32Array(memory.buffer, scratchOf(memory), BUCKETS + 1);
        for (let b = 0; b < BUCKETS; b++) counts[b]! += counters[b]!;
        counts[BUCKETS]! += results[0]!;
        counters.fill(0);
      }
      if (rest !== undefined) interpreted.run(rest, bracket, counts);
    },
  };
}

export function compileDrawSums(program: BucketProgram, memories: Memories): CompiledDrawSums {
  const interpreted = interpretDrawSums(program);
  if (program.arithmetic === "f64") return interpreted;
  const expressions = [program.expression];
  const run = foldRunner(program, expressions, generateDrawSums(program), memories, DRAWN_STREAMS);
  return {
    run(call, sums) {
      const { memory, rest } = run(call, []);
      if (memory !== undefined) {
        const found = new Float64Array(memory.buffer, scratchOf(memory), DRAW_BUCKETS);
        for (let b = 0; b < DRAW_BUCKETS; b++) sums[b]! += found[b]!;
        found.fill(0);
      }
      if (rest !== undefined) interpreted.run(rest, sums);
    },
  };
}

interface Folded {
  /** What the pass returned; nothing where there is no group of eight. */
  readonly results: number[];
  /** Where the pass ran. */
  readonly memory: WasmMemory | undefined;
  /** Elements that the pass has not seen. */
  readonly rest: FoldCall | undefined;
}

/** Runs a module over the groups of eight of a call, with `extras` as its last arguments. */
function foldRunner(
  program: Computation,
  expressions: readonly Expression[],
  bytes: Uint8Array<ArrayBuffer>,
  memories: Memories,
  streams = 0,
): (call: FoldCall, extras: readonly number[]) => Folded {
  const { steps } = jointSteps(expressions);
  const used = demandOfSteps(steps, program.inputs.length);
  const demand = { ...used, streams: Math.max(streams, used.streams) };
  const passOn = compilePass(bytes);
  let staging: WasmMemory | undefined; // most folds never need it
  return (call, extras) => {
    checkArguments(program, demand, call);
    if (call.elements > FOLD_ELEMENTS) {
      throw new TsmergeError("internal", `a fold was called with ${call.elements} elements`, {
        hint: `give it at most ${FOLD_ELEMENTS} at once: its lanes are added up after each call`,
      });
    }
    const elements = call.elements - (call.elements % FOLD_STEP);
    if (elements === 0) return { results: [], memory: undefined, rest: call };
    const left = call.elements - elements;
    const rest = left === 0 ? undefined : sliceCall(program, call, elements, left);
    const planes = (call.planes ?? []).slice(0, demand.streams);
    let memory = commonMemory([...call.inputs, ...planes], memories);
    let views: readonly ArrayBufferView[] = [...call.inputs, ...planes];
    if (memory === undefined) {
      const width = program.inputs.reduce((sum, type) => sum + bytesPerElement(type), 0);
      staging ??= makeMemory(FOLD_ELEMENTS * (width + 4 * demand.streams) + SCRATCH_BYTES);
      memory = staging;
      views = copied(views, staging);
    }
    const offsets = views.map((view) => view.byteOffset);
    const inputs = offsets.splice(0, call.inputs.length);
    const addresses = { output: scratchOf(memory), inputs, planes: offsets };
    const results = passOn(memory)(
      ...passArguments(program, demand, call, 0, elements, addresses),
      ...extras,
    );
    return { results: [results ?? []].flat(), memory, rest };
  };
}

/** Copies of the views in a memory, one behind the other; one view given twice is copied once. */
function copied(views: readonly ArrayBufferView[], { buffer }: WasmMemory): Uint8Array[] {
  const copies = new Map<ArrayBufferView, Uint8Array>();
  let end = 0;
  for (const view of new Set(views)) {
    const copy = new Uint8Array(buffer, end, view.byteLength);
    copy.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
    copies.set(view, copy);
    end += view.byteLength;
  }
  return views.map((view) => copies.get(view)!);
}
