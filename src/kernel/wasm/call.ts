// What passes of every kind are called with: the memory that all views of a call lie in, and the numbers in
// the order of the parameters.

import type { Computation, FoldCall } from "../kernel.ts";
import type { Demand } from "../program.ts";
import type { WasmMemory } from "./runtime.ts";

/** Memories by their buffers. */
export type Memories = WeakMap<ArrayBuffer, WasmMemory>;

/** The one memory that holds every view, or undefined. */
export function commonMemory(
  views: readonly ArrayBufferView[],
  memories: Memories,
): WasmMemory | undefined {
  const buffer = views[0]?.buffer;
  if (!(buffer instanceof ArrayBuffer) || views.some((view) => view.buffer !== buffer)) {
    return undefined;
  }
  return memories.get(buffer);
}

/** Addresses of a piece, in the order of the pass's parameters. */
export interface Addresses {
  readonly output: number;
  readonly inputs: readonly number[];
  readonly planes: readonly number[];
}

/** The arguments of a pass over elements [from, from + elements) of a call. */
export function passArguments(
  program: Computation,
  demand: Demand,
  call: FoldCall,
  from: number,
  elements: number,
  { output, inputs, planes }: Addresses,
): number[] {
  const streams =
    program.draws === "planes" ? planes : (call.streams ?? []).slice(0, demand.streams).flat();
  const scalars = call.scalars.subarray(0, demand.scalars);
  const integers = call.integers.subarray(0, demand.integers);
  const head = [elements, call.firstElement + from, output];
  return [...head, ...inputs, ...streams, ...scalars, ...integers];
}
