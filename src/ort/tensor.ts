// Tensors as this project sees them: plain data on the host, or a handle to memory on a device. A device
// tensor is never read in place (the process would abort): see transfer.ts.

import type { Tensor } from "onnxruntime-node";
import { TsmergeError } from "../base/errors.ts";

/** The element types that can cross into the runtime, and what holds them here. */
interface Arrays {
  float32: Float32Array;
  int32: Int32Array;
  int64: BigInt64Array;
  uint32: Uint32Array;
  uint16: Uint16Array;
  uint8: Uint8Array;
  int8: Int8Array;
  bool: Uint8Array;
}

export type TensorType = keyof Arrays;

/** A tensor in this process's memory, row-major. The runtime reads it in place. */
export type HostTensor = {
  [T in TensorType]: {
    readonly type: T;
    readonly shape: readonly number[];
    readonly data: Arrays[T];
  };
}[TensorType];

/** A tensor in a device's memory. Owned by whoever received it; its session disposes it at the latest. */
export class DeviceTensor {
  readonly type: TensorType;
  readonly shape: readonly number[];
  readonly #tensor: Tensor;
  readonly #forget: (tensor: DeviceTensor) => void;
  #disposed = false;

  /** @param forget told once, at disposal: the owning session stops tracking the tensor */
  constructor(tensor: Tensor, forget: (tensor: DeviceTensor) => void) {
    this.type = tensorType(tensor.type);
    this.shape = tensor.dims;
    this.#tensor = tensor;
    this.#forget = forget;
  }

  /** The runtime's own handle, for src/ort alone. Throws after dispose(). */
  handle(): Tensor {
    if (this.#disposed) {
      throw new TsmergeError("internal", `device tensor [${this.shape}] was used after dispose()`, {
        hint: "keep the tensor until the last run that reads it",
      });
    }
    return this.#tensor;
  }

  /** Frees the memory; a second call does nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#tensor.dispose();
    this.#forget(this);
  }
}

const TYPES: readonly string[] = [
  "float32",
  "int32",
  "int64",
  "uint32",
  "uint16",
  "uint8",
  "int8",
  "bool",
];

function isTensorType(type: string): type is TensorType {
  return TYPES.includes(type);
}

export function tensorType(type: string): TensorType {
  if (isTensorType(type)) return type;
  throw new TsmergeError("internal", `the runtime returned a tensor of type ${type}`, {
    hint: `cast it in the graph to one of ${TYPES.join(", ")}`,
  });
}

/** The numbers of a float32 host tensor; throws `internal` for anything else. */
export function floats(tensor: HostTensor | DeviceTensor | undefined): Float32Array {
  if (tensor instanceof DeviceTensor || tensor?.type !== "float32") {
    throw new TsmergeError(
      "internal",
      `expected float32 host data, got ${tensor?.type ?? "nothing"}`,
    );
  }
  return tensor.data;
}

/** The same for int64. */
export function integers(tensor: HostTensor | DeviceTensor | undefined): BigInt64Array {
  if (tensor instanceof DeviceTensor || tensor?.type !== "int64") {
    throw new TsmergeError(
      "internal",
      `expected int64 host data, got ${tensor?.type ?? "nothing"}`,
    );
  }
  return tensor.data;
}
