// Copies between host and device memory, through one-node sessions: the runtime's own download of a device
// tensor aborts the process. Belongs to the one thread that uses the device.

import { TsmergeError } from "../base/errors.ts";
import { Graph } from "../onnx/graph.ts";
import { createSession, type Session } from "./session.ts";
import { DeviceTensor, type HostTensor, type TensorType } from "./tensor.ts";

export class Transfer {
  readonly #sessions = new Map<string, Session>();

  /** A copy in device memory, to be disposed by the caller. */
  async upload(tensor: HostTensor): Promise<DeviceTensor> {
    const session = await this.#session("upload", tensor);
    const { to } = await session.run({ from: tensor });
    if (to instanceof DeviceTensor) return to;
    throw new TsmergeError("internal", "an output kept on the device came back to the host");
  }

  /** A copy in host memory. */
  async readBack(tensor: DeviceTensor): Promise<HostTensor> {
    const session = await this.#session("readBack", tensor);
    const { to } = await session.run({ from: tensor });
    if (to !== undefined && !(to instanceof DeviceTensor)) return to;
    throw new TsmergeError("internal", "an output read back to the host stayed on the device");
  }

  /** Disposes the uploads that are still alive, and frees the sessions. */
  async close(): Promise<void> {
    for (const session of this.#sessions.values()) await session.close();
    this.#sessions.clear();
  }

  async #session(
    direction: "upload" | "readBack",
    tensor: { readonly type: TensorType; readonly shape: readonly number[] },
  ): Promise<Session> {
    const key = `${direction} ${tensor.type} ${tensor.shape.length}`;
    const known = this.#sessions.get(key);
    if (known !== undefined) return known;
    const graph = new Graph(direction);
    const shape = tensor.shape.map((_, axis) => `axis${axis}`);
    graph.output("to", graph.input("from", tensor.type, shape), tensor.type, shape);
    const session = await createSession(graph.bytes(), {
      device: "webgpu",
      threads: 1,
      deviceOutputs: direction === "upload" ? ["to"] : [],
    });
    this.#sessions.set(key, session);
    return session;
  }
}
