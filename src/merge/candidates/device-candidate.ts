// Merges for a search in a GPU's memory: parents and mask draws are uploaded once, every candidate is one
// run a tensor, and the decoder reads the results where they lie. Weights are never read back, so results
// are not searched for NaN and infinity: what of them a scored token meets becomes a NaN log-probability,
// which exec/serve.ts refuses; the rest is found when the merge is written to files. Against CandidateMerger,
// values keep DeviceProgram's promise: equal but for divisions, subnormals and the sign of zeros.

import type { StreamKey } from "../../base/counter-rng.ts";
import type { FloatType } from "../../base/dtype.ts";
import { TsmergeError } from "../../base/errors.ts";
import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { openCheckpoint } from "../../checkpoint/open.ts";
import { input } from "../../kernel/expression.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import {
  compileOnDevice,
  type DeviceProgram,
  drawTensor,
} from "../../kernel/onnx/device-program.ts";
import type { DeviceTensor, HostTensor } from "../../ort/tensor.ts";
import { Transfer } from "../../ort/transfer.ts";
import type { MaskGenerator } from "../draws.ts";
import { type ElementReader, elementReader } from "../elements.ts";
import { fileInputs } from "../files/file-inputs.ts";
import { finiteCheck } from "../finite.ts";
import type { MergePlan, TensorPlan } from "../plan.ts";
import { type TensorFacts, tensorFacts } from "../statistics/statistics.ts";
import type { TensorInputs } from "../tensor-inputs.ts";
import {
  arithmeticOf,
  compiledOnce,
  factsKey,
  maskGenerator,
  type PreparedMerge,
  type ProgramCache,
  prepareMerge,
} from "../tensor-pass.ts";
import { type MergerState, refuseUnlessIdle } from "./candidate.ts";

export interface DeviceMergerOptions {
  /** Opens a model folder; files unless given. */
  readonly open?: (directory: string) => Promise<Checkpoint>;
  /** Makes an operator that the device lacks an error. */
  readonly refuseCpuFallback?: boolean;
}

/** One output tensor's inputs, read from the parents' files. */
interface Sources {
  /** Stored type of each. */
  readonly types: readonly FloatType[];
  readonly reader: ElementReader;
  readonly facts: TensorFacts;
}

/** Owns what it uploads and compiles, in the one thread that uses the device. */
export class DeviceMerger {
  readonly #kernel: Kernel;
  readonly #check: ReturnType<typeof finiteCheck>;
  readonly #open: (directory: string) => Promise<Checkpoint>;
  readonly #refuseCpuFallback: boolean;
  readonly #transfer = new Transfer();
  /** Stay open: a candidate may ask for statistics that no earlier one needed. */
  readonly #checkpoints = new Map<string, Checkpoint>();
  readonly #sources = new Map<string, Sources>();
  /** Parents by file, tensor and cast; draws by stream. A run has one seed, so these do not pile up. */
  readonly #uploads = new Map<string, DeviceTensor>();
  /** A graph is made for tensors of one rank. */
  readonly #programsOfRank = new Map<number, ProgramCache<DeviceProgram>>();
  #state: MergerState = "idle";

  /** @param kernel widens parents and computes statistics, on the host */
  constructor(kernel: Kernel, options: DeviceMergerOptions = {}) {
    this.#kernel = kernel;
    this.#check = finiteCheck(kernel, "float32");
    this.#open = options.open ?? openCheckpoint;
    this.#refuseCpuFallback = options.refuseCpuFallback ?? false;
  }

