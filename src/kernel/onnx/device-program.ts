// A program over whole tensors that stay in a GPU's memory: parents in, the merged weight out, ready for the
// decoder to read. Not a Kernel: nothing crosses to the host but coefficients. One thread a process.

import type { StreamKey } from "../../base/counter-rng.ts";
import { TsmergeError } from "../../base/errors.ts";
import { createSession, type Session, type SessionOptions } from "../../ort/session.ts";
import { DeviceTensor, type HostTensor } from "../../ort/tensor.ts";
import type { Program } from "../kernel.ts";
import { feedsFor } from "./feeds.ts";
import { type LoweredProgram, lower } from "./lowering.ts";
import { drawPlane } from "./onnx.ts";

/** A whole tensor's merge; every tensor has the same shape. */
export interface DeviceCall {
  /** float32 tensors of the parents' values, already cast to Program.loadAs. */
  readonly inputs: readonly DeviceTensor[];
  readonly scalars: Float64Array;
  readonly integers: Uint32Array;
  /** One tensor of int32 draws a stream (see `drawTensor`), uploaded once and used by every candidate. */
  readonly draws: readonly DeviceTensor[];
}

/**
 * A compiled program for tensors of one rank. Its results are float32, rounded to Program.round on the device:
 * equal to the reference's where no value involved is subnormal, infinite or NaN, and divisions are exact
 * (WebGPU: 2.5 units in the last place before the rounding).
 */
export class DeviceProgram {
  readonly #session: Session;
  readonly #lowered: LoweredProgram;

  /** Use compileOnDevice. */
  constructor(session: Session, lowered: LoweredProgram) {
    this.#session = session;
    this.#lowered = lowered;
  }

  /** The merged tensor, in device memory; the caller disposes it, before `close` at the latest. */
  async run(call: DeviceCall): Promise<DeviceTensor> {
    const feeds = feedsFor(this.#lowered.feeds, {
      shape: call.inputs[0]!.shape,
      firstElement: 0,
      scalars: call.scalars,
      integers: call.integers,
      input: (index) => call.inputs[index]!,
      draws: (stream) => call.draws[stream]!,
    });
    const { output } = await this.#session.run(feeds);
    if (output instanceof DeviceTensor) return output;
    throw new TsmergeError("internal", "an output kept on the device came back to the host");
  }

  /** Disposes results that are still alive, and frees the graph. */
  close(): Promise<void> {
    return this.#session.close();
  }
}

/**
 * Compiles a program for WebGPU.
 * @param rank number of axes of its tensors
 * @throws TsmergeError `device` for f64 arithmetic, which WebGPU does not have, or when the device refuses
 */
export async function compileOnDevice(
  program: Program,
  rank: number,
  options: Pick<SessionOptions, "refuseCpuFallback"> = {},
): Promise<DeviceProgram> {
  if (program.arithmetic === "f64") {
    throw new TsmergeError("device", "WebGPU has no f64 arithmetic", {
      hint: "merge in float32, or use --device cpu",
    });
  }
  const lowered = lower(program, { device: "webgpu", roundsResult: true, rank });
  const session = await createSession(lowered.bytes, {
    ...options,
    device: "webgpu",
    deviceOutputs: ["output"],
  });
  return new DeviceProgram(session, lowered);
}

/** A stream's draws for a whole tensor, for upload. */
export function drawTensor(key: StreamKey, shape: readonly number[]): HostTensor {
  const elements = shape.reduce((product, size) => product * size, 1);
  return { type: "int32", shape, data: new Int32Array(drawPlane(key, 0, elements).buffer) };
}
