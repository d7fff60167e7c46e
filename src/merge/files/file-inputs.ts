// The inputs of a tensor as they lie in model folders: read from there each time, or held in memory once
// statistics have asked for them.

import { bytesPerElement } from "../../base/dtype.ts";
import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import type { TensorPlan } from "../plan.ts";
import { sourceReader } from "../rows.ts";
import type { TensorInputs } from "../tensor-inputs.ts";
import { elementsOf } from "../tensor-pass.ts";

/** Views start at multiples of it. */
export const ALIGNMENT = 64;

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
  // the bytes of a read stay while the next one fills the other half
  const scratch = types.map(() => [new Uint8Array(0), new Uint8Array(0)]);
  const readInto = (i: number, firstElement: number, into: Uint8Array) =>
    readers[i]!.read(firstElement * bytesPerElement(types[i]!), into);
  const elements = elementsOf(tensor.shape);
  return {
    elements,
    types,
    readInto,
    async read(i, firstElement, count) {
      const bytes = count * bytesPerElement(types[i]!);
      const [next, last] = scratch[i]!;
      const room = next!.length < bytes ? new Uint8Array(bytes) : next!;
      scratch[i] = [last!, room];
      const view = room.subarray(0, bytes);
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

/** One view an input of the first `bytes`, one after another. */
export function carve(bytes: Uint8Array, { types }: TensorInputs, elements: number): Uint8Array[] {
  let at = 0;
  return types.map((type) => {
    const end = at + elements * bytesPerElement(type);
    const view = bytes.subarray(at, end);
    at = aligned(end);
    return view;
  });
}

export const aligned = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
