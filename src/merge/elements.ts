// One output tensor's inputs as streams of numbers: what statistics read. The kernel itself widens,
// casts and computes, so a task vector here has the very bits that the merge computes with.

import type { StreamKey } from "../base/counter-rng.ts";
import type { FloatType } from "../base/dtype.ts";
import { held } from "../base/held.ts";
import type { Expression } from "../kernel/expression.ts";
import {
  type Arithmetic,
  type Bracket,
  BUCKETS,
  type CompiledProgram,
  type Computation,
  DRAW_BUCKETS,
  FOLD_ELEMENTS,
  type FoldCall,
  type Kernel,
  type Term,
} from "../kernel/kernel.ts";
import { jointSteps } from "../kernel/program.ts";
import { sampleOf, type TensorInputs } from "./tensor-inputs.ts";

/** Computes expressions over a tensor's inputs, which hold no draws and no integers. */
export interface ElementReader {
  readonly elements: number;
  /** Streams the values of `series` side by side in element order; tiles are overwritten after `visit` returns. */
  each(
    series: readonly Expression[],
    visit: (tiles: readonly Float32Array[], firstElement: number) => void,
    scalars?: readonly number[],
  ): Promise<void>;
  /** Σ over the whole tensor of each term, in f64: blocks of FOLD_ELEMENTS as CompiledSums adds them up, in order. */
  sums(terms: readonly Term[], numbers?: SumNumbers): Promise<number[]>;
  /** Sums of an expression by the elements' draws under a key: DRAW_BUCKETS of them, calls of FOLD_ELEMENTS in order. */
  drawSums(expression: Expression, key: StreamKey): Promise<Float64Array>;
  /** Counts the magnitudes of an expression: how many are in each bucket, and last above them. */
  counter(expression: Expression): Counter;
  /** Some of the elements, from all over the tensor and the same each time, as a tensor of their own. */
  sample(): Promise<ElementReader>;
  /** The values of elements [first, first + count), one array a series. */
  read(series: readonly Expression[], first: number, count: number): Promise<Float32Array[]>;
}

/** What the scalars, bounds and draws of a sum's terms refer to; none by default. */
export interface SumNumbers {
  readonly scalars?: readonly number[];
  readonly integers?: readonly number[];
  readonly streams?: readonly StreamKey[];
}

/** The counts of elements [first, first + count). */
export type Counter = (bracket: Bracket, first: number, count: number) => Promise<Uint32Array>;

/** Elements of a tile: small enough for the cache, large enough that a read is not a chore. */
const TILE = 2 ** 16;

/** A series ready to be computed. */
interface Column {
  readonly program: CompiledProgram;
  readonly reads: Reads;
}

/** For each of the tensor's inputs, the one that is read in its place: only what an expression needs is read. */
type Reads = readonly number[];

