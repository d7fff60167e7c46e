// The forward goldens: tiny models of each family with the float32 logits that transformers gives.

import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { DecoderBatch } from "../../src/model/batch.ts";
import { type ModelConfig, parseModelConfig } from "../../src/model/config.ts";
import { causalBatch } from "../../src/model/decoder/causal.ts";
import { floatTensors, rawTensors } from "./plain-safetensors.ts";

const FOLDER = resolve(import.meta.dirname, "../../../shared/goldens/forward");

export const FAMILIES = [
  "llama",
  "llama-tied-head-dim",
  "llama3-rope",
  "llama-bias",
  "mistral-window",
  "qwen2",
  "qwen3",
] as const;

/** False, or why tests that need the goldens are skipped. */
export const skipGoldens = existsSync(FOLDER) ? false : `no goldens in ${FOLDER}`;

export interface Golden {
  readonly config: ModelConfig;
  readonly weights: ReadonlyMap<string, { readonly data: Float32Array; readonly shape: number[] }>;
  /** Token ids, one array a row. */
  readonly rows: readonly number[][];
  /** [rows · columns, vocabulary] */
  readonly logits: Float32Array;
}

export function golden(family: string): Golden {
  const config = join(FOLDER, family, "config.json");
  const expected = rawTensors(join(FOLDER, family, "expected.safetensors"));
  const ids = expected.get("input_ids")!;
  const flat = Array.from(new BigInt64Array(ids.bytes), Number);
  const [rows, columns] = ids.shape as [number, number];
  return {
    config: parseModelConfig(JSON.parse(readFileSync(config, "utf8")), config),
    weights: floatTensors(join(FOLDER, family, "model.safetensors")),
    rows: Array.from({ length: rows }, (_, row) => flat.slice(row * columns, (row + 1) * columns)),
    logits: new Float32Array(expected.get("logits")!.bytes),
  };
}

/** Plain causal rows with every slot scored, so that logits come back for all of them. */
export function everyPosition(rows: readonly number[][]): DecoderBatch {
  const batch = causalBatch(rows);
  return { ...batch, scoreSlots: Int32Array.from(batch.tokens.keys()) };
}

export function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i]!)), 0);
}
