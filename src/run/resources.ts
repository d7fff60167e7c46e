// What a run takes of the machine: memory of a worker, how many fit, their threads and where they compute.

import { availableParallelism, totalmem } from "node:os";
import { TsmergeError } from "../base/errors.ts";
import type { Device } from "../kernel/device.ts";
import type { Device as SessionDevice } from "../ort/session.ts";
import type { LoadedModels } from "../recipe/compile/models.ts";
import { mostLayers } from "../recipe/search/flow.ts";
import { isFlow, type SearchGenome } from "../recipe/search/genome.ts";

/** Share of the machine's memory that the workers' weights may take together. */
const MEMORY_SHARE = 0.6;

/**
 * Bytes that one worker keeps resident: every parent as stored, and one candidate in float32, as deep as the
 * genome allows.
 */
export function workerBytes(models: LoadedModels, genome: SearchGenome): number {
  const folders = new Map([...models.values()].map((model) => [model.location, model]));
  const each = [...folders.values()].map(({ tensors }) => [...tensors.values()]);
  const parents = each.flat().reduce((sum, { byteLength }) => sum + byteLength, 0);
  const outputs = each.map((tensors) =>
    tensors.reduce((sum, { elements }) => sum + 4 * elements, 0),
  );
  const depths = [...models.values()].map(({ weights }) => weights.layers);
  const growth = isFlow(genome) ? mostLayers(genome, models) / Math.max(1, ...depths) : 1;
  return parents + Math.max(1, growth) * Math.max(...outputs);
}

/** How the machine is shared: candidates at once, and threads for each of them. */
export interface Shares {
  readonly workers: number;
  /** Depends on the machine and the models, not on the workers asked for: it decides a score's last bits. */
  readonly threads: number;
}

/**
 * One worker a core, each with one thread; fewer where memory would not hold so many copies of the
 * parents, with the cores divided among them.
 * @param asked the user's number of workers, taken as it is
 * @param bytes what one worker keeps resident
 */
export function shareMachine(
  asked: number | undefined,
  device: SessionDevice,
  bytes: number,
): Shares {
  const cores = availableParallelism();
  // a process may use the GPU in one thread only
  if (device === "webgpu") return { workers: asked ?? 1, threads: 1 };
  const fitting = Math.floor((MEMORY_SHARE * totalmem()) / bytes);
  const workers = Math.max(1, Math.min(cores, fitting));
  return { workers: asked ?? workers, threads: Math.floor(cores / workers) };
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
