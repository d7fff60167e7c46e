// Parents whose tokens have other ids: under tokenizer_source a search scores what it would score if they had
// the base's, and the recipe it hands out merges to those very weights.

import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import { CheckpointWriter } from "../../src/checkpoint/writer.ts";
import { wasmKernel } from "../../src/kernel/wasm/wasm.ts";
import { CandidateMerger } from "../../src/merge/candidates/candidate.ts";
import { evolve } from "../../src/run/evolve/evolve.ts";
import type { EvolveOptions } from "../../src/run/evolve/options.ts";
import { outlineOf } from "../../src/run/evolve/outline.ts";
import { contestOf } from "../../src/run/evolve/prepare.ts";
import { mergeFile } from "../../src/run/merge/merge.ts";
import { digestOf } from "../merge/tensors.ts";
import { contentOf } from "./searches.ts";

const MODELS = join(import.meta.dirname, "../../evals/demo/models");
const root = mkdtempSync(join(tmpdir(), "tsmerge-permuted-"));
after(() => rmSync(root, { recursive: true, force: true }));

/** Ids of the demo's 512 tokens back to front, but for the special one. */
const turned = (id: number) => (id === 0 ? 0 : 512 - id);

before(async () => {
  const directory = join(root, "math");
  cpSync(join(MODELS, "math"), directory, { recursive: true });
  rmSync(join(directory, "model.safetensors"));
  const json = JSON.parse(readFileSync(join(directory, "tokenizer.json"), "utf8"));
  const vocab = Object.entries<number>(json.model.vocab);
  json.model.vocab = Object.fromEntries(vocab.map(([token, id]) => [token, turned(id)]));
  writeFileSync(join(directory, "tokenizer.json"), JSON.stringify(json));
  const plain = await openCheckpoint(join(MODELS, "math"));
  const writer = await CheckpointWriter.open(directory, [...plain.tensors.values()]);
  for (const { name, shape, byteLength } of plain.tensors.values()) {
    const bytes = new Uint8Array(byteLength);
    await plain.read(name, 0, bytes);
    const rowBytes = byteLength / shape[0]!;
    const row = (id: number) => bytes.slice(id * rowBytes, (id + 1) * rowBytes);
    const isTable = name === "model.embed_tokens.weight";
    const rows = Array.from({ length: shape[0]! }, (_, id) => row(isTable ? turned(id) : id));
    await writer.write(name, Buffer.concat(rows));
  }
  await writer.finish();
  await plain.close();
});

function optionsOf(name: string, math: string, source: string): EvolveOptions {
  const text = `genome:
  models: [${math}, ${MODELS}/geography]
  base_model: ${MODELS}/base
  merge_method: task_arithmetic
  parameters: {weight: {range: [0, 1.5], start: 0.5}}
  ${source}
tasks: [demo]
`;
  return {
    ...{ file: join(root, "evolve.yml"), text, runFolder: join(root, name), environment: {} },
    ...{ limit: 20, reportLimit: 20, seed: 3, population: 3, budget: { maxEvals: 3 }, workers: 1 },
    device: "cpu",
  };
}

/** What a run scored, without what names its models. */
async function scoredBy(options: EvolveOptions) {
  await evolve(options);
  const { candidates, scores } = contentOf(options.runFolder);
  return {
    candidates: candidates.map(({ id, genome, fitness }) => ({ id, genome, fitness })),
    scores: scores.map(({ recipeHash, ...score }) => JSON.stringify(score)).sort(),
  };
}

test("candidates of permuted parents score as those of plain ones", async () => {
  const plain = await scoredBy(optionsOf("plain", join(MODELS, "math"), ""));
  assert.ok(plain.candidates.length >= 3);
  const permuted = optionsOf("union", join(root, "math"), "tokenizer_source: union");
  assert.deepEqual(await scoredBy(permuted), plain);
});

/** A candidate's plan and recipe, and the digest of its weights. */
async function candidate(options: EvolveOptions) {
  const contest = await contestOf(await outlineOf(options));
  const { plan, text } = contest.compose([0.7, 0.4]);
  const merger = new CandidateMerger(wasmKernel());
  const digest = await digestOf(plan, await merger.merge(plan));
  merger.close();
  return { digest, text };
}

test("the recipe that is handed out merges to the weights that were scored", async () => {
  const plain = await candidate(optionsOf("none", join(MODELS, "math"), ""));
  const based = optionsOf("none", join(root, "math"), "tokenizer_source: base");
  const { digest, text } = await candidate(based);
  assert.equal(digest, plain.digest);
  const file = join(root, "handed-out.yml");
  writeFileSync(file, text);
  const { weightsSha256 } = await mergeFile({
    ...{ file, outDir: join(root, "merged"), environment: {}, seed: undefined, compat: false },
    ...{ shardSize: "5B", device: "cpu", force: false },
  });
  assert.equal(weightsSha256, digest);
});
