// Parents' weights and candidates' outputs in kernel memory, for the length of a search. Loads what a
// plan needs and is not there yet; nothing is ever given back before close().

import { bytesPerElement, type FloatType } from "../../base/dtype.ts";
import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import type { Arena, Kernel } from "../../kernel/kernel.ts";
import type { MergePlan, TensorPlan, TensorSource } from "../plan.ts";
import { sourceReader } from "../rows.ts";
import { elementsOf } from "../tensor-pass.ts";
import { ARENA_LIMIT, type Block, layOutArenas } from "./arenas.ts";

/** Bytes of one read: below what a single system call may move. */
const READ_BYTES = 2 ** 26;

export interface ResidentTensor {
  readonly type: FloatType;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

interface Missing extends Block {
  readonly source?: TensorSource;
}

export class Residence {
  readonly #kernel: Kernel;
  readonly #open: (directory: string) => Promise<Checkpoint>;
  readonly #arenaLimit: number;
  readonly #arenas: Arena[] = [];
  readonly #inputs = new Map<string, ResidentTensor>();
  readonly #outputs = new Map<string, Uint8Array<ArrayBuffer>>();
  #bytes = 0;

  constructor(
    kernel: Kernel,
    open: (directory: string) => Promise<Checkpoint>,
    arenaLimit = ARENA_LIMIT,
  ) {
    this.#kernel = kernel;
    this.#open = open;
    this.#arenaLimit = arenaLimit;
  }

  /** Bytes of all arenas. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The stored bytes of a source. Its plan must have been loaded. */
  input(plan: MergePlan, source: TensorSource): ResidentTensor {
    return this.#inputs.get(inputKey(plan, source))!;
  }

  /** Where an output's float32 values go. Its plan must have been loaded. */
  output(tensor: TensorPlan): Uint8Array<ArrayBuffer> {
    return this.#outputs.get(outputKey(tensor))!;
  }

  /**
   * Loads every source of `plan` that is not here, and makes room for its outputs. Does nothing the second time;
   * a load that fails leaves nothing, so that trying again costs no further memory.
   */
  async load(plan: MergePlan, signal?: AbortSignal): Promise<void> {
    if (plan.tensors.every((tensor) => this.#holds(plan, tensor))) return;
    const checkpoints: Checkpoint[] = [];
    const inputs = new Map<string, ResidentTensor>();
    const outputs = new Map<string, Uint8Array<ArrayBuffer>>();
    try {
      for (const directory of plan.models) checkpoints.push(await this.#open(directory));
      const groups = plan.tensors.map((tensor) => this.#missing(plan, tensor, checkpoints));
      const { sizes, arenaOf } = layOutArenas(groups, this.#arenaLimit);
      const arenas = sizes.map((bytes) => this.#kernel.arena(bytes));
      for (const { key, bytes, source } of groups.flat()) {
        if (outputs.has(key) || inputs.has(key)) continue;
        signal?.throwIfAborted();
        const view = arenas[arenaOf.get(key)!]!.allocate(bytes);
        if (source === undefined) {
          outputs.set(key, view);
          continue;
        }
        const { type, read } = sourceReader(source, checkpoints);
        for (let at = 0; at < bytes; at += READ_BYTES) {
          await read(at, view.subarray(at, at + READ_BYTES));
        }
        inputs.set(key, { type, bytes: view });
      }
      for (const [key, tensor] of inputs) this.#inputs.set(key, tensor);
      for (const [key, view] of outputs) this.#outputs.set(key, view);
      this.#arenas.push(...arenas);
      this.#bytes += sizes.reduce((sum, bytes) => sum + bytes, 0);
    } finally {
      await Promise.all(checkpoints.map((checkpoint) => checkpoint.close()));
    }
  }

  close(): void {
    for (const arena of this.#arenas) arena.close();
    this.#arenas.length = 0;
    this.#inputs.clear();
    this.#outputs.clear();
    this.#bytes = 0;
  }

  #holds(plan: MergePlan, tensor: TensorPlan): boolean {
    return (
      this.#outputs.has(outputKey(tensor)) &&
      tensor.sources.every((source) => this.#inputs.has(inputKey(plan, source)))
    );
  }

  #missing(plan: MergePlan, tensor: TensorPlan, checkpoints: readonly Checkpoint[]): Missing[] {
    const bytes = elementsOf(tensor.shape) * bytesPerElement("float32");
    const output: Missing = { key: outputKey(tensor), bytes };
    const inputs = tensor.sources.map((source): Missing => {
      const { type } = sourceReader(source, checkpoints);
      const wanted = elementsOf(tensor.shape) * bytesPerElement(type);
      return { key: inputKey(plan, source), bytes: wanted, source };
    });
    return [output, ...inputs].filter(
      ({ key }) => !this.#outputs.has(key) && !this.#inputs.has(key),
    );
  }
}

const inputKey = (plan: MergePlan, { model, name, rows }: TensorSource) =>
  `input ${plan.models[model]} ${name} ${rows?.key ?? ""}`;
/** Candidates of one search have outputs of one size; another size is another block. */
const outputKey = ({ name, shape }: TensorPlan) => `output ${elementsOf(shape)} ${name}`;
