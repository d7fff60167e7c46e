// The kernel as ONNX graphs on the runtime's CPU and WebGPU providers, tile by tile from host memory. The
// runtime does not fuse operators, so on a CPU wasm.ts is several times faster; what can stay in a GPU's
// memory goes through device-program.ts instead.

import { fillDraws, type StreamKey } from "../../base/counter-rng.ts";
import { bytesPerElement, type FloatType } from "../../base/dtype.ts";
import { TsmergeError } from "../../base/errors.ts";
import { createSession, type Device, type Session } from "../../ort/session.ts";
import { DeviceTensor, type HostTensor } from "../../ort/tensor.ts";
import { input } from "../expression.ts";
import type { CompiledProgram, Kernel, Program, TileCall } from "../kernel.ts";
import { castOf, checkCall, type Demand, demandOf, programKey } from "../program.ts";
import { interpret } from "../reference/reference.ts";
import { bumpArena } from "../wasm/arena.ts";
import { wasmKernel } from "../wasm/wasm.ts";
import { feedsFor } from "./feeds.ts";
import { type LoweredProgram, lower } from "./lowering.ts";

export interface OnnxKernelOptions {
  readonly device: Device;
  /** Threads of each session; undefined takes one a core. */
  readonly threads?: number;
  /** Elements in one run; undefined takes what suits the device. */
  readonly tile?: number;
  /** Makes an operator that the device lacks an error. */
  readonly refuseCpuFallback?: boolean;
  /** Faster selects that turn −0 into +0 (CPU): for comparisons of speed. */
  readonly losesNegativeZeros?: boolean;
}

/** On a CPU a tile's intermediate values should stay in cache; on a GPU a tile should fill the machine. */
const TILE: Readonly<Record<Device, number>> = { cpu: 16_384, webgpu: 4_194_304 };

/**
 * A kernel of unfused graphs; programs in f64 arithmetic are interpreted.
 *
 * On the CPU results equal the reference's bit for bit (NaN payloads excepted). WebGPU may flush float32
 * subnormals to zero, at any operation, and may err in a division by 2.5 units in the last place (WGSL's accuracy table);
 * infinities and NaN may be lost there. Else results are equal bits too.
 */
export function onnxKernel(options: OnnxKernelOptions): Kernel {
  const compiled = new Map<string, Promise<CompiledProgram>>();
  const sessions: Session[] = [];
  // Converts between stored types and float32 on the host: WebGPU has no half types to rely on.
  const converter = wasmKernel();
  const compile = async (program: Program): Promise<CompiledProgram> => {
    if (program.arithmetic === "f64") return interpret(program);
    const { device } = options;
    const onCpu = device === "cpu";
    const lowered = lower(program, { ...options, roundsResult: onCpu, rank: 1 });
    const session = await createSession(lowered.bytes, options);
    sessions.push(session);
    const tile = options.tile ?? TILE[device];
    return onCpu
      ? tiledProgram(program, lowered, session, tile)
      : widenedProgram(program, lowered, session, tile, converter);
  };
  return {
    name: options.device === "cpu" ? "onnx-cpu" : "onnx-webgpu",
    compile(program) {
      const key = programKey(program);
      const known = compiled.get(key) ?? compile(program);
      compiled.set(key, known);
      return known;
    },
    // sums in f64 and counts are the host's: a GPU has neither f64 nor an order of its own
    sums: converter.sums,
    counts: converter.counts,
    drawSums: converter.drawSums,
    arena: (bytes) => bumpArena(new ArrayBuffer(bytes)),
    async close() {
      await Promise.allSettled(compiled.values());
      for (const session of sessions) await session.close();
    },
  };
}

/** Runs a graph that takes and gives elements as they are stored, `tile` elements at a time. */
function tiledProgram(
  program: Program,
  lowered: LoweredProgram,
  session: Session,
  tile: number,
): CompiledProgram {
  const demand = demandOf(program);
  return {
    async run(call) {
      checkCall(program, demand, call);
      for (let from = 0; from < call.elements; from += tile) {
        const count = Math.min(tile, call.elements - from);
        const part = sliceCall(program, demand, call, from, count);
        await runTile(program, lowered, session, part);
      }
    },
  };
}