  /**
   * Computes every tensor of a plan, by output name, beside the last candidate's, which a decoder may still
   * hold. The caller disposes them, once no decoder holds them and before `close` at the latest.
   * Throws TsmergeError `device` for a plan in mergekit's arithmetic, `numeric` for numbers beyond float32.
   */
  async merge(plan: MergePlan, signal?: AbortSignal): Promise<ReadonlyMap<string, DeviceTensor>> {
    refuseUnlessIdle(this.#state);
    refuseCompat(plan);
    this.#state = "merging";
    const outputs = new Map<string, DeviceTensor>();
    try {
      const masks = maskGenerator(plan);
      for (const tensor of plan.tensors) {
        signal?.throwIfAborted();
        const output = await this.#mergeTensor(plan, tensor, masks);
        if (output !== undefined) outputs.set(tensor.name, output);
      }
      return outputs;
    } catch (error) {
      for (const output of outputs.values()) output.dispose();
      throw error;
    } finally {
      if (this.#state === "merging") this.#state = "idle";
    }
  }

  /** Frees everything on the device, merged tensors that are still alive among it: close the decoder first. */
  async close(): Promise<void> {
    this.#state = "closed";
    for (const programs of this.#programsOfRank.values()) {
      for (const program of programs.values()) await program.close();
    }
    await this.#transfer.close();
    for (const checkpoint of this.#checkpoints.values()) await checkpoint.close();
    for (const kept of [this.#programsOfRank, this.#uploads, this.#checkpoints, this.#sources]) {
      kept.clear();
    }
  }

  /** Undefined for a tensor without elements: there is nothing to compute or to hold. */
  async #mergeTensor(
    plan: MergePlan,
    tensor: TensorPlan,
    masks: MaskGenerator,
  ): Promise<DeviceTensor | undefined> {
    const sources = await this.#sourcesOf(plan, tensor);
    const prepared = await prepareMerge(masks, plan.compat, tensor, sources.facts);
    if (prepared === undefined) return undefined;
    const { scalars, integers, draws } = prepared;
    refusePlanes(prepared);
    // the host's half of the check for NaN and infinity: a GPU need not keep either
    this.#check(tensor.name, new Uint8Array(Float32Array.from(scalars).buffer));
    const inputs: DeviceTensor[] = [];
    for (const i of tensor.sources.keys())
      inputs.push(await this.#parent(plan, tensor, i, sources));
    const planes: DeviceTensor[] = [];
    // native plans have keys: refuseCompat
    for (const key of draws.keys!) planes.push(await this.#draws(key, tensor.shape));
    const program = await this.#program(tensor, prepared);
    return program.run({ inputs, scalars, integers, draws: planes });
  }

  async #sourcesOf(plan: MergePlan, tensor: TensorPlan): Promise<Sources> {
    const key = factsKey(plan, tensor);
    const known = this.#sources.get(key);
    if (known !== undefined) return known;
    const checkpoints: Checkpoint[] = [];
    for (const directory of plan.models) checkpoints.push(await this.#checkpoint(directory));
    const inputs: TensorInputs = {
      ...fileInputs(tensor, checkpoints),
      // fresh ones each time: these would hold a tile of every tensor for as long as the search lasts
      read: (...tile) => fileInputs(tensor, checkpoints).read(...tile),
    };
    const reader = elementReader(this.#kernel, inputs, tensor.loadAs, arithmeticOf(tensor));
    const sources = { types: inputs.types, reader, facts: tensorFacts(reader, tensor.base, true) };
    this.#sources.set(key, sources);
    return sources;
  }

  async #checkpoint(directory: string): Promise<Checkpoint> {
    const known = this.#checkpoints.get(directory) ?? (await this.#open(directory));
    this.#checkpoints.set(directory, known);
    return known;
  }

  /** A source's values, cast to loadAs on the host: WebGPU reads no half types. */
  #parent(
    plan: MergePlan,
    tensor: TensorPlan,
    source: number,
    { types, reader }: Sources,
  ): Promise<DeviceTensor> {
    const { model, name, rows } = tensor.sources[source]!;
    const { shape, loadAs } = tensor;
    // a cast that changes no value does not make it another tensor: parents are scored uncast, too
    const cast = loadAs === "float32" || loadAs === types[source] ? undefined : loadAs;
    const parent = ["parent", plan.models[model], name, rows?.key, cast, shape];
    return this.#uploaded(parent, async () => {
      const data = new Float32Array(reader.elements);
      await reader.each([input(source)], ([tile], firstElement) => data.set(tile!, firstElement));
      this.#check(name, new Uint8Array(data.buffer));
      return { type: "float32", shape, data };
    });
  }

  #draws(key: StreamKey, shape: readonly number[]): Promise<DeviceTensor> {
    return this.#uploaded(["draws", key, shape], () => drawTensor(key, shape));
  }

  async #uploaded(
    identity: readonly unknown[],
    make: () => HostTensor | Promise<HostTensor>,
  ): Promise<DeviceTensor> {
    const key = JSON.stringify(identity);
    const known = this.#uploads.get(key);
    if (known !== undefined) return known;
    const upload = await this.#transfer.upload(await make());
    this.#uploads.set(key, upload);
    return upload;
  }

  #program(tensor: TensorPlan, prepared: PreparedMerge): Promise<DeviceProgram> {
    const rank = tensor.shape.length;
    const programs = this.#programsOfRank.get(rank) ?? new Map<string, DeviceProgram>();
    this.#programsOfRank.set(rank, programs);
    const form = {
      inputs: tensor.sources.map(() => "float32" as const), // widened and cast when they were uploaded
      round: tensor.dtype,
      store: "float32",
      draws: "counter",
    } as const;
    const options = { refuseCpuFallback: this.#refuseCpuFallback };
    return compiledOnce(programs, prepared, form, (p) => compileOnDevice(p, rank, options));
  }
}

/** Planes are made on the host for every candidate; uploading them would cost more than merging there. */
function refusePlanes({ method, planes }: PreparedMerge): void {
  if (planes.length === 0) return;
  throw new TsmergeError(
    "device",
    `${method.name} ranks or measures rows on the host, which a merge on the GPU would wait for`,
    { hint: "use --device cpu, or another method" },
  );
}

function refuseCompat(plan: MergePlan): void {
  if (!plan.compat) return;
  throw new TsmergeError("device", "WebGPU cannot repeat mergekit's arithmetic to the bit", {
    hint: "a merge under --compat mergekit needs --device cpu",
  });
}
