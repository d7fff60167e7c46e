// One compiled graph on one device. run() blocks its thread while it computes: sessions live in worker
// threads, WebGPU in exactly one thread of a process. Device tensors are disposed before their session.

import { availableParallelism, loadavg } from "node:os";
import type { InferenceSession, Tensor } from "onnxruntime-node";
import { TsmergeError } from "../base/errors.ts";
import { loadRuntime, type Runtime } from "./runtime.ts";
import { DeviceTensor, type HostTensor, tensorType } from "./tensor.ts";

export type Device = "cpu" | "webgpu";

export interface SessionOptions {
  readonly device: Device;
  /** Threads of the session's own pool; undefined takes one a core. */
  readonly threads?: number;
  /** Outputs that stay in device memory (webgpu; ignored on the CPU, where everything is host memory). */
  readonly deviceOutputs?: readonly string[];
  /** Makes an operator that the device lacks an error instead of a silent detour over the CPU. */
  readonly refuseCpuFallback?: boolean;
}

export type Feeds = Readonly<Record<string, HostTensor | DeviceTensor>>;
export type Fetched = Readonly<Record<string, HostTensor | DeviceTensor>>;

let created = 0;

/** How many sessions this thread has created: what "no session is rebuilt" is tested with. */
export function sessionsCreated(): number {
  return created;
}

/**
 * Compiles a model file for a device.
 * @param bytes an ONNX model, as src/onnx writes it
 * @throws TsmergeError `device` when the graph or the device is refused
 */
export async function createSession(bytes: Uint8Array, options: SessionOptions): Promise<Session> {
  const runtime = await loadRuntime();
  try {
    const session = await runtime.InferenceSession.create(bytes, runtimeOptions(options));
    created++;
    return new Session(runtime, session, options);
  } catch (cause) {
    throw new TsmergeError("device", `${options.device} refused a graph: ${reason(cause)}`, {
      hint: options.device === "webgpu" ? "try --device cpu" : "this graph is a defect; report it",
      cause,
    });
  }
}

function runtimeOptions(options: SessionOptions): InferenceSession.SessionOptions {
  const onDevice = options.device === "webgpu" ? (options.deviceOutputs ?? []) : [];
  return {
    executionProviders: [options.device],
    interOpNumThreads: 1,
    ...(options.threads === undefined ? {} : { intraOpNumThreads: options.threads }),
    ...(onDevice.length === 0
      ? {}
      : { preferredOutputLocation: Object.fromEntries(onDevice.map((n) => [n, "gpu-buffer"])) }),
    extra: {
      session: {
        ...(options.refuseCpuFallback === true ? { disable_cpu_ep_fallback: "1" } : {}),
        ...spinning(),
      },
    },
  };
}

/** Load of the last minute, a core, from which on other processes need the cores as much as we do. */
const BUSY_LOAD = 0.75;

/**
 * How a session's threads wait for work, which changes no result. Several sessions take turns, so threads that are
 * between runs must not hold cores (force_spinning_stop); on a busy machine threads had better sleep inside a run
 * too: spinning doubled the processor's and the clock's time there.
 */
function spinning() {
  const isBusy = loadavg()[0]! > BUSY_LOAD * availableParallelism();
  return {
    force_spinning_stop: "1",
    ...(isBusy ? { intra_op: { allow_spinning: "0" } } : {}),
  };
}

/** The runtime's message on one line, without the source position that it begins with. */
function reason(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.replace(/^\S+\.(?:cc|h):\d+ .*? was false\. /, "").slice(0, 300);
}

export class Session {
  readonly device: Device;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly #runtime: Runtime;
  readonly #session: InferenceSession;
  readonly #alive = new Set<DeviceTensor>();
  /** Weights come back in every run: one runtime object each keeps the garbage down. */
  readonly #known = new WeakMap<HostTensor, Tensor>();
  #closed = false;

  /** Use createSession. */
  constructor(runtime: Runtime, session: InferenceSession, options: SessionOptions) {
    this.device = options.device;
    this.#runtime = runtime;
    this.#session = session;
    this.inputNames = session.inputNames;
    this.outputNames = session.outputNames;
  }

  /** Device tensors this session made that nobody has disposed yet. */
  get tensorsAlive(): number {
    return this.#alive.size;
  }

  /**
   * Computes the named outputs (all by default). Host feeds are read in place, not copied.
   * @throws TsmergeError `device` when the runtime fails, `internal` after close()
   */
  async run(feeds: Feeds, outputs: readonly string[] = this.outputNames): Promise<Fetched> {
    if (this.#closed) {
      throw new TsmergeError("internal", "a session was run after close()", {
        hint: "close sessions after their last run",
      });
    }
    const tensors: Record<string, Tensor> = {};
    for (const [name, feed] of Object.entries(feeds)) tensors[name] = this.#toRuntime(feed);
    const results = await this.#compute(tensors, outputs);
    return Object.fromEntries(outputs.map((name) => [name, this.#fromRuntime(results[name]!)]));
  }

  /** Disposes what device tensors are left, then frees the session; a second call does nothing. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const tensor of [...this.#alive]) tensor.dispose();
    await this.#session.release();
  }

  async #compute(
    tensors: Record<string, Tensor>,
    outputs: readonly string[],
  ): Promise<InferenceSession.OnnxValueMapType> {
    try {
      return await this.#session.run(tensors, outputs);
    } catch (cause) {
      throw new TsmergeError("device", `a run on ${this.device} failed: ${reason(cause)}`, {
        cause,
      });
    }
  }

  #toRuntime(feed: HostTensor | DeviceTensor): Tensor {
    if (feed instanceof DeviceTensor) {
      if (this.device !== "cpu") return feed.handle();
      throw new TsmergeError("internal", `a CPU session was fed a device tensor [${feed.shape}]`, {
        hint: "read it back first",
      });
    }
    const known = this.#known.get(feed);
    if (known !== undefined) return known;
    const tensor = new this.#runtime.Tensor(feed.type, feed.data, feed.shape);
    this.#known.set(feed, tensor);
    return tensor;
  }

  #fromRuntime(result: Tensor): HostTensor | DeviceTensor {
    if (result.location === "gpu-buffer") {
      const tensor = new DeviceTensor(result, (gone) => this.#alive.delete(gone));
      this.#alive.add(tensor);
      return tensor;
    }
    // The runtime pairs each type with this array class; TypeScript cannot follow a union's members.
    return { type: tensorType(result.type), shape: result.dims, data: result.data } as HostTensor;
  }
}