/** Runs a graph over float32, with the conversions to and from the stored types around it. */
function widenedProgram(
  program: Program,
  lowered: LoweredProgram,
  session: Session,
  tile: number,
  converter: Kernel,
): CompiledProgram {
  const demand = demandOf(program);
  const { round, store } = program;
  const plain = { expression: input(0), arithmetic: "float32", draws: "counter" } as const;
  const wide = { round: "float32", store: "float32" } as const;
  const wideProgram: Program = { ...program, ...wide, inputs: program.inputs.map(() => "float32") };
  const inner = tiledProgram(wideProgram, lowered, session, tile);
  return {
    async run(call) {
      checkCall(program, demand, call);
      const convert = async (conversion: Program, from: Uint8Array, to: Uint8Array) => {
        const numbers = { scalars: new Float64Array(), integers: new Uint32Array() };
        const compiled = await converter.compile(conversion);
        await compiled.run({ ...call, ...numbers, inputs: [from], output: to });
      };
      const inputs: Uint8Array[] = [];
      for (const [i, type] of program.inputs.entries()) {
        const loadAs = castOf(program, i);
        const cast = loadAs === undefined ? {} : { loadAs };
        inputs.push(new Uint8Array(4 * call.elements));
        await convert({ ...plain, ...wide, ...cast, inputs: [type] }, call.inputs[i]!, inputs[i]!);
      }
      const output = new Uint8Array(4 * call.elements);
      await inner.run({ ...call, inputs, output });
      await convert({ ...plain, inputs: ["float32"], round, store }, output, call.output);
    },
  };
}

/** Elements [from, from + count) of a call; draws of the counter generator become planes. */
function sliceCall(
  program: Program,
  demand: Demand,
  call: TileCall,
  from: number,
  count: number,
): TileCall {
  const slice = (view: Uint8Array, type: FloatType) => {
    const width = bytesPerElement(type);
    return view.subarray(from * width, (from + count) * width);
  };
  const firstElement = call.firstElement + from;
  const planes =
    program.draws === "planes"
      ? call.planes!.map((plane) => plane.subarray(from, from + count))
      : call.streams?.slice(0, demand.streams).map((key) => drawPlane(key, firstElement, count));
  return {
    elements: count,
    firstElement,
    inputs: call.inputs.map((view, i) => slice(view, program.inputs[i]!)),
    output: slice(call.output, program.store),
    scalars: call.scalars,
    integers: call.integers,
    planes: planes ?? [],
  };
}

/** The 24-bit draws of elements [firstElement, firstElement + count). */
export function drawPlane(key: StreamKey, firstElement: number, count: number): Uint32Array {
  const plane = new Uint32Array(count);
  fillDraws(key, firstElement, plane);
  return plane;
}

async function runTile(
  program: Program,
  lowered: LoweredProgram,
  session: Session,
  call: TileCall,
): Promise<void> {
  const shape = [call.elements];
  const feeds = feedsFor(lowered.feeds, {
    ...call,
    shape,
    input: (index) => elementTensor(program.inputs[index]!, call.inputs[index]!, shape),
    draws(stream) {
      const plane = call.planes![stream]!;
      const data = new Int32Array(plane.buffer, plane.byteOffset, plane.length);
      return { type: "int32", shape, data };
    },
  });
  const { output } = await session.run(feeds);
  if (output === undefined || output instanceof DeviceTensor) {
    throw new TsmergeError("internal", "the session kept its output on the device");
  }
  const { data } = output;
  call.output.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

/** A view of stored elements as a tensor: float32, or the bit patterns of a half type. */
function elementTensor(type: FloatType, bytes: Uint8Array, shape: readonly number[]): HostTensor {
  const width = bytesPerElement(type);
  const aligned = bytes.byteOffset % width === 0 ? bytes : Uint8Array.from(bytes);
  const length = bytes.length / width;
  return type === "float32"
    ? { type, shape, data: new Float32Array(aligned.buffer, aligned.byteOffset, length) }
    : { type: "uint16", shape, data: new Uint16Array(aligned.buffer, aligned.byteOffset, length) };
}
