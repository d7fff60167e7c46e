// How the machine is shared: what a worker holds, how many fit, where decoders run, where answers are kept.

import assert from "node:assert/strict";
import { availableParallelism, totalmem } from "node:os";
import { test } from "node:test";
import type { LoadedModel, LoadedModels } from "../../src/recipe/compile/models.ts";
import type { FlowGenome, Genome } from "../../src/recipe/search/genome.ts";
import { defaultStore } from "../../src/run/eval/default-store.ts";
import { sessionDevice, shareMachine, workerBytes } from "../../src/run/resources.ts";

const cores = availableParallelism();

test("small models get a worker a core with a thread each, whatever number is asked for", () => {
  assert.deepEqual(shareMachine(undefined, "cpu", 1), { workers: cores, threads: 1 });
  assert.deepEqual(shareMachine(7, "cpu", 1), { workers: 7, threads: 1 });
});

test("models that fill the memory get one worker with all cores, and so they do when more are asked for", () => {
  assert.deepEqual(shareMachine(undefined, "cpu", totalmem()), { workers: 1, threads: cores });
  assert.deepEqual(shareMachine(2, "cpu", totalmem()), { workers: 2, threads: cores });
});

test("a GPU has one worker", () => {
  assert.deepEqual(shareMachine(undefined, "webgpu", 1), { workers: 1, threads: 1 });
});

test("auto is the CPU, and CUDA is refused with what works", () => {
  assert.deepEqual(
    ["auto", "cpu", "webgpu"].map((name) => sessionDevice(name as "auto")),
    [...["cpu", "cpu", "webgpu"]],
  );
  assert.throws(() => sessionDevice("cuda"), { code: "device", hint: /--device webgpu/ });
});

/** A model of `layers` layers in bfloat16. */
function model(location: string, layers: number): LoadedModel {
  const tensor = { name: "w", shape: [10], dtype: "bfloat16", elements: 10, byteLength: 20 };
  return {
    location,
    tensors: new Map([["w", tensor]]),
    weights: { layers },
  } as unknown as LoadedModel; // what is read
}

test("a worker holds every parent as stored, once a folder, and one candidate in float32", () => {
  const models: LoadedModels = new Map([
    ["a", model("/a", 2)],
    ["b", model("/b", 2)],
    ["b@main", model("/b", 2)],
  ]);
  const merged = { models: ["a", "b"] } as unknown as Genome; // a merge is as deep as its parents
  assert.equal(workerBytes(models, merged), 2 * 20 + 4 * 10);
  const flow = { models: ["a", "b"], flow: { repeats: 1, scale: 1, maxLayers: 6 } };
  assert.equal(workerBytes(models, flow as unknown as FlowGenome), 2 * 20 + 3 * 4 * 10);
});

test("answers are kept in the user's cache, wherever that is said to be", () => {
  assert.equal(defaultStore({ HOME: "/home/u" }), "/home/u/.cache/tsmerge/answers.db");
  const named = { HOME: "/home/u", XDG_CACHE_HOME: "/fast" };
  assert.equal(defaultStore(named), "/fast/tsmerge/answers.db");
  const empty = { HOME: "/home/u", XDG_CACHE_HOME: "" };
  assert.equal(defaultStore(empty), "/home/u/.cache/tsmerge/answers.db");
});
