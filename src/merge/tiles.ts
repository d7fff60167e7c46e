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
/** Bytes of all tiles together, at most: of one thread, and of all. */
const BUFFER_BYTES = 2 ** 27;
const ALL_BUFFER_BYTES = 3 * 2 ** 26;
/** Bytes of the inputs that all threads together hold for their statistics, at most. */
const HELD_BYTES = 5 * 2 ** 26;
/** Views start at multiples of it. */
const ALIGNMENT = 64;

/** Inputs that lie in model folders. */
export interface FileInputs extends TensorInputs {
  /** Fills `into` with the bytes of input `input` from an element on. */
  readInto(input: number, firstElement: number, into: Uint8Array): Promise<void>;
  /** The bytes of some elements where they are in memory already. */
  view?(input: number, firstElement: number, elements: number): Uint8Array | undefined;
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

/** One read: several at once copy faster than one. */
const LOAD_BYTES = 2 ** 23;

/**
 * The same inputs, which stay in `hold` once statistics have asked for them, so that the disk is read once
 * whatever the number of passes; where they do not fit, `source` itself.
 */
export function heldInputs(source: FileInputs, hold: Uint8Array): FileInputs {
  const { elements, types } = source;
  const widths = types.map(bytesPerElement);
  const bytes = widths.reduce((sum, width) => sum + aligned(elements * width), 0);
  if (bytes > hold.length) return source;
  const whole = carve(hold, source, elements);
  const loading: (Promise<unknown> | undefined)[] = types.map(() => undefined);
  const load = (i: number): Promise<unknown> => {
    const step = LOAD_BYTES / widths[i]!;
    const starts = Array.from({ length: Math.ceil(elements / step) }, (_, k) => k * step);
    return Promise.all(starts.map((first) => source.readInto(i, first, viewOf(i, first, step))));
  };
  const viewOf = (i: number, first: number, count: number) =>
    whole[i]!.subarray(first * widths[i]!, (first + count) * widths[i]!);
  return {
    ...source,
    view: (i, first, count) => (loading[i] === undefined ? undefined : viewOf(i, first, count)),
    async read(i, first, count) {
      loading[i] ??= load(i);
      await loading[i];
      return viewOf(i, first, count);
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
  const elements = Math.max(0, ...tensors.map(({ shape }) => elementsOf(shape)));
  const widest = Math.max(0, ...tensors.map(({ sources }) => 4 * (sources.length + 1)));
  const tiles = Math.min(bufferBytes(threads), 2 * widest * Math.min(TILE, elements));
  const held = Math.min(HELD_BYTES / threads, widest * elements);
  const statistics = STATISTICS_WIDTH * Math.min(SORT_LIMIT, elements);
  return PROCESS_BYTES + threads * (THREAD_BYTES + tiles + held + statistics);
}

interface Slot {
  readonly inputs: Uint8Array;
  readonly output: Uint8Array;
  /** Settles when `output` may be overwritten. */
  written: Promise<void>;
}

const bufferBytes = (threads: number) => Math.min(BUFFER_BYTES, ALL_BUFFER_BYTES / threads);

export interface TileBuffers {
  readonly tileElements: number;
  /** Room for heldInputs. */
  readonly hold: Uint8Array;
  /** The slots in turn: a slot's inputs are free when the tile after it has been computed. */
  next(): Slot;
  /** Waits for every write; throws the first that failed. */
  idle(): Promise<void>;
  close(): void;
}

/** Room for two tiles of the plan's widest tensor and for held inputs, in kernel memory. */
export function openBuffers(
  kernel: Kernel,
  tensors: readonly TensorPlan[],
  inputs: readonly TensorInputs[],
  threads = 1,
): TileBuffers {
  const widths = inputs.map(({ types }) =>
    types.reduce((sum, type) => sum + bytesPerElement(type), 0),
  );
  const inputWidth = Math.max(0, ...widths);
  const outputWidth = Math.max(0, ...tensors.map(({ dtype }) => bytesPerElement(dtype)));
  const most = Math.max(0, ...tensors.map(({ shape }) => elementsOf(shape)));
  const fitting = Math.floor(bufferBytes(threads) / 2 / (inputWidth + outputWidth));
  const tileElements = Math.max(1, Math.min(TILE, fitting, most));
  const padding = ALIGNMENT * Math.max(0, ...inputs.map(({ types }) => types.length));
  const sizes = [tileElements * inputWidth + padding, tileElements * outputWidth].map(aligned);
  const heldMost = Math.max(
    0, // of a plan that only copies
    ...inputs.map(({ types, elements }) =>
      types.reduce((sum, type) => sum + aligned(elements * bytesPerElement(type)), 0),
    ),
  );
  const held = Math.min(aligned(HELD_BYTES / threads), heldMost);
  const arena = kernel.arena(2 * (sizes[0]! + sizes[1]!) + held);
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
    hold: arena.allocate(held), // its pages are taken when they are first written
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
    const room = carve(slot.inputs, sources, elements);
    const held = room.map((_, i) => sources.view?.(i, firstElement, elements));
    const reads = room.flatMap((view, i) =>
      held[i] === undefined ? [sources.readInto(i, firstElement, view)] : [],
    );
    return {
      slot,
      firstElement,
      elements,
      inputs: room.map((view, i) => held[i] ?? view),
      output: slot.output.subarray(0, elements * bytesPerElement(tensor.dtype)),
      read: settledLater(Promise.all(reads)),
    };
  };
  let tile = start(0);
  while (tile !== undefined) {
    await tile.read;
    const following = start(tile.firstElement + tile.elements);
    await tile.slot.written;
    await pass.run(tile.firstElement, tile.elements, tile.inputs, tile.output);
    tile.slot.written = settledLater(write(tile.output));
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
function settledLater<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
