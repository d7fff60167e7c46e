// How near the WebAssembly kernel comes to memory's speed, and how far ahead of unfused graphs it is.
// Ratios of times measured in turn in one process: the best of several rounds each, on one thread.

import { pathToFileURL } from "node:url";
import type { FloatType } from "../src/base/dtype.ts";
import { f32ToBf16 } from "../src/base/half.ts";
import { input, mul, scalar, sum } from "../src/kernel/expression.ts";
import type { CompiledProgram, Kernel, Program, TileCall } from "../src/kernel/kernel.ts";
import { onnxKernel } from "../src/kernel/onnx/onnx.ts";
import { wasmKernel } from "../src/kernel/wasm/wasm.ts";
import type { TensorStatistics } from "../src/merge/method.ts";
import { ties } from "../src/merge/methods/ties.ts";
import { printRows, type Row } from "./row.ts";

const ROUNDS = 9;
/** Far beyond any cache: 64 MB for each bfloat16 input. */
const LINEAR_ELEMENTS = 32 << 20;
const TIES_ELEMENTS = 4 << 20;
const TILES = [4096, 16_384, 65_536, 262_144, TIES_ELEMENTS];
const THREE_BF16: readonly FloatType[] = ["bfloat16", "bfloat16", "bfloat16"];

/** Weights like a checkpoint's: about 0.02 in size, of either sign. */
function fillWeights(view: Uint8Array, seed: number): Uint8Array {
  const bits = new Uint16Array(view.buffer, view.byteOffset, view.length / 2);
  const period = Uint16Array.from({ length: 8191 }, (_, i) =>
    f32ToBf16(0.02 * Math.sin((i + 1) * (seed + 1.7))),
  );
  for (let i = 0; i < bits.length; i += period.length) {
    bits.set(period.subarray(0, Math.min(period.length, bits.length - i)), i);
  }
  return view;
}

/** Shortest time of each action in milliseconds, taken in turn so that a slow moment hits all. */
async function bestTimes(actions: readonly (() => void | Promise<void>)[]): Promise<number[]> {
  const best = actions.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, action] of actions.entries()) {
      const start = performance.now();
      await action();
      best[i] = Math.min(best[i]!, performance.now() - start);
    }
  }
  return best;
}

/** Bytes a second of a weighted sum of three bfloat16 models, as a percentage of memcpy's. */
async function linearRows(): Promise<Row[]> {
  const kernel = wasmKernel();
  const elements = LINEAR_ELEMENTS;
  const arena = kernel.arena(elements * 10);
  const inputs = [0, 1, 2].map((seed) => fillWeights(arena.allocate(2 * elements), seed));
  const output = arena.allocate(4 * elements);
  const source = Buffer.alloc(5 * elements, 1);
  const target = Buffer.alloc(5 * elements, 2);
  const copyTraffic = 2 * source.length;
  const rows: Row[] = [];
  for (const store of ["float32", "bfloat16"] as const) {
    const width = store === "float32" ? 4 : 2;
    const compiled = await kernel.compile({
      expression: sum([0, 1, 2].map((i) => mul(scalar(i), input(i)))),
      inputs: THREE_BF16,
      arithmetic: "float32",
      round: "bfloat16",
      store,
      draws: "counter",
    });
    const call: TileCall = {
      elements,
      firstElement: 0,
      inputs,
      output: output.subarray(0, width * elements),
      scalars: Float64Array.of(0.5, 0.3, 0.2),
      integers: new Uint32Array(),
    };
    const [copy, merge] = await bestTimes([
      () => void source.copy(target),
      () => compiled.run(call),
    ]);
    const rate = ((6 + width) * elements) / merge!;
    rows.push({
      name: `linear of three bfloat16 models into ${store}: traffic against memcpy's`,
      value: (100 * rate) / (copyTraffic / copy!),
      unit: "%",
      target: "≥ 60 %",
    });
    rows.push({ name: `the same, elements a second`, value: elements / merge! / 1e6, unit: "G/s" });
  }
  return rows;
}

/** TIES of a base and three models at density 0.5: the fused pass against graphs of one operator a step. */
async function tiesRows(): Promise<Row[]> {
  const merge = {
    inputs: 4,
    base: 0,
    global: { normalize: 1, lambda: 0.9, rescale: 0, int8_mask: 0 },
    perModel: [{}, ...[0.5, 0.3, 0.2].map((weight) => ({ weight, density: 0.5 }))],
    shape: [TIES_ELEMENTS],
    elements: TIES_ELEMENTS,
    arithmetic: "float32",
    compat: false,
  } as const;
  const program: Program = {
    expression: ties.expression(merge),
    inputs: ["bfloat16", ...THREE_BF16],
    arithmetic: "float32",
    round: "bfloat16",
    store: "bfloat16",
    draws: "counter",
  };
  // the numbers a merge would compute, but for a threshold that is taken as given
  const cuts = { magnitudeCut: async () => ({ threshold: 0.01, cut: 1 << 20 }) };
  const { scalars, integers } = await ties.coefficients(merge, cuts as unknown as TensorStatistics); // all ties asks for
  const wasm = wasmKernel();
  const graphs = TILES.map((tile) =>
    onnxKernel({ device: "cpu", threads: 1, tile, losesNegativeZeros: true }),
  );
  const callIn = (kernel: Kernel): TileCall => {
    const arena = kernel.arena(10 * TIES_ELEMENTS);
    return {
      elements: TIES_ELEMENTS,
      firstElement: 0,
      inputs: [0, 1, 2, 3].map((seed) => fillWeights(arena.allocate(2 * TIES_ELEMENTS), seed)),
      output: arena.allocate(2 * TIES_ELEMENTS),
      scalars: Float64Array.from(scalars),
      integers: Uint32Array.from(integers),
    };
  };
  const kernels = [wasm, ...graphs];
  const calls = kernels.map(callIn);
  const compiled: CompiledProgram[] = [];
  for (const kernel of kernels) compiled.push(await kernel.compile(program));
  const times = await bestTimes(compiled.map((each, i) => () => each.run(calls[i]!)));
  for (const kernel of kernels) await kernel.close();
  const [fused, ...unfused] = times;
  const best = Math.min(...unfused);
  return [
    {
      name: `ties of three models: fused pass against the best unfused graph (tile ${TILES[unfused.indexOf(best)]})`,
      value: best / fused!,
      unit: "×",
      target: "≥ 4 ×",
    },
    { name: "the same, elements a second", value: TIES_ELEMENTS / fused! / 1e6, unit: "G/s" },
  ];
}

/** All figures of the kernel. */
export async function benchKernel(): Promise<Row[]> {
  return [...(await linearRows()), ...(await tiesRows())];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) printRows(await benchKernel());
