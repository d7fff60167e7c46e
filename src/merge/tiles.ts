// A tensor's way through memory when it is merged from files to a file: two tiles of room, so that while
// one is computed the next is read and the one before it written.

import { bytesPerElement } from "../base/dtype.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { TensorInputs } from "./elements.ts";
import { SORT_LIMIT } from "./magnitudes.ts";
import type { TensorPlan } from "./plan.ts";
import { sourceReader } from "./rows.ts";
import { elementsOf, type TensorPass } from "./tensor-pass.ts";

/** Elements of a tile at most. */
const TILE = 2 ** 20;
/** Bytes of all tiles together, at most. */
const BUFFER_BYTES = 2 ** 27;
/** Views start at multiples of it. */
const ALIGNMENT = 64;

/** Inputs that lie in model folders. */
export interface FileInputs extends TensorInputs {
  /** Fills `into` with the bytes of input `input` from an element on. */
  readInto(input: number, firstElement: number, into: Uint8Array): Promise<void>;
}

/** The sources of a tensor; `checkpoints` are the plan's models. Throws TsmergeError `incompatible` as typeOf. */
export function fileInputs(tensor: TensorPlan, checkpoints: readonly Checkpoint[]): FileInputs {
  const readers = tensor.sources.map((source) => sourceReader(source, checkpoints));
  const types = readers.map(({ type }) => type);
  const scratch = types.map(() => new Uint8Array(0));
  const readInto = (i: number, firstElement: number, into: Uint8Array) =>
    readers[i]!.read(firstElement * bytesPerElement(types[i]!), into);
  return {
    elements: elementsOf(tensor.shape),
    types,
    readInto,
    async read(i, firstElement, count) {
      const bytes = count * bytesPerElement(types[i]!);
      if (scratch[i]!.length < bytes) scratch[i] = new Uint8Array(bytes);
      const view = scratch[i]!.subarray(0, bytes);
      await readInto(i, firstElement, view);
      return view;
    },
  };
}

/** A process of Node with compiled kernels. */
const PROCESS_BYTES = 130 * 2 ** 20;
/** What a further thread takes, besides its tiles. */
const THREAD_BYTES = 50 * 2 ** 20;
/** What exact selection by magnitude holds for each element of a tensor, up to SORT_LIMIT of them. */
const STATISTICS_WIDTH = 16;

/** Most bytes that merging these tensors to files takes in memory: tiles, statistics, and the process. */
export function memoryOf(tensors: readonly TensorPlan[], threads: number): number {
  const elements = Math.max(...tensors.map(({ shape }) => elementsOf(shape)));
  const widest = Math.max(...tensors.map(({ sources }) => 4 * (sources.length + 1)));
  const tiles = Math.min(BUFFER_BYTES, 2 * widest * Math.min(TILE, elements));
  const statistics = STATISTICS_WIDTH * Math.min(SORT_LIMIT, elements);
  return PROCESS_BYTES + threads * (THREAD_BYTES + tiles + statistics);
}

interface Slot {
  readonly inputs: Uint8Array;
  readonly output: Uint8Array;
  /** Settles when `output` may be overwritten. */
  written: Promise<void>;
}

export interface TileBuffers {
  readonly tileElements: number;
  /** The slots in turn: a slot's inputs are free when the tile after it has been computed. */
  next(): Slot;
  /** Waits for every write; throws the first that failed. */
  idle(): Promise<void>;
  close(): void;
}

/** Room for two tiles of the plan's widest tensor, in kernel memory. */
export function openBuffers(
  kernel: Kernel,
  tensors: readonly TensorPlan[],
  inputs: readonly TensorInputs[],
): TileBuffers {
  const widths = inputs.map(({ types }) =>
    types.reduce((sum, type) => sum + bytesPerElement(type), 0),
  );
  const inputWidth = Math.max(...widths);
  const outputWidth = Math.max(...tensors.map(({ dtype }) => bytesPerElement(dtype)));
  const most = Math.max(...tensors.map(({ shape }) => elementsOf(shape)));
  const fitting = Math.floor(BUFFER_BYTES / 2 / (inputWidth + outputWidth));
  const tileElements = Math.max(1, Math.min(TILE, fitting, most));
  const padding = ALIGNMENT * Math.max(...inputs.map(({ types }) => types.length));
  const sizes = [tileElements * inputWidth + padding, tileElements * outputWidth].map(aligned);
  const arena = kernel.arena(2 * (sizes[0]! + sizes[1]!));
  const slots = [0, 1].map(
    (): Slot => ({
      inputs: arena.allocate(sizes[0]!),
      output: arena.allocate(sizes[1]!),
      written: Promise.resolve(),
    }),
  );
  let turn = 0;
  return {
    tileElements,
    next: () => slots[turn++ % slots.length]!,
    async idle() {
      for (const slot of slots) await slot.written;
    },
    close: () => arena.close(),
  };
}

interface Tile {
  readonly slot: Slot;
  readonly firstElement: number;
  readonly elements: number;
  readonly inputs: readonly Uint8Array[];
  readonly output: Uint8Array;
  readonly read: Promise<unknown>;
}

/** Runs a pass over a whole tensor; `write` takes each output tile and resolves when it may be overwritten. */
export async function streamTiles(
  tensor: TensorPlan,
  pass: TensorPass,
  sources: FileInputs,
  buffers: TileBuffers,
  write: (output: Uint8Array) => Promise<void>,
): Promise<void> {
  const start = (firstElement: number): Tile | undefined => {
    const elements = Math.min(buffers.tileElements, sources.elements - firstElement);
    if (elements <= 0) return undefined;
    const slot = buffers.next();
    const inputs = carve(slot.inputs, sources, elements);
    return {
      slot,
      firstElement,
      elements,
      inputs,
      output: slot.output.subarray(0, elements * bytesPerElement(tensor.dtype)),
      read: held(Promise.all(inputs.map((view, i) => sources.readInto(i, firstElement, view)))),
    };
  };
  let tile = start(0);
  while (tile !== undefined) {
    await tile.read;
    const following = start(tile.firstElement + tile.elements);
    await tile.slot.written;
    await pass.run(tile.firstElement, tile.elements, tile.inputs, tile.output);
    tile.slot.written = held(write(tile.output));
    tile = following;
  }
}

/** One view an input, one after another. */
function carve(bytes: Uint8Array, { types }: TensorInputs, elements: number): Uint8Array[] {
  let at = 0;
  return types.map((type) => {
    const end = at + elements * bytesPerElement(type);
    const view = bytes.subarray(at, end);
    at = aligned(end);
    return view;
  });
}

const aligned = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** A promise that is awaited later: its failure waits with it, instead of ending the process as unhandled. */
function held<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
