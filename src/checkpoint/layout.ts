// Where the bytes of a safetensors file go, worked out from names, types and shapes alone, so that a writer
// can put the header first and the tensors later in any order.

import { bytesPerElement, type DType, safetensorsName } from "../base/dtype.ts";
import { PREFIX_BYTES, type StoredTensor } from "./safetensors.ts";

const ALIGNMENT = 8; // of the first tensor, reached by spaces after the JSON

/** What a writer must know of a tensor before its bytes. */
export interface TensorSpec {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** The file's first bytes, and where each tensor's bytes go. */
export interface SafetensorsLayout {
  readonly header: Uint8Array;
  readonly tensors: readonly StoredTensor[];
  readonly fileBytes: number;
}

/**
 * Lays a file out before any tensor is known but by shape. Wider elements stand first, so that every
 * tensor is aligned to its own element size; tensors of equal width keep their order.
 */
export function layOut(
  specs: readonly TensorSpec[],
  metadata: Readonly<Record<string, string>>,
): SafetensorsLayout {
  const ordered = [...specs].sort((a, b) => bytesPerElement(b.dtype) - bytesPerElement(a.dtype));
  const entries: [string, unknown][] = [["__metadata__", metadata]];
  const placed: StoredTensor[] = [];
  let at = 0;
  for (const { name, dtype, shape } of ordered) {
    const byteLength = byteLengthOf({ name, dtype, shape });
    const offsets = [at, at + byteLength];
    entries.push([name, { dtype: safetensorsName(dtype), shape, data_offsets: offsets }]);
    placed.push({ name, dtype, shape, elements: elementsOf(shape), byteLength, fileOffset: at });
    at += byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const length = Math.ceil(json.byteLength / ALIGNMENT) * ALIGNMENT;
  const header = new Uint8Array(PREFIX_BYTES + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(json, PREFIX_BYTES);
  return {
    header,
    tensors: placed.map((t) => ({ ...t, fileOffset: t.fileOffset + header.byteLength })),
    fileBytes: header.byteLength + at,
  };
}

/** The bytes that a tensor's values take. */
export function byteLengthOf({ dtype, shape }: TensorSpec): number {
  return elementsOf(shape) * bytesPerElement(dtype);
}

function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}
