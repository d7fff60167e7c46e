// A source that is not one stored tensor as it is: tokenizer surgery moves the rows of embeddings and fills
// those of tokens that a model does not have; experts are read in another layout than theirs. Nothing is held:
// bytes are gathered when they are read, and rows that lie side by side are read in one go.

import { bytesPerElement, type FloatType } from "../base/dtype.ts";
import { convertFloats, floatView } from "../base/float-view.ts";
import { roundTo } from "../base/half.ts";
import type { Checkpoint, TensorPart } from "../checkpoint/checkpoint.ts";
import type { RowMap, RowOf, TensorSource } from "./plan.ts";
import { typeOf } from "./tensor-inputs.ts";

/** The bytes of one source, stored, in parts or mapped. */
export interface SourceReader {
  readonly type: FloatType;
  /** Fills `into` from a byte offset, which is a multiple of the element's size. */
  read(byteOffset: number, into: Uint8Array): Promise<void>;
}

/** Elements of one read while a whole table is averaged. */
const CHUNK = 2 ** 18;

/**
 * Opens a source; `checkpoints` are the plan's models.
 * @throws TsmergeError `incompatible` as typeOf
 */
export function sourceReader(
  source: TensorSource,
  checkpoints: readonly Checkpoint[],
): SourceReader {
  if (source.parts !== undefined) return partsReader(source, source.parts, checkpoints);
  const stored = storedReader(source, checkpoints);
  return source.rows === undefined ? stored : mappedReader(source, source.rows, checkpoints);
}

/** Ranges of stored tensors of one type, end to end. */
function partsReader(
  { model }: TensorSource,
  parts: readonly TensorPart[],
  checkpoints: readonly Checkpoint[],
): SourceReader {
  const checkpoint = checkpoints[model]!;
  const type = typeOf(checkpoint, { model, name: parts[0]!.name }); // a view has one part at least
  const width = bytesPerElement(type);
  return {
    type,
    async read(byteOffset, into) {
      let start = 0; // of a part, in the whole
      for (const { name, firstElement, elements } of parts) {
        const [from, end] = [Math.max(start, byteOffset), start + elements * width];
        const until = Math.min(end, byteOffset + into.byteLength);
        if (from < until) {
          const view = into.subarray(from - byteOffset, until - byteOffset);
          await checkpoint.read(name, firstElement * width + from - start, view);
        }
        start = end;
      }
    },
  };
}

function storedReader(
  { model, name }: Pick<TensorSource, "model" | "name">,
  checkpoints: readonly Checkpoint[],
): SourceReader {
  const checkpoint = checkpoints[model]!;
  return {
    type: typeOf(checkpoint, { model, name }),
    read: (byteOffset, into) => checkpoint.read(name, byteOffset, into),
  };
}

function mappedReader(
  source: TensorSource,
  map: RowMap,
  checkpoints: readonly Checkpoint[],
): SourceReader {
  const { type } = map;
  const own = storedReader(source, checkpoints);
  const donors = map.donors.map((donor) => storedReader(donor, checkpoints));
  const { shape } = checkpoints[source.model]!.tensors.get(source.name)!; // its type was found
  const columns = shape.slice(1).reduce((product, size) => product * size, 1); // 1 of a head's bias
  const width = bytesPerElement(type);
  const rowBytes = columns * width;
  const tokens = map.rows.indexOf("mean"); // padding stands last
  let padding: Promise<Uint8Array> | undefined;

  /** Bytes of consecutive rows of a stored table, in the map's type. */
  async function copy(from: SourceReader, row: number, skip: number, into: Uint8Array) {
    if (from.type === type) return from.read(row * rowBytes + skip, into);
    const storedWidth = bytesPerElement(from.type);
    const stored = new Uint8Array((into.byteLength / width) * storedWidth);
    await from.read((row * columns + skip / width) * storedWidth, stored);
    convertFloats(floatView(stored, from.type), floatView(into, type));
  }

  async function mean(refs: readonly RowOf[]): Promise<Uint8Array> {
    const sums = new Float64Array(columns);
    const row = new Uint8Array(rowBytes);
    const numbers = floatView(row, type);
    for (const { donor, row: index } of refs) {
      await copy(donors[donor]!, index, 0, row);
      for (let c = 0; c < columns; c++) {
        const sum = sums[c]! + numbers.get(c);
        sums[c] = map.isStepwise ? roundTo(type, sum) : sum;
      }
    }
    const count = Math.max(1, refs.length);
    for (let c = 0; c < columns; c++) numbers.set(c, Math.fround(sums[c]! / count));
    return row;
  }

  async function meanOfTokens(): Promise<Uint8Array> {
    const sums = new Float64Array(columns);
    const rows = Math.max(1, Math.floor(CHUNK / columns));
    for (let first = 0; first < tokens; first += rows) {
      const bytes = new Uint8Array(Math.min(rows, tokens - first) * rowBytes);
      await read(first * rowBytes, bytes);
      const numbers = floatView(bytes, type);
      for (let at = 0; at < numbers.length; at += columns) {
        for (let c = 0; c < columns; c++) sums[c]! += numbers.get(at + c);
      }
    }
    const row = new Uint8Array(rowBytes);
    const means = floatView(row, type);
    for (let c = 0; c < columns; c++) means.set(c, Math.fround(sums[c]! / tokens));
    return row;
  }

  async function read(byteOffset: number, into: Uint8Array): Promise<void> {
    for (let at = 0; at < into.byteLength; ) {
      const first = Math.floor((byteOffset + at) / rowBytes);
      const skip = (byteOffset + at) % rowBytes;
      const most = Math.ceil((skip + into.byteLength - at) / rowBytes);
      const { place, rows } = runFrom(map, first, most);
      const view = into.subarray(at, Math.min(into.byteLength, at + rows * rowBytes - skip));
      if (place !== undefined) {
        await copy(place.donor === undefined ? own : donors[place.donor]!, place.row, skip, view);
      } else {
        const origin = map.rows[first]!;
        if (origin === "mean") padding ??= meanOfTokens();
        const row = Array.isArray(origin) ? await mean(origin) : await padding!; // a number has a place
        view.set(row.subarray(skip, skip + view.byteLength));
      }
      at += view.byteLength;
    }
  }
  return { type, read };
}

/** One row of a stored table: of the source itself, or of a donor. */
interface Place {
  readonly donor: number | undefined;
  readonly row: number;
}

function placeOf(map: RowMap, index: number): Place | undefined {
  const origin = map.rows[index];
  if (typeof origin === "number") return { donor: undefined, row: origin };
  return Array.isArray(origin) && origin.length === 1 ? origin[0] : undefined;
}

/** How many rows from `first` on, at most `most`, lie side by side in one table; 1 for a computed row. */
function runFrom(
  map: RowMap,
  first: number,
  most: number,
): { place: Place | undefined; rows: number } {
  const place = placeOf(map, first);
  let rows = 1;
  while (place !== undefined && rows < most) {
    const next = placeOf(map, first + rows);
    if (next === undefined || next.donor !== place.donor || next.row !== place.row + rows) break;
    rows++;
  }
  return { place, rows };
}
