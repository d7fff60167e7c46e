// Merges for a search: parents stay in memory, every candidate is one pass over them into the same
// float32 outputs, which the decoder reads without a copy. Values are rounded to the output type, so
// what is scored is what a checkpoint of the same plan holds.

import { TsmergeError } from "../../base/errors.ts";
import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { openCheckpoint } from "../../checkpoint/open.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import { elementReader } from "../elements.ts";
import { finiteCheck } from "../finite.ts";
import type { MergePlan, TensorPlan } from "../plan.ts";
import { type TensorFacts, tensorFacts } from "../statistics/statistics.ts";
import { residentInputs } from "../tensor-inputs.ts";
import {
  arithmeticOf,
  elementsOf,
  factsKey,
  maskGenerator,
  type ProgramCache,
  prepareTensor,
} from "../tensor-pass.ts";
import { Residence } from "./residence.ts";

/** An output tensor as a view on kernel memory: the next merge overwrites it. */
export interface MergedTensor {
  readonly data: Float32Array<ArrayBuffer>;
  readonly shape: readonly number[];
}

export interface CandidateMergerOptions {
  /** Opens a model folder; files unless given. */
  readonly open?: (directory: string) => Promise<Checkpoint>;
  /** Bytes of an arena at most. */
  readonly arenaLimitBytes?: number;
}

export type MergerState = "idle" | "merging" | "closed";

/** Throws TsmergeError `internal` for a second merge at once, or one after close(). */
export function refuseUnlessIdle(state: MergerState): void {
  if (state === "idle") return;
  throw new TsmergeError("internal", `a candidate was merged while the merger was ${state}`, {
    hint: "await one merge before the next: candidates share what is resident",
  });
}

/** Elements of a tile: its output is still in the cache when it is checked. */
const TILE = 2 ** 16;

export class CandidateMerger {
  readonly #kernel: Kernel;
  readonly #residence: Residence;
  readonly #programs: ProgramCache = new Map();
  /** By what a tensor's facts depend on: sources, base and the types they are read in. */
  readonly #facts = new Map<string, TensorFacts>();
  readonly #views = new Map<Uint8Array, Float32Array<ArrayBuffer>>();
  #state: MergerState = "idle";

  constructor(kernel: Kernel, options: CandidateMergerOptions = {}) {
    this.#kernel = kernel;
    this.#residence = new Residence(
      kernel,
      options.open ?? openCheckpoint,
      options.arenaLimitBytes,
    );
  }

  /** Bytes of weights held: parents as stored, outputs in float32. */
  get residentBytes(): number {
    return this.#residence.bytes;
  }

  /**
   * Computes every tensor of a plan, by output name. Loads what is not resident yet: with the plans of
   * one search, the first merge does and later ones allocate nothing.
   * Throws TsmergeError `numeric` when a result holds NaN or infinity, naming the tensor.
   */
  async merge(plan: MergePlan, signal?: AbortSignal): Promise<ReadonlyMap<string, MergedTensor>> {
    refuseUnlessIdle(this.#state);
    this.#state = "merging";
    try {
      await this.#residence.load(plan, signal);
      const masks = maskGenerator(plan);
      const outputs = new Map<string, MergedTensor>();
      for (const tensor of plan.tensors) {
        signal?.throwIfAborted();
        const data = await this.#mergeTensor(plan, tensor, masks);
        outputs.set(tensor.name, { data, shape: tensor.shape });
      }
      return outputs;
    } finally {
      if (this.#state === "merging") this.#state = "idle";
    }
  }

  close(): void {
    this.#state = "closed";
    this.#residence.close();
    this.#facts.clear();
    this.#views.clear();
  }

  async #mergeTensor(
    plan: MergePlan,
    tensor: TensorPlan,
    masks: ReturnType<typeof maskGenerator>,
  ): Promise<Float32Array<ArrayBuffer>> {
    const elements = elementsOf(tensor.shape);
    const sources = tensor.sources.map((source) => this.#residence.input(plan, source));
    const types = sources.map(({ type }) => type);
    const inputs = residentInputs(
      elements,
      types,
      sources.map(({ bytes }) => bytes),
    );
    const facts = this.#factsOf(plan, tensor, () =>
      tensorFacts(
        elementReader(this.#kernel, inputs, tensor.loadAs, arithmeticOf(tensor)),
        tensor.base,
        true,
      ),
    );
    const operands = { types, facts, store: "float32" } as const;
    const pass = await prepareTensor(
      this.#kernel,
      this.#programs,
      masks,
      plan.compat,
      tensor,
      operands,
    );
    const bytes = this.#residence.output(tensor);
    const data = this.#viewOf(bytes);
    const check = finiteCheck(this.#kernel, "float32");
    for (let first = 0; first < elements; first += TILE) {
      const count = Math.min(TILE, elements - first);
      const views = types.map((_, i) => inputs.read(i, first, count));
      const output = bytes.subarray(4 * first, 4 * (first + count));
      await pass.run(first, count, views, output);
      check(tensor.name, output);
    }
    return data;
  }

  #factsOf(plan: MergePlan, tensor: TensorPlan, make: () => TensorFacts): TensorFacts {
    const key = factsKey(plan, tensor);
    const known = this.#facts.get(key) ?? make();
    this.#facts.set(key, known);
    return known;
  }

  #viewOf(bytes: Uint8Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
    const known =
      this.#views.get(bytes) ??
      new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    this.#views.set(bytes, known);
    return known;
  }
}
