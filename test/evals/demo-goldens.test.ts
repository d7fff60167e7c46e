// The whole way from questions to log-probabilities on the demo models, against lm-evaluation-harness with
// transformers: prompts, tokens, tree batches, decoder, metrics.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { bf16ToF32 } from "../../src/base/half.ts";
import { sha256 } from "../../src/base/hash.ts";
import { openCheckpoint } from "../../src/checkpoint/open.ts";
import type { ItemScore } from "../../src/evals/item.ts";
import { limitFirst } from "../../src/evals/splits.ts";
import { loadTasks } from "../../src/evals/tasks/tasks.ts";
import { buildWorkload, scoreItems } from "../../src/evals/workload.ts";
import type { BatchResult } from "../../src/model/batch.ts";
import { readModelConfig } from "../../src/model/config.ts";
import { causalBatch } from "../../src/model/decoder/causal.ts";
import { createDecoder, type Decoder } from "../../src/model/decoder/runner.ts";
import type { Weight } from "../../src/model/decoder/standing-feeds.ts";
import { loadTokenizer } from "../../src/model/tokenizer.ts";
import { DATA_IF_THERE, GOLDENS, skipWithoutShared } from "./shared.ts";
import { DEMO_MODELS } from "./tokenizers.ts";

interface Run {
  readonly model: string;
  readonly task: string;
  readonly num_fewshot: number;
  readonly limit: number | null;
  readonly n: number;
  readonly acc: number;
  readonly items?: readonly {
    readonly doc_id: number;
    readonly prompt_sha256: string;
    readonly logprobs: readonly number[];
    readonly acc: number;
  }[];
}

function goldenRuns(): Run[] {
  const file: { runs: Run[] } = JSON.parse(
    readFileSync(join(GOLDENS, "lm-eval-demo.json"), "utf8"),
  );
  return file.runs;
}

async function weightsOf(model: string): Promise<Map<string, Weight>> {
  const checkpoint = await openCheckpoint(join(DEMO_MODELS, model));
  const weights = new Map<string, Weight>();
  for (const { name, elements, shape } of checkpoint.tensors.values()) {
    const bits = new Uint16Array(elements);
    await checkpoint.read(name, 0, new Uint8Array(bits.buffer));
    weights.set(name, { data: Float32Array.from(bits, bf16ToF32), shape });
  }
  await checkpoint.close();
  return weights;
}

async function score(decoder: Decoder, run: Run, slots?: number): Promise<ItemScore[]> {
  const { task, num_fewshot: fewshot, limit, items: expected } = run;
  const suite = await loadTasks([task], { split: "test", dataDir: DATA_IF_THERE, fewshot });
  const items = limit === null ? suite.items : limitFirst(suite.items, limit);
  for (const { doc_id, prompt_sha256 } of expected ?? []) {
    assert.equal(sha256(items[doc_id]!.context), prompt_sha256, `${task} ${doc_id}`);
  }
  const tokenizer = await loadTokenizer(join(DEMO_MODELS, run.model));
  const { prefixId } = tokenizer;
  const workload = buildWorkload(task, items, tokenizer, { prefixId, maxLength: 4096, slots });
  const results = new Map<number, BatchResult>();
  await decoder.runSchedule(workload.schedule, {
    onBatch: (batch, result) => void results.set(batch, result),
  });
  return scoreItems(workload, results);
}

test("every log-probability is lm-eval's to 1e-3, every accuracy equal", {
  skip: skipWithoutShared,
}, async (context) => {
  const config = await readModelConfig(join(DEMO_MODELS, "base"));
  const decoder = await createDecoder(config, { device: "cpu", threads: 1 });
  let [compared, worst] = [0, 0];
  const runs = goldenRuns();
  for (const model of new Set(runs.map((run) => run.model))) {
    await decoder.setWeights(await weightsOf(model));
    for (const run of runs.filter((each) => each.model === model)) {
      const name = `${model} ${run.task} ${run.num_fewshot}-shot`;
      const scores = await score(decoder, run);
      assert.equal(scores.length, run.n, name);
      assert.equal(scores.reduce((sum, each) => sum + each.acc, 0) / run.n, run.acc, name);
      for (const { doc_id, logprobs, acc } of run.items ?? []) {
        const own = scores[doc_id]!;
        assert.equal(own.acc, acc, `${name} ${doc_id}`);
        logprobs.forEach((expected, choice) => {
          worst = Math.max(worst, Math.abs(own.logLikelihoods[choice]! - expected));
          compared++;
        });
      }
    }
  }
  await decoder.close();
  context.diagnostic(`${compared} log-probabilities, largest difference ${worst.toExponential(2)}`);
  assert.ok(compared > 5000);
  assert.ok(worst <= 1e-3, String(worst));
});

test("tree scores are plain causal scores to 1e-4, whatever the batching", async () => {
  const config = await readModelConfig(join(DEMO_MODELS, "base"));
  const decoder = await createDecoder(config, { device: "cpu", threads: 1 });
  await decoder.setWeights(await weightsOf("base"));
  const run = { model: "base", task: "demo_geography", num_fewshot: 3, limit: 60, n: 60, acc: 0 };
  const plain = await plainScores(decoder, run);
  for (const slots of [24, 100, 512, 100_000]) {
    const scores = await score(decoder, run, slots);
    scores.forEach((each, index) => {
      each.logLikelihoods.forEach((value, choice) => {
        const difference = Math.abs(value - plain[index]![choice]!);
        assert.ok(difference <= 1e-4, `slots ${slots}, question ${each.docId}: ${difference}`);
      });
    });
  }
  await decoder.close();
});

/** Each context and continuation as one causal row of its own. */
async function plainScores(decoder: Decoder, run: Run): Promise<number[][]> {
  const suite = await loadTasks([run.task], { split: "test", fewshot: run.num_fewshot });
  const tokenizer = await loadTokenizer(join(DEMO_MODELS, run.model));
  const scores: number[][] = [];
  for (const { context, continuations } of limitFirst(suite.items, run.limit ?? Infinity)) {
    const own: number[] = [];
    const length = tokenizer.encode(context, { specials: true }).length;
    for (const continuation of continuations) {
      const tokens = tokenizer.encode(context + continuation, { specials: true });
      const { result } = await decoder.runBatch(causalBatch([tokens]));
      own.push(result.logProbs.slice(length - 1).reduce((sum, each) => sum + each, 0));
    }
    scores.push(own);
  }
  return scores;
}
