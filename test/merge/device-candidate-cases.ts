// What DeviceMerger and the worker's engine do on WebGPU. device-candidate.test.ts runs this file in a
// process of its own, with the environment of a software GPU: native code reads it when it is loaded.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, mock, test } from "node:test";
import type { FloatType } from "../../src/base/dtype.ts";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { CheckpointWriter } from "../../src/checkpoint/writer.ts";
import type { Engine } from "../../src/exec/serve.ts";
import { openEngine } from "../../src/exec/worker.ts";
import { wasmKernel } from "../../src/kernel/wasm/wasm.ts";
import { CandidateMerger } from "../../src/merge/candidates/candidate.ts";
import { DeviceMerger } from "../../src/merge/candidates/device-candidate.ts";
import { MERGE_METHODS } from "../../src/merge/methods/registry.ts";
import type { MergePlan } from "../../src/merge/plan.ts";
import type { Schedule } from "../../src/model/batch.ts";
import { type Device, sessionsCreated } from "../../src/ort/session.ts";
import { DeviceTensor, floats } from "../../src/ort/tensor.ts";
import { Transfer } from "../../src/ort/transfer.ts";
import { randomTree } from "../model/random-tree.ts";
import { tinyConfig, tinyWeights } from "../model/tiny.ts";
import { type PlanOptions, planOver, writeModel } from "./models.ts";
import { encode } from "./tensors.ts";

const STRICT = { refuseCpuFallback: true };
const TYPES: readonly FloatType[] = ["float32", "bfloat16", "float16"];
/** Bits of a significand after its first, and the exponent of the smallest normal number. */
const FORMAT = { float32: [23, -126], bfloat16: [7, -126], float16: [10, -14] } as const;

const scratch = mkdtempSync(join(tmpdir(), "tsmerge-device-"));
const modelsOf = (type: FloatType) => ["0", "1", "2"].map((name) => join(scratch, type, name));
const config = tinyConfig({ num_hidden_layers: 1 });
const decoders = ["0", "1", "2"].map((name) => join(scratch, "decoder", name));
const transfer = new Transfer();

before(async () => {
  for (const type of TYPES) {
    for (const [i, directory] of modelsOf(type).entries()) {
      await writeModel(directory, `${i}`, type);
    }
  }
  for (const [i, directory] of decoders.entries()) await writeDecoder(directory, i);
});
after(async () => {
  await transfer.close();
  rmSync(scratch, { recursive: true, force: true });
});

/** A model that a decoder can run, in bfloat16, a little off model 0. */
async function writeDecoder(directory: string, index: number): Promise<void> {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "config.json"), JSON.stringify(config.raw));
  const [common, own] = [tinyWeights(config, 0), tinyWeights(config, index)];
  const specs = [...common].map(([name, { shape }]) => ({
    name,
    shape,
    dtype: "bfloat16" as const,
  }));
  const writer = await CheckpointWriter.open(directory, specs);
  for (const [name, { data }] of common) {
    const others = own.get(name)!.data;
    await writer.write(
      name,
      encode(
        "bfloat16",
        data.map((x, i) => x + (others[i]! - x) / 4),
      ),
    );
  }
  await writer.finish();
}

/** The same for decoders as planOver for its models. */
function decoderPlan(method: string, options: PlanOptions = {}): MergePlan {
  const plan = planOver(decoders, method, "bfloat16", options);
  const [template] = plan.tensors;
  const tensors = [...tinyWeights(config)].map(([name, { shape }]) => ({
    ...template!,
    ...{ name, shape, sources: template!.sources.map(({ model }) => ({ model, name })) },
  }));
  return { ...plan, tensors, config: config.raw };
}

async function readBack(weights: ReadonlyMap<string, DeviceTensor>) {
  const values = new Map<string, Float32Array>();
  for (const [name, tensor] of weights) values.set(name, floats(await transfer.readBack(tensor)));
  return values;
}

/** The distance of neighbouring numbers of a type around x. */
function spacing(type: FloatType, x: number): number {
  const [bits, smallest] = FORMAT[type];
  return 2 ** (Math.max(smallest, Math.floor(Math.log2(Math.abs(x)))) - bits);
}

