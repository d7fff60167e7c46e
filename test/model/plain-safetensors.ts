// Safetensors files that we trust, read in the simplest way, so that the decoder's tests stand on nothing of
// ours. The checkpoint reader is for what users bring.

import { readFileSync } from "node:fs";
import { bf16ToF32 } from "../../src/base/half.ts";

interface RawTensor {
  readonly dtype: string;
  readonly shape: number[];
  readonly bytes: ArrayBuffer;
}

export function rawTensors(file: string): Map<string, RawTensor> {
  const bytes = readFileSync(file);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  // the format's own header, from files that were generated for these tests
  const header = JSON.parse(bytes.toString("utf8", 8, start)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  return new Map(
    Object.entries(header)
      .filter(([name]) => name !== "__metadata__")
      .map(
        ([
          name,
          {
            dtype,
            shape,
            data_offsets: [from, to],
          },
        ]) => [
          name,
          { dtype, shape, bytes: Uint8Array.from(bytes.subarray(start + from, start + to)).buffer },
        ],
      ),
  );
}

/** All tensors of a file of F32 or BF16, as float32. */
export function floatTensors(file: string): Map<string, { data: Float32Array; shape: number[] }> {
  const widened = ({ dtype, bytes }: RawTensor) =>
    dtype === "BF16"
      ? Float32Array.from(new Uint16Array(bytes), bf16ToF32)
      : new Float32Array(bytes);
  return new Map(
    [...rawTensors(file)].map(([name, tensor]) => [
      name,
      { data: widened(tensor), shape: tensor.shape },
    ]),
  );
}
