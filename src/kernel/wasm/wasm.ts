// The CPU kernel: each program becomes one fused SIMD pass, generated as WebAssembly when it is first
// compiled. A call whose views all lie in one arena runs in place; other calls, and the last few
// elements of any tile, are staged through a small arena of the kernel's own.

import { bytesPerElement } from "../../base/dtype.ts";
import type {
  Arena,
  BucketProgram,
  CompiledProgram,
  Kernel,
  Program,
  SumProgram,
  TileCall,
} from "../kernel.ts";
import { checkCall, computationKey, type Demand, demandOf, programKey } from "../program.ts";
import { interpret } from "../reference/reference.ts";
import { bumpArena } from "./arena.ts";
import { commonMemory, type Memories, passArguments } from "./call.ts";
import { compileCounts, compileDrawSums, compileSums, SCRATCH_BYTES } from "./folds.ts";
import { type GeneratedPass, generatePass } from "./pass.ts";
import { compilePass, makeMemory, type Pass, type WasmMemory } from "./runtime.ts";

/** Half of a small second-level cache: staged pieces stay in it between the copy and the pass. */
const STAGING_BYTES = 512 * 1024;
/** Elements in one call of a pass: new code starts unoptimised, and is replaced between calls only. */
const PIECE = 65_536;

/** A kernel on the calling thread's core. Programs in f64 arithmetic are interpreted: no recipe needs them fast. */
export function wasmKernel(): Kernel {
  const memories: Memories = new WeakMap();
  const openArena = (bytes: number): Arena => {
    const memory = makeMemory(bytes + SCRATCH_BYTES);
    memories.set(memory.buffer, memory);
    return bumpArena(memory.buffer, bytes);
  };
  const staging = makeMemory(STAGING_BYTES);
  return {
    name: "wasm",
    compile: once(programKey, (program) => compileProgram(program, staging, memories)),
    sums: once(sumsKey, (program) => compileSums(program, memories)),
    counts: once(bucketKey, (program) => compileCounts(program, memories)),
    drawSums: once(bucketKey, (program) => compileDrawSums(program, memories)),
    arena: openArena,
    close() {}, // memories and code go with the last reference to them
  };
}

/** Compiles programs of equal keys once. */
function once<Form, Compiled>(
  keyOf: (program: Form) => string,
  compile: (program: Form) => Compiled,
): (program: Form) => Compiled {
  const compiled = new Map<string, Compiled>();
  return (program) => {
    const key = keyOf(program);
    const known = compiled.get(key) ?? compile(program);
    compiled.set(key, known);
    return known;
  };
}

const sumsKey = (program: SumProgram): string =>
  `${program.terms.map(({ length }) => length)}|${computationKey(program, program.terms.flat())}`;
const bucketKey = (program: BucketProgram): string => computationKey(program, [program.expression]);

function compileProgram(
  program: Program,
  staging: WasmMemory,
  memories: Memories,
): CompiledProgram {
  if (program.arithmetic === "f64") return interpret(program);
  const demand = demandOf(program);
  const pass = generatePass(program);
  const passOn = compilePass(pass.bytes);
  const stage = stager(program, pass, demand, staging, passOn(staging));
  return {
    run(call) {
      checkCall(program, demand, call);
      const views = [call.output, ...call.inputs, ...(call.planes ?? [])];
      const memory = commonMemory(views, memories);
      const inPlace = memory === undefined ? 0 : call.elements - (call.elements % pass.step);
      if (memory !== undefined) runInPlace(program, demand, passOn(memory), call, inPlace);
      stage(call, inPlace);
    },
  };
}

function runInPlace(
  program: Program,
  demand: Demand,
  pass: Pass,
  call: TileCall,
  elements: number,
): void {
  const widths = program.inputs.map(bytesPerElement);
  const storeWidth = bytesPerElement(program.store);
  const planes = (call.planes ?? []).slice(0, demand.streams);
  for (let from = 0; from < elements; from += PIECE) {
    const addresses = {
      output: call.output.byteOffset + from * storeWidth,
      inputs: call.inputs.map((view, i) => view.byteOffset + from * widths[i]!),
      planes: planes.map((plane) => plane.byteOffset + from * 4),
    };
    const count = Math.min(PIECE, elements - from);
    pass(...passArguments(program, demand, call, from, count, addresses));
  }
}

/** Runs elements [from, end) of a call through copies in `staging`, whose slots are padded to whole steps. */
function stager(
  program: Program,
  { step }: GeneratedPass,
  demand: Demand,
  staging: WasmMemory,
  pass: Pass,
): (call: TileCall, from: number) => void {
  const planes = program.draws === "planes" ? demand.streams : 0;
  const widths = [
    bytesPerElement(program.store),
    ...program.inputs.map(bytesPerElement),
    ...Array<number>(planes).fill(4),
  ];
  const bytes = widths.reduce((total, width) => total + width, 0);
  const piece = Math.floor(staging.buffer.byteLength / bytes / step) * step;
  const slots = widths.map((width, i) => {
    const offset = widths.slice(0, i).reduce((total, before) => total + before * piece, 0);
    return new Uint8Array(staging.buffer, offset, width * piece);
  });
  const addresses = {
    output: slots[0]!.byteOffset,
    inputs: slots.slice(1, 1 + program.inputs.length).map((slot) => slot.byteOffset),
    planes: slots.slice(1 + program.inputs.length).map((slot) => slot.byteOffset),
  };
  return (call, start) => {
    const sources = [...call.inputs, ...(call.planes ?? []).slice(0, planes).map(bytesOf)];
    for (let from = start; from < call.elements; from += piece) {
      const count = Math.min(piece, call.elements - from);
      sources.forEach((source, i) => {
        const width = widths[1 + i]!;
        slots[1 + i]!.set(source.subarray(from * width, (from + count) * width));
      });
      const padded = Math.ceil(count / step) * step;
      pass(...passArguments(program, demand, call, from, padded, addresses));
      const width = widths[0]!;
      call.output.set(slots[0]!.subarray(0, count * width), from * width);
    }
  };
}

const bytesOf = (plane: Uint32Array) =>
  new Uint8Array(plane.buffer, plane.byteOffset, plane.byteLength);
