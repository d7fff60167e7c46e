// The part of the WebAssembly API that the kernel uses: fixed memories and passes on them. Its types
// are declared here because they come with the DOM's library only, which a Node program does not want.

import { TsmergeError } from "../../base/errors.ts";

/** Memory that never grows and is not shared: its buffer stays attached, and ONNX Runtime takes views on it. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

/** Compiled code, not yet bound to a memory. */
interface WasmModule {
  readonly wasmModule: never;
}

/** The exported function of a generated module; its parameters are listed in wasm-loop.ts. */
export type Pass = (...args: readonly number[]) => number | number[] | undefined;

declare const WebAssembly: {
  readonly Memory: new (size: { initial: number; maximum: number }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => WasmModule;
  readonly Instance: new (
    module: WasmModule,
    imports: { env: { memory: WasmMemory } },
  ) => { readonly exports: { readonly run: Pass } };
};

const PAGE = 65_536;
/** Addresses have 32 bits; without the last page the end of a view is an address too. */
const MOST_BYTES = 2 ** 32 - PAGE;

/** Zeroed memory of at least `bytes` bytes and at least one page. Throws TsmergeError `io` if there is none. */
export function makeMemory(bytes: number): WasmMemory {
  if (bytes > MOST_BYTES) {
    throw new TsmergeError(
      "io",
      `an arena of ${bytes} bytes exceeds the ${MOST_BYTES} that WebAssembly can address`,
      { hint: "spread the tensors over several arenas" },
    );
  }
  const pages = Math.max(1, Math.ceil(bytes / PAGE));
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages });
  } catch (cause) {
    throw new TsmergeError("io", `no memory is left for an arena of ${bytes} bytes`, {
      hint: "close other arenas, or merge on a machine with more memory",
      cause,
    });
  }
}

/** Compiles a module from `assembleModule`; the result gives its pass on a memory, bound at its first use there. */
export function compilePass(bytes: Uint8Array<ArrayBuffer>): (memory: WasmMemory) => Pass {
  const module = new WebAssembly.Module(bytes);
  const passes = new WeakMap<WasmMemory, Pass>();
  return (memory) => {
    const known =
      passes.get(memory) ?? new WebAssembly.Instance(module, { env: { memory } }).exports.run;
    passes.set(memory, known);
    return known;
  };
}
