// What a run needs of the machine: memory of a worker, workers that fit, and where they compute.

import { availableParallelism, totalmem } from "node:os";
import { TsmergeError } from "../base/errors.ts";
import type { Device } from "../kernel/device.ts";
import type { Device as SessionDevice } from "../ort/session.ts";
import type { LoadedModels } from "../recipe/models.ts";

/** Share of the machine's memory that the workers' weights may take together. */
const MEMORY_SHARE = 0.6;

/** Bytes that one worker keeps resident: every parent as stored, and one candidate in float32. */
export function workerBytes(models: LoadedModels): number {
  const folders = new Map([...models.values()].map((model) => [model.directory, model]));
  const each = [...folders.values()].map(({ tensors }) => [...tensors.values()]);
  const parents = each.flat().reduce((sum, { byteLength }) => sum + byteLength, 0);
  const outputs = each.map((tensors) =>
    tensors.reduce((sum, { elements }) => sum + 4 * elements, 0),
  );
  return parents + Math.max(...outputs);
}

/**
 * Candidates at once.
 * @param asked the user's number, taken as it is
 */
export function chooseWorkers(
  asked: number | undefined,
  device: SessionDevice,
  bytes: number,
): number {
  if (asked !== undefined) return asked;
  // a process may use the GPU in one thread only
  if (device === "webgpu") return 1;
  const fitting = Math.floor((MEMORY_SHARE * totalmem()) / bytes);
  return Math.max(1, Math.min(availableParallelism(), fitting));
}

/**
 * Where decoders run. Scores of different devices differ in their last bits, so it is part of a run's identity.
 * `auto` is the CPU: nothing here can tell a real GPU from a software one yet.
 * @throws TsmergeError `device` for cuda
 */
export function sessionDevice(device: Device): SessionDevice {
  switch (device) {
    case "auto":
    case "cpu":
      return "cpu";
    case "webgpu":
      return "webgpu";
    case "cuda":
      throw new TsmergeError("device", "tsmerge cannot compute on CUDA yet", {
        hint: "an NVIDIA GPU works as --device webgpu where its Vulkan driver is installed",
      });
    default:
      return device satisfies never;
  }
}
