// A checkpoint with a LoRA adapter merged in: W + s·B·A (LoRA, arXiv:2106.09685, eq. 3) for the bytes that
// are asked for, when they are asked for. The sum, a float32, is rounded once to the stored type.
// Memory: the two thin matrices of the few tensors read last.

import { bytesPerElement, type FloatType, isFloatType } from "../base/dtype.ts";
import { TsmergeError } from "../base/errors.ts";
import { convertFloats, floatView } from "../base/float-view.ts";
import { memo } from "../base/memo.ts";
import { type LowRankChange, openAdapter, type Replacement } from "./adapter.ts";
import type { Checkpoint, TensorInfo } from "./checkpoint.ts";

/** Tensors whose matrices are kept: as many as are read side by side, and no more. */
const KEPT_FACTORS = 8;

/** L [rows, rank] and R [rank, columns], row-major. */
interface Factors {
  readonly left: Float32Array;
  readonly right: Float32Array;
  readonly columns: number;
}

/** Wraps an open base, which the result closes. Throws as openAdapter. */
export async function openAdapted(base: Checkpoint, folder: string): Promise<Checkpoint> {
  const { checkpoint: adapter, changes } = await openAdapter(base, folder);
  const tensors = new Map(base.tensors);
  for (const [name, change] of changes) {
    if (change.kind === "replacement") tensors.set(name, resized(tensors.get(name)!, change));
  }
  const factors = memo<Factors>(KEPT_FACTORS);
  return {
    directory: base.directory,
    tensors,
    async read(name, byteOffset, into) {
      const change = changes.get(name);
      if (change === undefined) return base.read(name, byteOffset, into);
      const tensor = tensors.get(name)!; // changes are of tensors that are there
      checkRange(tensor, byteOffset, into, base.directory);
      await readElements(tensor, byteOffset, into, async (first, bytes) => {
        if (change.kind === "replacement") return convert(adapter, change.by, first, bytes, tensor);
        await base.read(name, first * bytesPerElement(tensor.dtype), bytes);
        const pair = await factors(name, () => readFactors(adapter, change));
        addProduct(bytes, first, tensor, change, pair);
      });
    },
    async close() {
      await Promise.all([base.close(), adapter.close()]);
    },
  };
}

/** The replaced tensor keeps the base's type: a model has one, whatever an adapter was saved in. */
function resized({ name, dtype }: TensorInfo, { by }: Replacement): TensorInfo {
  const byteLength = by.elements * bytesPerElement(dtype);
  return { name, dtype, shape: by.shape, elements: by.elements, byteLength };
}

function checkRange(
  { name, byteLength }: TensorInfo,
  byteOffset: number,
  into: Uint8Array,
  where: string,
): void {
  if (byteOffset >= 0 && byteOffset + into.byteLength <= byteLength) return;
  const wanted = `${into.byteLength} bytes from ${byteOffset}`;
  throw new TsmergeError(
    "internal",
    `tensor "${name}" has ${byteLength} bytes, and ${wanted} were asked for`,
    { where },
  );
}

/** Calls `fill` with whole elements: `into` itself, or more than it where it starts or ends inside one. */
async function readElements(
  { dtype }: TensorInfo,
  byteOffset: number,
  into: Uint8Array,
  fill: (firstElement: number, bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const width = bytesPerElement(dtype);
  const first = Math.floor(byteOffset / width);
  const end = Math.ceil((byteOffset + into.byteLength) / width);
  const skipped = byteOffset - first * width;
  if (skipped === 0 && (end - first) * width === into.byteLength) return fill(first, into);
  const whole = new Uint8Array((end - first) * width);
  await fill(first, whole);
  into.set(whole.subarray(skipped, skipped + into.byteLength));
}

/** Adds scale·L·R to the elements from `first` on, row by row. */
function addProduct(
  bytes: Uint8Array,
  first: number,
  { dtype }: TensorInfo,
  { rank, scale }: LowRankChange,
  { left, right, columns }: Factors,
): void {
  const weights = floatView(bytes, asFloat(dtype));
  const sums = new Float64Array(columns);
  for (let done = 0; done < weights.length; ) {
    const row = Math.floor((first + done) / columns);
    const start = first + done - row * columns;
    const count = Math.min(columns - start, weights.length - done);
    sums.fill(0, 0, count);
    addRows(sums, count, left.subarray(row * rank, (row + 1) * rank), right, start, columns);
    for (let i = 0; i < count; i++) {
      const sum = Math.fround(weights.get(done + i) + scale * sums[i]!);
      weights.set(done + i, sum);
    }
    done += count;
  }
}

/** Adds Σ factors[k]·rows[k] over a row's columns [start, start + count). Four rows at a time: half the time. */
function addRows(
  sums: Float64Array,
  count: number,
  factors: Float32Array,
  rows: Float32Array,
  start: number,
  columns: number,
): void {
  let k = 0;
  for (; k + 4 <= factors.length; k += 4) {
    const [f0, f1, f2, f3] = [factors[k]!, factors[k + 1]!, factors[k + 2]!, factors[k + 3]!];
    const r0 = k * columns + start;
    const [r1, r2, r3] = [r0 + columns, r0 + 2 * columns, r0 + 3 * columns];
    for (let i = 0; i < count; i++) {
      sums[i]! += f0 * rows[r0 + i]! + f1 * rows[r1 + i]! + f2 * rows[r2 + i]! + f3 * rows[r3 + i]!;
    }
  }
  for (; k < factors.length; k++) {
    const factor = factors[k]!;
    const from = k * columns + start;
    for (let i = 0; i < count; i++) sums[i]! += factor * rows[from + i]!;
  }
}

async function readFactors(adapter: Checkpoint, change: LowRankChange): Promise<Factors> {
  const { left, right, isTransposed } = change;
  const [a, b] = await Promise.all([numbersOf(adapter, left), numbersOf(adapter, right)]);
  if (!isTransposed) return { left: a, right: b, columns: right.shape[1]! };
  return { left: transposed(a, left), right: transposed(b, right), columns: right.shape[0]! };
}

async function numbersOf(checkpoint: Checkpoint, tensor: TensorInfo): Promise<Float32Array> {
  const bytes = new Uint8Array(tensor.byteLength);
  await checkpoint.read(tensor.name, 0, bytes);
  const view = floatView(bytes, asFloat(tensor.dtype));
  const numbers = new Float32Array(view.length);
  for (let i = 0; i < numbers.length; i++) numbers[i] = view.get(i);
  return numbers;
}

function transposed(values: Float32Array, { shape }: TensorInfo): Float32Array {
  const [rows, columns] = [shape[0]!, shape[1]!]; // adapters are checked to be matrices
  const result = new Float32Array(values.length);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) result[j * rows + i] = values[i * columns + j]!;
  }
  return result;
}

/** Elements of a stand-in tensor from `first` on, in the type of the one it stands in for. */
async function convert(
  adapter: Checkpoint,
  by: TensorInfo,
  first: number,
  bytes: Uint8Array,
  { dtype }: TensorInfo,
): Promise<void> {
  const width = bytesPerElement(by.dtype);
  if (by.dtype === dtype) return adapter.read(by.name, first * width, bytes);
  const target = floatView(bytes, asFloat(dtype));
  const stored = new Uint8Array(target.length * width);
  await adapter.read(by.name, first * width, stored);
  convertFloats(floatView(stored, asFloat(by.dtype)), target);
}

function asFloat(dtype: TensorInfo["dtype"]): FloatType {
  if (isFloatType(dtype)) return dtype;
  throw new TsmergeError("internal", `an adapter changes a tensor of ${dtype}`);
}
