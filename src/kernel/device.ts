// Which kernel computes a merge: the one place where a device's name becomes code. Kernels work on host
// memory; merges that stay on a GPU use onnx/device-program.ts.

import { TsmergeError } from "../base/errors.ts";
import { probeWebGpu } from "../ort/probe.ts";
import type { Kernel } from "./kernel.ts";
import { onnxKernel } from "./onnx/onnx.ts";
import { wasmKernel } from "./wasm/wasm.ts";

/** As `--device` spells it. */
export type Device = "auto" | "cpu" | "webgpu" | "cuda";

/**
 * The kernel for a device. `auto` is the CPU: from host memory and back, the fused pass outruns any trip to
 * a GPU; a software adapter such as SwiftShader is only ever taken when `webgpu` is asked for by name.
 * @param probe tells whether WebGPU works here; another one in tests
 * @throws TsmergeError `device` for `cuda`, and for `webgpu` where it does not work
 */
export async function selectKernel(device: Device, probe = probeWebGpu): Promise<Kernel> {
  switch (device) {
    case "auto":
    case "cpu":
      return wasmKernel();
    case "webgpu": {
      const { available, detail } = await probe();
      if (available) return onnxKernel({ device: "webgpu" });
      throw new TsmergeError("device", `WebGPU does not work here: ${detail}`, {
        hint: "use --device cpu, or install a Vulkan driver for the GPU",
      });
    }
    case "cuda":
      throw new TsmergeError("device", "tsmerge cannot compute on CUDA yet", {
        hint: "an NVIDIA GPU works as --device webgpu where its Vulkan driver is installed",
      });
    default:
      return device satisfies never;
  }
}
