// A tensor's way through memory when it is merged from files to a file: two tiles of room, so that while
// one is computed the next is read and the one before it written. Each tensor in work has buffers of its own.

import { bytesPerElement } from "../../base/dtype.ts";
import { held } from "../../base/held.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import type { TensorPlan } from "../plan.ts";
import type { TensorInputs } from "../tensor-inputs.ts";
import { elementsOf, type TensorPass } from "../tensor-pass.ts";
import { ALIGNMENT, aligned, carve, type FileInputs } from "./file-inputs.ts";

/** Elements of a tile at most. */
const TILE = 2 ** 20;
/** Bytes of all tiles together, at most: of one tensor in work, and of all. */
const BUFFER_BYTES = 2 ** 26;
const ALL_BUFFER_BYTES = 3 * 2 ** 26;
/** Bytes of the inputs that are held for the statistics of all tensors in work, at most. */
const HELD_BYTES = 5 * 2 ** 26;

/** Tensors that a thread has in work: while one waits for the disk, another is computed. */
export const TENSORS_AT_ONCE = 2;

/** A process of Node with compiled kernels. */
const PROCESS_BYTES = 130 * 2 ** 20;
/** What a further thread takes, besides its tiles. */
const THREAD_BYTES = 50 * 2 ** 20;

/** Most bytes that merging these tensors to files takes in memory: tiles, held inputs, and the process. */
export function memoryOf(tensors: readonly TensorPlan[], threads: number): number {
  const inWork = TENSORS_AT_ONCE * threads;
  const elements = largest(tensors, ({ shape }) => elementsOf(shape));
  const widest = largest(tensors, ({ sources }) => 4 * (sources.length + 1));
  const tiles = Math.min(bufferBytes(inWork), 2 * widest * Math.min(TILE, elements));
  const held = Math.min(HELD_BYTES / inWork, widest * elements);
  return PROCESS_BYTES + threads * THREAD_BYTES + inWork * (tiles + held);
}

/** The largest of some numbers; 0 of none, as in a plan that only copies. A plan may have too many for Math.max. */
function largest<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((most, item) => Math.max(most, of(item)), 0);
}

interface Slot {
  readonly inputs: Uint8Array;
  readonly output: Uint8Array;
  /** Settles when `output` may be overwritten. */
  written: Promise<void>;
}

const bufferBytes = (inWork: number) => Math.min(BUFFER_BYTES, ALL_BUFFER_BYTES / inWork);

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

/**
 * Room for two tiles of the plan's widest tensor and for held inputs, in kernel memory.
 * @param inWork tensors that share the memory for tiles
 */
export function openBuffers(
  kernel: Kernel,
  tensors: readonly TensorPlan[],
  inputs: readonly TensorInputs[],
  inWork: number,
): TileBuffers {
  const inputWidth = largest(inputs, ({ types }) =>
    types.reduce((sum, type) => sum + bytesPerElement(type), 0),
  );
  const outputWidth = largest(tensors, ({ dtype }) => bytesPerElement(dtype));
  const most = largest(tensors, ({ shape }) => elementsOf(shape));
  const fitting = Math.floor(bufferBytes(inWork) / 2 / (inputWidth + outputWidth));
  const tileElements = Math.max(1, Math.min(TILE, fitting, most));
  const padding = ALIGNMENT * largest(inputs, ({ types }) => types.length);
  const sizes = [tileElements * inputWidth + padding, tileElements * outputWidth].map(aligned);
  const heldMost = largest(inputs, ({ types, elements }) =>
    types.reduce((sum, type) => sum + aligned(elements * bytesPerElement(type)), 0),
  );
  const held = Math.min(aligned(HELD_BYTES / inWork), heldMost);
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
    const inMemory = room.map((_, i) => sources.view?.(i, firstElement, elements));
    const reads = room.flatMap((view, i) =>
      inMemory[i] === undefined ? [sources.readInto(i, firstElement, view)] : [],
    );
    return {
      slot,
      firstElement,
      elements,
      inputs: room.map((view, i) => inMemory[i] ?? view),
      output: slot.output.subarray(0, elements * bytesPerElement(tensor.dtype)),
      read: held(Promise.all(reads)),
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
