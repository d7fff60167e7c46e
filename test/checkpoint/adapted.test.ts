// LoRA adapters merged as they are read: the numbers, by any byte range, and what each misfit says.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { bytesPerElement, type FloatType } from "../../src/base/dtype.ts";
import { floatView } from "../../src/base/float-view.ts";
import { roundTo } from "../../src/base/half.ts";
import { fingerprint } from "../../src/checkpoint/fingerprint.ts";
import { byteLengthOf, layOut } from "../../src/checkpoint/layout.ts";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { joinLocation, splitLocation } from "../../src/hub/location.ts";
import { temporaryFolder } from "./folders.ts";

interface Numbers {
  readonly type: FloatType;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

function safetensors(tensors: Readonly<Record<string, Numbers>>): Uint8Array {
  const specs = Object.entries(tensors).map(([name, { type: dtype, shape }]) => ({
    ...{ name, dtype, shape },
  }));
  const { header, tensors: placed, fileBytes } = layOut(specs, {});
  const file = new Uint8Array(fileBytes);
  file.set(header);
  for (const { name, fileOffset, byteLength } of placed) {
    const { type, values } = tensors[name]!;
    const view = floatView(file.subarray(fileOffset, fileOffset + byteLength), type);
    for (const [i, value] of values.entries()) view.set(i, value);
  }
  return file;
}

/** Numbers in [−1, 1] that are exact in every type. */
function matrix(type: FloatType, rows: number, columns: number, seed: number): Numbers {
  const values = Array.from(
    { length: rows * columns },
    (_, i) => (((i * 37 + seed * 11) % 17) - 8) / 8,
  );
  return { type, shape: [rows, columns], values };
}

const CONFIG = { peft_type: "LORA", r: 2, lora_alpha: 6 };

interface Fixture {
  readonly base?: Readonly<Record<string, Numbers>>;
  readonly adapter: Readonly<Record<string, Numbers>>;
  readonly config?: Readonly<Record<string, unknown>>;
}

/** The location of a base with an adapter. */
function fixture(t: TestContext, { base = BASE, adapter, config = {} }: Fixture): string {
  const folder = temporaryFolder(t);
  const [model, lora] = [join(folder, "model"), join(folder, "lora")];
  for (const path of [model, lora]) mkdirSync(path);
  writeFileSync(join(model, "config.json"), "{}");
  writeFileSync(join(model, "model.safetensors"), safetensors(base));
  writeFileSync(join(lora, "adapter_config.json"), JSON.stringify({ ...CONFIG, ...config }));
  writeFileSync(join(lora, "adapter_model.safetensors"), safetensors(adapter));
  return joinLocation(model, lora);
}

const Q = "model.layers.0.q_proj";
const BASE = {
  [`${Q}.weight`]: matrix("bfloat16", 4, 3, 1),
  "model.embed.weight": matrix("float32", 5, 3, 2),
  "lm_head.weight": matrix("float16", 5, 3, 3),
};
const [A, B] = [matrix("float32", 2, 3, 4), matrix("float32", 4, 2, 5)];
const PAIR = {
  [`base_model.model.${Q}.lora_A.weight`]: A,
  [`base_model.model.${Q}.lora_B.weight`]: B,
};

async function numbers(location: string, name: string): Promise<number[]> {
  const checkpoint = await openCheckpoint(location);
  const { byteLength, dtype } = checkpoint.tensors.get(name)!;
  const bytes = new Uint8Array(byteLength);
  await checkpoint.read(name, 0, bytes);
  await checkpoint.close();
  const view = floatView(bytes, dtype as FloatType); // the fixtures hold floats only
  return Array.from({ length: view.length }, (_, i) => view.get(i));
}

/** W + scale·B·A, rounded once. */
function expected(w: Numbers, b: Numbers, a: Numbers, scale: number): number[] {
  const [rows, columns, rank] = [w.shape[0]!, w.shape[1]!, a.shape[0]!];
  return Array.from({ length: rows * columns }, (_, at) => {
    const [i, j] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let k = 0; k < rank; k++) sum += b.values[i * rank + k]! * a.values[k * columns + j]!;
    return roundTo(w.type, w.values[at]! + scale * sum);
  });
}

