// Merging to disk, end to end, on generated bf16 models: wall time against reading the inputs and writing
// the output with plain streams, and peak memory. Each merge runs in a process of its own. Arguments:
// `--parameters 1e9` (2e7 by default), `--folder DIR` (a temporary one), `--methods linear,ties`.

import { spawnSync } from "node:child_process";
import {
  createReadStream,
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { draw32, streamKey } from "../src/base/counter-rng.ts";
import { CheckpointWriter } from "../src/checkpoint/writer.ts";
import { mergePool } from "../src/exec/merge-pool.ts";
import { wasmKernel } from "../src/kernel/wasm.ts";
import { soloCrew } from "../src/merge/crew.ts";
import { executeWith } from "../src/merge/execute.ts";
import { methodNamed } from "../src/merge/methods/registry.ts";
import type { MergePlan, TensorPlan } from "../src/merge/plan.ts";
import { printRows, type Row } from "./row.ts";

/** Models besides a base: three parents in all. */
const METHODS: Readonly<Record<string, number>> = {
  linear: 2,
  slerp: 2,
  task_arithmetic: 3,
  ties: 3,
  dare_ties: 3,
};
const TARGETS: Readonly<Record<string, string>> = {
  linear: "≤ 1.5 ×",
  slerp: "≤ 1.5 ×",
  ties: "≤ 2.5 ×",
};
const WIDTH = 2048;
const CHUNK = 2 ** 22;

/** Square-ish matrices like a decoder's: one embedding and layers of seven. */
function shapesFor(parameters: number): [string, number[]][] {
  const embedding: [string, number[]] = ["model.embed_tokens.weight", [16_384, WIDTH]];
  const scale = Math.max(1, Math.round((parameters - 16_384 * WIDTH) / (12 * WIDTH * WIDTH)));
  const layers = Array.from({ length: parameters < 16_384 * WIDTH * 2 ? 0 : scale }, (_, i) => {
    const at = (name: string, rows: number): [string, number[]] => [
      `model.layers.${i}.${name}.weight`,
      [rows, WIDTH],
    ];
    return [
      ...["q", "k", "v", "o"].map((name) => at(`self_attn.${name}_proj`, WIDTH)),
      at("mlp.gate_proj", 3 * WIDTH),
      at("mlp.up_proj", 3 * WIDTH),
      at("mlp.down_proj", 2 * WIDTH),
    ];
  });
  const small: [string, number[]] = [embedding[0], [Math.round(parameters / WIDTH), WIDTH]];
  return layers.length === 0 ? [small] : [embedding, ...layers.flat()];
}

/** Writes a bf16 model of noise around a common one; the noise repeats every CHUNK elements. */
async function writeParent(
  directory: string,
  parent: number,
  shapes: [string, number[]][],
): Promise<void> {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "config.json"), `{"model_type": "bench"}`);
  const key = streamKey("bench", String(parent));
  const common = streamKey("bench", "common");
  const chunk = new Uint16Array(CHUNK);
  const bits = new Float32Array(1);
  const view = new Uint32Array(bits.buffer);
  for (let i = 0; i < CHUNK; i++) {
    const own = parent === 0 ? 0 : draw32(key, i) / 2 ** 31 - 1;
    bits[0] = 0.05 * (draw32(common, i) / 2 ** 31 - 1) + 0.004 * own;
    chunk[i] = view[0]! >>> 16;
  }
  const specs = shapes.map(([name, shape]) => ({ name, shape, dtype: "bfloat16" as const }));
  const writer = await CheckpointWriter.open(directory, specs);
  for (const { name, shape } of specs) {
    for (let left = shape[0]! * shape[1]!; left > 0; left -= CHUNK) {
      await writer.write(name, new Uint8Array(chunk.buffer, 0, 2 * Math.min(left, CHUNK)));
    }
  }
  await writer.finish();
}

