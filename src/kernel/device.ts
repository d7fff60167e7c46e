// Which kernel computes a merge: the one place where a device's name becomes code. Kernels work on host
// memory; merges that stay on a GPU use device-program.ts.

import { TsmergeError } from "../base/errors.ts";
import type { Kernel } from "./kernel.ts";
import { onnxKernel } from "./onnx.ts";
import { wasmKernel } from "./wasm.ts";

/** As `--device` spells it. */
export type Device = "auto" | "cpu" | "webgpu" | "cuda";

/**
 * The kernel for a device. `auto` is the CPU: from host memory and back, the fused pass outruns any trip to
 * a GPU; a software adapter such as SwiftShader is only ever taken when `webgpu` is asked for by name.
 * Throws TsmergeError `device` for `cuda`; an absent GPU shows when the first program is compiled.
 */
export async function selectKernel(device: Device): Promise<Kernel> {
  switch (device) {
    case "auto":
    case "cpu":
      return wasmKernel();
    case "webgpu":
      return onnxKernel({ device: "webgpu" });
    case "cuda":
      throw new TsmergeError("device", "tsmerge cannot compute on CUDA yet", {
        hint: "an NVIDIA GPU works as --device webgpu where its Vulkan driver is installed",
      });
    default:
      return device satisfies never;
  }
}