function transpose({ type, shape, values }: Numbers): Numbers {
  const [rows, columns] = [shape[0]!, shape[1]!];
  return {
    type,
    shape: [columns, rows],
    values: values.map((_, at) => values[(at % rows) * columns + Math.floor(at / rows)]!),
  };
}

test("a linear layer gets W + (α/r)·B·A, the others their own bytes", async (t) => {
  const location = fixture(t, { adapter: PAIR });
  const w = BASE[`${Q}.weight`]!;
  assert.deepEqual(await numbers(location, `${Q}.weight`), expected(w, B, A, 3));
  assert.deepEqual(await numbers(location, "lm_head.weight"), BASE["lm_head.weight"].values);
});

test("the scale follows patterns and rank stabilisation", async (t) => {
  const w = BASE[`${Q}.weight`]!;
  for (const [config, scale] of [
    [{ use_rslora: true }, 6 / Math.SQRT2],
    [{ alpha_pattern: { q_proj: 8 } }, 4],
    [{ alpha_pattern: { "layers\\.\\d+\\.q_proj": 2 }, r: 9, rank_pattern: { q_proj: 2 } }, 1],
    [{ alpha_pattern: { proj: 8 } }, 3],
  ] as const) {
    const location = fixture(t, { adapter: PAIR, config });
    assert.deepEqual(await numbers(location, `${Q}.weight`), expected(w, B, A, scale));
  }
});

test("layers that store inputs first, and embeddings, get the transpose", async (t) => {
  const w = matrix("float32", 3, 3, 6);
  const square = { ...PAIR, [`base_model.model.${Q}.lora_B.weight`]: matrix("float32", 3, 2, 5) };
  const product = expected(transpose(w), matrix("float32", 3, 2, 5), A, 3);
  const fan = { base: { [`${Q}.weight`]: w }, adapter: square, config: { fan_in_fan_out: true } };
  const got = await numbers(fixture(t, fan), `${Q}.weight`);
  assert.deepEqual(got, transpose({ type: "float32", shape: [3, 3], values: product }).values);

  const [ea, eb] = [matrix("float32", 2, 5, 7), matrix("float32", 3, 2, 8)];
  const embedding = {
    "base_model.model.model.embed.lora_embedding_A": ea,
    "base_model.model.model.embed.lora_embedding_B": eb,
  };
  const table = await numbers(fixture(t, { adapter: embedding }), "model.embed.weight");
  const rows = expected(BASE["model.embed.weight"], transpose(ea), transpose(eb), 3);
  assert.deepEqual(table, rows);
});

test("saved modules take a tensor's place, in the base's type and with more rows", async (t) => {
  const head = matrix("float32", 7, 3, 9);
  const location = fixture(t, { adapter: { "base_model.model.lm_head.weight": head } });
  const checkpoint = await openCheckpoint(location);
  const { dtype, shape, byteLength } = checkpoint.tensors.get("lm_head.weight")!;
  assert.deepEqual([dtype, shape, byteLength], ["float16", [7, 3], 42]);
  await checkpoint.close();
  assert.deepEqual(await numbers(location, "lm_head.weight"), head.values);
});

test("any range of bytes is the same as in the whole", async (t) => {
  const checkpoint = await openCheckpoint(fixture(t, { adapter: PAIR }));
  const name = `${Q}.weight`;
  const whole = new Uint8Array(byteLengthOf({ name, dtype: "bfloat16", shape: [4, 3] }));
  await checkpoint.read(name, 0, whole);
  const range = fc.tuple(fc.nat(whole.length), fc.nat(whole.length));
  await fc.assert(
    fc.asyncProperty(range, async (ends) => {
      const [from, to] = ends.sort((a, b) => a - b) as [number, number]; // two numbers
      const part = new Uint8Array(to - from);
      await checkpoint.read(name, from, part);
      assert.deepEqual(part, whole.slice(from, to));
    }),
  );
  await assert.rejects(checkpoint.read(name, whole.length, new Uint8Array(1)), /has 24 bytes/);
  await checkpoint.close();
});

