// Merging to disk, end to end, on generated bf16 models: the built program's wall time against reading the
// inputs and writing the output with plain streams, and against `cp`; processor time and peak memory. Runs
// are interleaved and the best of each counts, for other work on the machine only adds. Arguments:
// `--parameters 1e9` (2e8 by default), `--folder DIR` (a temporary one), `--methods linear,ties`, `--rounds 2`.

import { execFileSync, spawnSync } from "node:child_process";
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
import { methodNamed } from "../src/merge/methods/registry.ts";
import { printRows, type Row } from "./row.ts";

/** Models of each merge, a base among them where there is one. */
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
const VALUES: Readonly<Record<string, number>> = { weight: 0.5, density: 0.53, t: 0.4 };
const ROOT = join(import.meta.dirname, "..");
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

/** A recipe over the first `count` models; JSON is YAML. */
function recipeOf(method: string, folder: string, count: number): string {
  const { base, parameters } = methodNamed(method);
  const models = Array.from({ length: count }, (_, i) => join(folder, `${i}`));
  const valuesOf = (scope: string) =>
    Object.fromEntries(
      parameters
        .filter((one) => one.scope === scope && one.name in VALUES)
        .map(({ name }) => [name, VALUES[name]]),
    );
  return JSON.stringify({
    merge_method: method,
    ...(base === "none" ? {} : { base_model: models[0] }),
    models: models.map((model, i) =>
      base === "required" && i === 0 ? { model } : { model, parameters: valuesOf("model") },
    ),
    parameters: valuesOf("global"),
    dtype: "bfloat16",
  });
}

interface Measured {
  readonly seconds: number;
  /** Of all threads, in user and system mode. */
  readonly processorSeconds: number;
  readonly peakBytes: number;
}

/** Runs a Node program in a process of its own, which tells what it took when it ends. */
function measure(words: readonly string[]): Measured {
  const tell = `
    import { writeSync } from "node:fs";
    import { isMainThread } from "node:worker_threads";
    if (isMainThread) process.on("exit", () => {
      const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
      const processorSeconds = (userCPUTime + systemCPUTime) / 1e6;
      writeSync(3, JSON.stringify({ processorSeconds, peakBytes: 1024 * maxRSS }));
    });`;
  const listener = `data:text/javascript,${encodeURIComponent(tell)}`;
  const started = performance.now();
  const { status, output } = spawnSync(process.execPath, ["--import", listener, ...words], {
    encoding: "utf8",
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  });
  const seconds = (performance.now() - started) / 1000;
  if (status !== 0) throw new Error(`${words.join(" ")} failed: ${output[2]}`);
  return { seconds, ...(JSON.parse(output[3]!) as Omit<Measured, "seconds">) }; // what was told
}

/** Reads the parents and writes as much as one of them: the bytes that a merge of them moves. */
async function stream(folder: string, parents: number): Promise<void> {
  const copy = join(folder, "out");
  for (let i = 0; i < parents; i++) {
    const path = join(folder, `${i}`, "model.safetensors");
    const source = createReadStream(path, { highWaterMark: 2 ** 20 });
    if (i > 0) for await (const _ of source);
    else await pipeline(source, createWriteStream(copy, { flush: true }));
  }
}

/** Seconds that `cp` takes to copy the parents. */
function copySeconds(folder: string, parents: number): number {
  const started = performance.now();
  for (let i = 0; i < parents; i++) {
    const file = join(folder, `${i}`, "model.safetensors");
    execFileSync("cp", [file, join(folder, "out")]);
  }
  return (performance.now() - started) / 1000;
}

/** Measurements of one method, best of `rounds` each. */
function measureMethod(folder: string, method: string, parents: number, rounds: number) {
  const out = join(folder, "out");
  const config = join(folder, `${method}.yml`);
  writeFileSync(config, recipeOf(method, folder, parents));
  const program = join(ROOT, "dist/cli/tsmerge.js");
  const merge = (threads: string) =>
    measure([program, "merge", config, out, "-j", threads, "--no-write-model-card", "--quiet"]);
  const streams = () =>
    measure([
      ...["--import", "tsx", import.meta.filename, "--stream", `${parents}`],
      ...["--folder", folder],
    ]);
  const clean = <T>(run: () => T): T => {
    rmSync(out, { recursive: true, force: true });
    return run();
  };
  const all = Array.from({ length: rounds }, () => ({
    plain: clean(streams),
    one: clean(() => merge("1")),
    two: clean(() => merge("2")),
    copy: clean(() => copySeconds(folder, parents)),
  }));
  const best = (of: "plain" | "one" | "two") =>
    all.map((round) => round[of]).reduce((a, b) => (b.seconds < a.seconds ? b : a));
  const copy = Math.min(...all.map((round) => round.copy));
  return { plain: best("plain"), one: best("one"), two: best("two"), copy };
}

/** Figures of every method on one thread and on two. */
export async function benchMerge(
  parameters = 2e8,
  methods: readonly string[] = Object.keys(METHODS),
  parent = tmpdir(),
  rounds = 2,
): Promise<Row[]> {
  execFileSync("npm", ["run", "build", "--silent"], { cwd: ROOT, stdio: "inherit" });
  const folder = mkdtempSync(join(parent, "tsmerge-bench-"));
  try {
    const shapes = shapesFor(parameters);
    for (const i of [0, 1, 2]) await writeParent(join(folder, `${i}`), i, shapes);
    return methods.flatMap((method) => rowsOf(folder, method, rounds));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function rowsOf(folder: string, method: string, rounds: number): Row[] {
  const parents = METHODS[method] ?? 2;
  const { plain, one, two, copy } = measureMethod(folder, method, parents, rounds);
  const target = TARGETS[method];
  const cores = ({ seconds, processorSeconds }: Measured) =>
    `${(processorSeconds / seconds).toFixed(2)} cores`;
  const peak = Math.max(one.peakBytes, two.peakBytes) / 2 ** 20;
  return [
    {
      name: `${method} of ${parents}: time over plain streams (${plain.seconds.toFixed(2)} s)`,
      value: one.seconds / plain.seconds,
      unit: "×",
      ...(target === undefined ? {} : { target }),
    },
    {
      name: `${method}: time over cp of the parents (${copy.toFixed(2)} s)`,
      value: one.seconds / copy,
      unit: "×",
    },
    {
      name: `${method}: two threads (${cores(two)}) faster than one (${cores(one)})`,
      value: one.seconds / two.seconds,
      unit: "×",
      target: "≥ 1.6 × where one uses one core",
    },
    {
      name: `${method}: processor time of one thread`,
      value: one.processorSeconds,
      unit: "s",
    },
    { name: `${method}: peak memory`, value: peak, unit: "MiB", target: "≤ 1024 MiB" },
  ];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: { stream: text, folder: text, parameters: text, methods: text, rounds: text },
  });
  if (values.stream !== undefined) {
    await stream(values.folder!, Number(values.stream));
  } else {
    const [parameters, rounds] = [Number(values.parameters ?? 2e8), Number(values.rounds ?? 2)];
    printRows(await benchMerge(parameters, values.methods?.split(","), values.folder, rounds));
  }
}