/** Reads `inputs` as the merge does: cast to `loadAs`, every operation rounded to `arithmetic`. */
export function elementReader(
  kernel: Kernel,
  inputs: TensorInputs,
  loadAs: FloatType | undefined,
  arithmetic: Arithmetic,
): ElementReader {
  const readsOf = (expressions: readonly Expression[]): Reads => {
    const { steps } = jointSteps(expressions);
    const used = new Set(steps.flatMap(({ node }) => (node.op === "input" ? [node.index] : [])));
    const [anyUsed = 0] = used;
    return inputs.types.map((_, i) => (used.has(i) ? i : anyUsed));
  };
  const computation = (reads: Reads): Computation => ({
    inputs: reads.map((i) => inputs.types[i]!),
    ...(loadAs === undefined ? {} : { loadAs }),
    arithmetic,
    draws: "counter",
  });
  const compile = async (expression: Expression): Promise<Column> => {
    const reads = readsOf([expression]);
    const program = await kernel.compile({
      ...computation(reads),
      expression,
      round: "float32", // exact: a value of any arithmetic below f64 is a float32
      store: "float32",
    });
    return { program, reads };
  };

  /** The bytes of elements [first, first + count) of every input, as an expression reads them. */
  async function load(reads: Reads, first: number, count: number): Promise<Uint8Array[]> {
    const used = [...new Set(reads)];
    const bytes = await Promise.all(used.map((i) => inputs.read(i, first, count)));
    return reads.map((i) => bytes[used.indexOf(i)]!);
  }

  async function compute(
    { program, reads }: Column,
    firstElement: number,
    output: Float32Array,
    scalars: Float64Array,
  ): Promise<void> {
    await program.run({
      ...NO_DRAWS,
      elements: output.length,
      firstElement,
      inputs: await load(reads, firstElement, output.length),
      output: new Uint8Array(output.buffer, output.byteOffset, output.byteLength),
      scalars,
    });
  }

  /** Calls `run` for FOLD_ELEMENTS of [from, from + count) at a time; what comes next is read meanwhile. */
  async function fold(
    reads: Reads,
    from: number,
    count: number,
    numbers: SumNumbers,
    run: (call: FoldCall) => void,
  ): Promise<void> {
    const end = from + count;
    const call = {
      scalars: Float64Array.from(numbers.scalars ?? []),
      integers: Uint32Array.from(numbers.integers ?? []),
      streams: numbers.streams ?? [],
    };
    const start = (first: number) =>
      first < end ? held(load(reads, first, Math.min(FOLD_ELEMENTS, end - first))) : undefined;
    let loading = start(from);
    for (let first = from; loading !== undefined; first += FOLD_ELEMENTS) {
      const views: Uint8Array[] = await loading;
      loading = start(first + FOLD_ELEMENTS);
      const elements = Math.min(FOLD_ELEMENTS, end - first);
      run({ ...call, elements, firstElement: first, inputs: views });
    }
  }

  return {
    elements: inputs.elements,
    async each(series, visit, scalars = []) {
      const columns = await Promise.all(series.map(compile));
      const numbers = Float64Array.from(scalars);
      const size = Math.min(TILE, inputs.elements);
      const buffers = series.map(() => new Float32Array(size));
      for (let firstElement = 0; firstElement < inputs.elements; firstElement += size) {
        const elements = Math.min(size, inputs.elements - firstElement);
        const tiles = buffers.map((buffer) => buffer.subarray(0, elements));
        for (const [s, column] of columns.entries()) {
          await compute(column, firstElement, tiles[s]!, numbers);
        }
        visit(tiles, firstElement);
      }
    },
    async sums(terms, numbers = {}) {
      const reads = readsOf(terms.flat());
      const { run } = kernel.sums({ ...computation(reads), terms });
      const totals = terms.map(() => 0);
      await fold(reads, 0, inputs.elements, numbers, (call) => {
        for (const [t, sum] of run(call).entries()) totals[t]! += sum;
      });
      return totals;
    },
    async drawSums(expression, key) {
      const reads = readsOf([expression]);
      const { run } = kernel.drawSums({ ...computation(reads), expression });
      const sums = new Float64Array(DRAW_BUCKETS);
      await fold(reads, 0, inputs.elements, { streams: [key] }, (call) => run(call, sums));
      return sums;
    },
    counter(expression) {
      const reads = readsOf([expression]);
      const { run } = kernel.counts({ ...computation(reads), expression });
      return async (bracket, first, count) => {
        const counts = new Uint32Array(BUCKETS + 1);
        await fold(reads, first, count, {}, (call) => run(call, bracket, counts));
        return counts;
      };
    },
    sample: async () => elementReader(kernel, await sampleOf(inputs), loadAs, arithmetic),
    async read(series, first, count) {
      const columns = await Promise.all(series.map(compile));
      const values = series.map(() => new Float32Array(count));
      for (const [s, column] of columns.entries()) {
        await compute(column, first, values[s]!, NO_SCALARS);
      }
      return values;
    },
  };
}

const NO_SCALARS = new Float64Array(0);
const NO_DRAWS = { integers: new Uint32Array(0), streams: [] } as const;