test("a location says where it splits, and its fingerprint is neither's alone", async (t) => {
  assert.deepEqual(splitLocation("/a + b"), { folder: "/a + b" });
  assert.deepEqual(splitLocation("/a + b + /c"), { folder: "/a + b", adapter: "/c" });
  const location = fixture(t, { adapter: PAIR });
  const other = fixture(t, { adapter: PAIR, config: { lora_alpha: 7 } });
  const { folder } = splitLocation(location);
  const prints = await Promise.all([location, other, folder].map((model) => fingerprint(model)));
  assert.equal(new Set(prints).size, 3);
});

const MISFITS: readonly [string, Fixture, RegExp][] = [
  ["DoRA", { adapter: PAIR, config: { use_dora: true } }, /^use_dora is set: DoRA/],
  ["another method", { adapter: PAIR, config: { peft_type: "IA3" } }, /of type IA3, not LORA/],
  [
    "an initialisation that changed the base",
    { adapter: PAIR, config: { init_lora_weights: "pissa_niter_4" } },
    /which changes the base's own weights/,
  ],
  ["another rank", { adapter: PAIR, config: { r: 4 } }, /q_proj has rank 2, .* makes it 4/],
  [
    "half a pair",
    { adapter: { [`base_model.model.${Q}.lora_A.weight`]: A } },
    /has only one of lora_A and lora_B/,
  ],
  [
    "another base",
    { adapter: PAIR, base: { "model.layers.0.k_proj.weight": matrix("float32", 4, 3, 1) } },
    /changes model\.layers\.0\.q_proj\.weight, .* did you mean "model\.layers\.0\.k_proj/,
  ],
  [
    "another size",
    { adapter: PAIR, base: { [`${Q}.weight`]: matrix("float32", 5, 3, 1) } },
    /do not fit model\.layers\.0\.q_proj\.weight \[5,3\]/,
  ],
  [
    "a magnitude vector",
    { adapter: { ...PAIR, [`base_model.model.${Q}.lora_magnitude_vector`]: A } },
    /is no matrix of plain LoRA/,
  ],
  [
    "one factor twice",
    { adapter: { ...PAIR, [`base_model.model.${Q}.lora_A.default.weight`]: A } },
    /q_proj has two lora_A/,
  ],
  [
    "one tensor twice",
    {
      adapter: {
        [`base_model.model.${Q}.base_layer.weight`]: matrix("float32", 4, 3, 6),
        [`base_model.model.${Q}.modules_to_save.weight`]: matrix("float32", 4, 3, 7),
      },
    },
    /q_proj\.weight is replaced twice/,
  ],
  [
    "a tensor that is replaced and changed",
    {
      adapter: { ...PAIR, [`base_model.model.${Q}.base_layer.weight`]: matrix("float32", 4, 3, 6) },
    },
    /q_proj\.weight is both replaced and changed by a product/,
  ],
  ["nothing", { adapter: {} }, /changes nothing/],
];

for (const [what, files, message] of MISFITS) {
  test(`refused: ${what}`, async (t) => {
    await assert.rejects(openCheckpoint(fixture(t, files)), { code: "incompatible", message });
  });
}

test("a folder that is no adapter says what is missing", async (t) => {
  const { folder } = splitLocation(fixture(t, { adapter: PAIR }));
  await assert.rejects(openCheckpoint(joinLocation(folder, folder)), {
    message: "adapter_model.safetensors or adapter_model.bin is missing",
  });
});

test("values wider than a tile's type are rounded once", async (t) => {
  const location = fixture(t, { adapter: PAIR, config: { lora_alpha: 2.001 } });
  const w = BASE[`${Q}.weight`]!;
  assert.equal(bytesPerElement(w.type), 2);
  assert.deepEqual(await numbers(location, `${Q}.weight`), expected(w, B, A, 2.001 / 2));
});