/** Methods that divide elements: whole weights, or changes of them. */
const QUOTIENTS_OF_WEIGHTS = ["model_stock", "nearswap"];
const QUOTIENTS_OF_CHANGES = ["ties", "ram", "ramplus_tl", "sce"];
/** Methods that need numbers of the host for each element. */
const HOST_ONLY = ["della", "della_linear", "arcee_fusion"];

/** Largest difference allowed where a division took part; elsewhere none, but for the sign of a zero. */
function bound(method: string, type: FloatType, expected: number): number {
  if (QUOTIENTS_OF_WEIGHTS.includes(method)) {
    // A quotient that multiplies weights, or is one, which are below 1.25.
    return 4 * spacing("float32", 1.2) + spacing("float32", expected) + spacing(type, expected);
  }
  if (!QUOTIENTS_OF_CHANGES.includes(method)) return 0;
  // Quotients err by 2.5 units, the host's by half a one; task vectors here are below 1/4, and so are their
  // means. The sum with the base and the rounding to the type may each turn that into a step of their own.
  return 3 * spacing("float32", 0.24) + spacing("float32", expected) + spacing(type, expected);
}

for (const method of HOST_ONLY) {
  test(`${method} on the device is refused with the way out`, async () => {
    const device = new DeviceMerger(wasmKernel(), STRICT);
    const plan = planOver(modelsOf("bfloat16"), method, "bfloat16");
    await assert.rejects(device.merge(plan), /ranks or measures rows on the host/);
    await device.close();
  });
}

for (const { name: method } of MERGE_METHODS) {
  if (HOST_ONLY.includes(method)) continue;
  test(`${method} on the device is the host's to the promised bound`, async (t) => {
    const host = new CandidateMerger(wasmKernel());
    const device = new DeviceMerger(wasmKernel(), STRICT);
    for (const [type, loadAs] of [
      ...TYPES.map((type) => [type, undefined] as const),
      ["float32", "bfloat16"] as const,
    ]) {
      const plain = planOver(modelsOf(type), method, loadAs ?? type);
      const plan = { ...plain, tensors: plain.tensors.map((tensor) => ({ ...tensor, loadAs })) };
      const expected = await host.merge(plan);
      const weights = await device.merge(plan);
      const merged = await readBack(weights);
      assert.deepEqual([...merged.keys()], [...expected.keys()]);
      let [different, elements] = [0, 0];
      for (const [name, { data, shape }] of expected) {
        assert.deepEqual([...weights.get(name)!.shape], [...shape]);
        const got = merged.get(name)!;
        for (const [i, value] of data.entries()) {
          const difference = Math.abs(got[i]! - value);
          assert.ok(
            difference <= bound(method, loadAs ?? type, value),
            `${type} ${name}[${i}]: ${got[i]} instead of ${value}`,
          );
          if (difference > 0) different++;
        }
        elements += data.length;
      }
      if (different > 0) {
        t.diagnostic(`figure: ${method} in ${type}: ${different} of ${elements} values differ`);
      }
      for (const tensor of weights.values()) tensor.dispose();
    }
    host.close();
    await device.close();
  });
}

/** Runs `work` and counts what a search must not repeat, and the device tensors that it disposed. */
async function counting(work: () => Promise<void>) {
  const sessions = sessionsCreated();
  const upload = mock.method(Transfer.prototype, "upload");
  const dispose = mock.method(DeviceTensor.prototype, "dispose");
  try {
    await work();
    const disposed = new Set(dispose.mock.calls.map((call) => call.this));
    return {
      uploads: upload.mock.callCount(),
      sessions: sessionsCreated() - sessions,
      disposed: disposed.size,
    };
  } finally {
    upload.mock.restore();
    dispose.mock.restore();
  }
}

const CANDIDATES = [0.25, 0.5, 0.125, 0.75, 0.375].map((density, i) => ({
  density,
  weight: 0.9 - i / 8,
}));