function planFor(
  method: string,
  models: readonly string[],
  shapes: [string, number[]][],
): MergePlan {
  const { base, parameters } = methodNamed(method);
  const values: Readonly<Record<string, number>> = { weight: 0.5, density: 0.53, t: 0.4 };
  const of = (scope: string) =>
    Object.fromEntries(
      parameters
        .filter((one) => one.scope === scope)
        .map(({ name, default: value }) => [name, values[name] ?? value!]),
    );
  const tensors = shapes.map(
    ([name, shape]): TensorPlan => ({
      name,
      shape,
      method,
      sources: models.map((_, model) => ({ model, name })),
      base: base === "none" || base === "optional" ? undefined : 0,
      global: of("global"),
      perModel: models.map((_, i) => (base === "required" && i === 0 ? {} : of("model"))),
      loadAs: undefined,
      arithmetic: "float32",
      dtype: "bfloat16",
    }),
  );
  return {
    models,
    tensors,
    seed: 1,
    compat: false,
    config: { model_type: "bench" },
    donor: models[0]!,
  };
}

interface Measured {
  readonly seconds: number;
  readonly peakBytes: number;
}

/** Runs one merge (or, as `streams`, the yardstick) in a process of its own. */
function measure(
  folder: string,
  method: string,
  parents: number,
  threads: number,
  parameters: number,
): Measured {
  const words = ["--import", "tsx", import.meta.filename, "--child", method, "--folder", folder];
  const numbers = [
    "--parents",
    `${parents}`,
    "--threads",
    `${threads}`,
    "--parameters",
    `${parameters}`,
  ];
  const { status, stdout, stderr } = spawnSync(process.execPath, [...words, ...numbers], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${method} failed: ${stderr}`);
  return JSON.parse(stdout) as Measured; // what `child` printed
}

async function child(
  folder: string,
  method: string,
  parents: number,
  threads: number,
  parameters: number,
) {
  const models = Array.from({ length: parents }, (_, i) => join(folder, `${i}`));
  const outDir = join(folder, "out");
  const started = performance.now();
  if (method === "streams") {
    for (const [i, model] of models.entries()) {
      const source = createReadStream(join(model, "model.safetensors"), { highWaterMark: 2 ** 20 });
      // the output is as large as one parent
      if (i > 0) for await (const _ of source);
      else await pipeline(source, createWriteStream(`${outDir}.copy`, { flush: true }));
    }
    rmSync(`${outDir}.copy`);
  } else {
    const hire = threads === 1 ? soloCrew(wasmKernel()) : mergePool(threads);
    await executeWith(planFor(method, models, shapesFor(parameters)), hire, {
      outDir,
      resume: false,
    });
    rmSync(outDir, { recursive: true });
  }
  const seconds = (performance.now() - started) / 1000;
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  process.stdout.write(JSON.stringify({ seconds, peakBytes }));
}

/** Figures of every method on one thread and on two. */
export async function benchMerge(
  parameters = 2e7,
  methods: readonly string[] = Object.keys(METHODS),
  parent = tmpdir(),
): Promise<Row[]> {
  const folder = mkdtempSync(join(parent, "tsmerge-bench-"));
  try {
    const shapes = shapesFor(parameters);
    for (const i of [0, 1, 2]) await writeParent(join(folder, `${i}`), i, shapes);
    const rows: Row[] = [];
    for (const method of methods) {
      const parents = METHODS[method] ?? 2;
      const plain = Math.min(
        ...[0, 1].map(() => measure(folder, "streams", parents, 1, parameters).seconds),
      );
      const one = measure(folder, method, parents, 1, parameters);
      const two = measure(folder, method, parents, 2, parameters);
      const target = TARGETS[method];
      rows.push(
        {
          name: `${method} of ${parents}: time over plain streams (${plain.toFixed(2)} s)`,
          value: one.seconds / plain,
          unit: "×",
          ...(target === undefined ? {} : { target }),
        },
        {
          name: `${method}: two threads faster than one`,
          value: one.seconds / two.seconds,
          unit: "×",
          target: "≥ 1.6 ×",
        },
        {
          name: `${method}: peak memory, one thread`,
          value: one.peakBytes / 2 ** 20,
          unit: "MiB",
          target: "≤ 1024 MiB",
        },
        {
          name: `${method}: peak memory, two threads`,
          value: two.peakBytes / 2 ** 20,
          unit: "MiB",
          target: "≤ 1024 MiB",
        },
      );
    }
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: {
      child: text,
      folder: text,
      parents: text,
      threads: text,
      parameters: text,
      methods: text,
    },
  });
  const parameters = Number(values.parameters ?? 2e7);
  if (values.child !== undefined) {
    await child(
      values.folder!,
      values.child,
      Number(values.parents),
      Number(values.threads),
      parameters,
    );
  } else {
    printRows(await benchMerge(parameters, values.methods?.split(","), values.folder));
  }
}
