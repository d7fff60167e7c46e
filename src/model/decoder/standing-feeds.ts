// What every decoder call is fed besides its tokens: the weights of the model at hand, and rotary tables that grow
// with the positions asked for. They lie on the device where there is one; on the CPU weights are read in place.

import { TsmergeError } from "../../base/errors.ts";
import type { Device, Feeds } from "../../ort/session.ts";
import { DeviceTensor, type HostTensor } from "../../ort/tensor.ts";
import { Transfer } from "../../ort/transfer.ts";
import type { ModelConfig } from "../config.ts";
import type { WeightShapes } from "./decoder-blocks.ts";
import { Int8Weights, isInt8 } from "./int8.ts";
import { ropeTables } from "./rope.ts";

/** A weight in host memory, read in place, or one that already lies on the device. */
export type Weight =
  | { readonly data: Float32Array; readonly shape: readonly number[] }
  | DeviceTensor;

export class StandingFeeds {
  readonly #config: ModelConfig;
  readonly #shapes: WeightShapes;
  readonly #transfer: Transfer | undefined;
  readonly #int8: Int8Weights | undefined;
  #weights: Feeds | undefined;
  #rope: Feeds = {};
  #ropeLength = 0;
  /** Device copies that were made here. */
  #weightUploads: DeviceTensor[] = [];
  #ropeUploads: DeviceTensor[] = [];

  constructor(
    config: ModelConfig,
    shapes: WeightShapes,
    { device, int8 }: { readonly device: Device; readonly int8: boolean },
  ) {
    this.#config = config;
    this.#shapes = shapes;
    this.#transfer = device === "webgpu" ? new Transfer() : undefined;
    this.#int8 = int8 ? new Int8Weights() : undefined;
  }

  /** As Decoder.setWeights. */
  async setWeights(weights: ReadonlyMap<string, Weight>): Promise<void> {
    const checked = [...this.#shapes].map(([name, shape]) => {
      const weight = weights.get(name);
      checkWeight(name, shape, weight);
      return { name, shape, weight };
    });
    for (const upload of this.#weightUploads) upload.dispose(); // first, so that a device holds one model
    this.#weightUploads = [];
    this.#weights = undefined;
    const feeds: Record<string, HostTensor | DeviceTensor> = {};
    for (const { name, shape, weight } of checked) {
      if (weight instanceof DeviceTensor) feeds[name] = weight;
      else if (this.#int8 !== undefined && isInt8(name, shape)) {
        const [out, width] = shape as [number, number]; // a matrix
        Object.assign(feeds, this.#int8.feedsOf(name, weight.data, [out, width]));
      } else {
        const tensor: HostTensor = { type: "float32", shape, data: weight.data };
        feeds[name] = await this.#place(tensor, this.#weightUploads);
      }
    }
    this.#weights = feeds;
  }

  /** @throws TsmergeError `internal` before the first setWeights */
  weights(): Feeds {
    if (this.#weights !== undefined) return this.#weights;
    throw new TsmergeError("internal", "a decoder was run before setWeights()");
  }

  /** The weights, and rotary tables that reach these positions; the tables only ever double. */
  async reaching(positions: Int32Array): Promise<Feeds> {
    const weights = this.weights();
    const needed = positions.reduce((a, b) => Math.max(a, b), 0) + 1;
    if (needed > this.#ropeLength) await this.#growRope(needed);
    return { ...weights, ...this.#rope };
  }

  async #growRope(needed: number): Promise<void> {
    const length = Math.max(64, 2 ** Math.ceil(Math.log2(needed)));
    const { cos, sin } = ropeTables(this.#config.rope, this.#config.headDim, length);
    const shape = [length, this.#config.headDim / 2];
    const uploads: DeviceTensor[] = [];
    const rope = {
      "rope.cos": await this.#place({ type: "float32", shape, data: cos }, uploads),
      "rope.sin": await this.#place({ type: "float32", shape, data: sin }, uploads),
    };
    for (const upload of this.#ropeUploads) upload.dispose(); // last: until then these are what a call is fed
    [this.#rope, this.#ropeUploads, this.#ropeLength] = [rope, uploads, length];
  }

  async #place(tensor: HostTensor, uploads: DeviceTensor[]): Promise<HostTensor | DeviceTensor> {
    if (this.#transfer === undefined) return tensor;
    const upload = await this.#transfer.upload(tensor);
    uploads.push(upload);
    return upload;
  }

  /** Frees what was uploaded. */
  async close(): Promise<void> {
    for (const upload of [...this.#weightUploads, ...this.#ropeUploads]) upload.dispose();
    await this.#transfer?.close();
  }
}

function checkWeight(
  name: string,
  shape: readonly number[],
  weight: Weight | undefined,
): asserts weight is Weight {
  const expected = `[${shape.join(", ")}]`;
  const hint = "config.json and weights must describe the same model";
  if (weight === undefined) {
    const message = `the decoder needs ${name} ${expected}, which is missing`;
    throw new TsmergeError("incompatible", message, { hint });
  }
  if (weight.shape.join() !== shape.join()) {
    const message = `${name} has shape [${weight.shape.join(", ")}] instead of ${expected}`;
    throw new TsmergeError("incompatible", message, { hint });
  }
  if (weight instanceof DeviceTensor) return;
  const elements = shape.reduce((a, b) => a * b, 1);
  if (weight.data.length !== elements) {
    const message = `${name} ${expected} has ${weight.data.length} elements instead of ${elements}`;
    throw new TsmergeError("internal", message);
  }
}