test("candidates after the first upload, compile, read and leave nothing", async () => {
  for (const method of ["dare_ties", "ties", "slerp"]) {
    let reads = 0;
    const device = new DeviceMerger(wasmKernel(), {
      ...STRICT,
      open: async (directory) => {
        const checkpoint = await openCheckpoint(directory);
        const { tensors } = checkpoint;
        return {
          ...{ directory, tensors, close: () => checkpoint.close() },
          read: (...call) => {
            reads++;
            return checkpoint.read(...call);
          },
        };
      },
    });
    const merge = async (options: PlanOptions) => {
      const weights = await device.merge(
        planOver(modelsOf("bfloat16"), method, "bfloat16", options),
      );
      for (const tensor of weights.values()) tensor.dispose();
    };
    const first = await counting(() => merge(CANDIDATES[0]!));
    const models = method === "slerp" ? 2 : 3;
    const streams = method === "dare_ties" ? 2 : 0;
    assert.equal(
      first.uploads,
      4 * (models + streams),
      `${method}: tensors of each model and stream`,
    );
    const readOnce = reads;
    for (const options of CANDIDATES.slice(1)) {
      const later = await counting(() => merge(options));
      assert.deepEqual(later, { uploads: 0, sessions: 0, disposed: 4 }, method);
    }
    assert.equal(reads, readOnce, method);
    const parent = planOver(modelsOf("bfloat16").slice(0, 1), "passthrough", "bfloat16");
    const cast = parent.tensors.map((tensor) => ({ ...tensor, loadAs: "bfloat16" as const }));
    for (const tensors of [parent.tensors, cast]) {
      const alone = await counting(async () => void (await device.merge({ ...parent, tensors })));
      assert.equal(
        alone.uploads,
        0,
        "a parent alone is there already, cast to its own type or not",
      );
    }
    await device.close();
  }
});

async function scores(engine: Engine, plan: MergePlan, schedule: Schedule): Promise<Float32Array> {
  const signal = new AbortController().signal;
  const all: number[] = [];
  await engine.load(plan, signal);
  await engine.score(schedule, { onBatch: (_, { logProbs }) => void all.push(...logProbs) });
  return Float32Array.from(all);
}

const engineOn = (device: Device) => openEngine({ device, threads: 1 });

test("the worker scores its candidates alike on both devices, and keeps one alive", async (t) => {
  const [cpu, gpu] = [await engineOn("cpu"), await engineOn("webgpu")];
  const { schedule } = randomTree(1, config.vocabSize);
  const tensors = tinyWeights(config).size;
  let worst = 0;
  for (const [i, options] of CANDIDATES.entries()) {
    const plan = decoderPlan("dare_ties", options);
    const expected = await scores(cpu, plan, schedule);
    let got: Float32Array = new Float32Array(0);
    const { uploads, sessions, disposed } = await counting(async () => {
      got = await scores(gpu, plan, schedule);
    });
    if (i > 0)
      assert.deepEqual(
        { uploads, sessions, disposed },
        { uploads: 0, sessions: 0, disposed: tensors },
      );
    assert.ok(expected.length > 20 && got.length === expected.length);
    for (const [k, value] of expected.entries()) worst = Math.max(worst, Math.abs(got[k]! - value));
  }
  t.diagnostic(`figure: log-probabilities of merged models differ by ${worst.toExponential(1)}`);
  assert.ok(worst < 1e-5, `${worst}`);
});

test("weights that overflow show as NaN log-probabilities, numbers that do as an error", async () => {
  const gpu = await engineOn("webgpu");
  const { schedule } = randomTree(1, config.vocabSize);
  const overflowing = decoderPlan("task_arithmetic", { weight: 1e38 });
  assert.ok((await scores(gpu, overflowing, schedule)).some(Number.isNaN));
  const infinite = decoderPlan("task_arithmetic", { weight: 1e39 });
  await assert.rejects(scores(gpu, infinite, schedule), { code: "numeric" });
  const sound = await scores(gpu, decoderPlan("task_arithmetic"), schedule);
  assert.ok(sound.every(Number.isFinite));
});

test("mergekit's arithmetic, two merges at once and merging after close() are refused", async () => {
  const device = new DeviceMerger(wasmKernel(), STRICT);
  const plan = planOver(modelsOf("float32"), "linear", "float32");
  const compat = { ...plan, compat: true };
  await assert.rejects(device.merge(compat), { code: "device", hint: /--device cpu/ });
  const first = device.merge(plan);
  await assert.rejects(device.merge(plan), /while the merger was merging/);
  await first;
  await device.close(); // with a candidate alive
  await assert.rejects(device.merge(plan), /while the merger was closed/);
});
