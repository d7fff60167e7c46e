// What a lowered program's graph is fed for one call: tensors of its inputs and draws, and its numbers
// as scalars. Shared by the tiled kernel and by programs over device-resident tensors.

import type { Feeds } from "../../ort/session.ts";
import type { DeviceTensor, HostTensor } from "../../ort/tensor.ts";
import type { Feed } from "./lowering.ts";

/** One call's operands as tensors, all of the same shape. */
export interface TensorOperands {
  readonly shape: readonly number[];
  readonly firstElement: number;
  readonly scalars: Float64Array;
  readonly integers: Uint32Array;
  input(index: number): HostTensor | DeviceTensor;
  /** 24-bit draws as int32. */
  draws(stream: number): HostTensor | DeviceTensor;
}

const LARGEST_INT32 = 0x7fffffff;

/** The runtime's feeds for a call, by graph input name. */
export function feedsFor(feeds: readonly Feed[], operands: TensorOperands): Feeds {
  return Object.fromEntries(feeds.map((feed) => [feed.name, tensorFor(feed, operands)]));
}

function tensorFor(feed: Feed, operands: TensorOperands): HostTensor | DeviceTensor {
  const { shape, scalars, integers, firstElement } = operands;
  switch (feed.kind) {
    case "input":
      return operands.input(feed.index);
    case "draws":
      return operands.draws(feed.index);
    case "scalar":
      return { type: "float32", shape: [], data: Float32Array.of(scalars[feed.index]!) };
    case "constant":
      return { type: "float32", shape: [], data: Float32Array.of(feed.value) };
    case "drawBound":
      return int32(Math.min(integers[feed.index]!, LARGEST_INT32));
    case "indexBound":
      return int32(clamp(integers[feed.index]! - firstElement));
    case "elements":
      return int32(shape.reduce((product, size) => product * size, 1));
    case "shape":
      return { type: "int64", shape: [shape.length], data: BigInt64Array.from(shape, BigInt) };
    default:
      return feed satisfies never;
  }
}

const clamp = (bound: number): number => Math.max(0, Math.min(bound, LARGEST_INT32));
const int32 = (value: number): HostTensor => ({
  type: "int32",
  shape: [],
  data: Int32Array.of(value),
});
