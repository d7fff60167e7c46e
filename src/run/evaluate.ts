// `tsmerge eval`: one model on some tasks, through the same executor and decoder as every candidate. No
// lineage: what is computed is returned.

import { availableParallelism } from "node:os";
import { fromWire } from "../base/errors.ts";
import type { ItemScore } from "../evals/item.ts";
import { type SuiteResult, summarise } from "../evals/results.ts";
import { limitFirst, limitStratified } from "../evals/splits.ts";
import { loadTasks } from "../evals/tasks.ts";
import { buildWorkload, scoreItems } from "../evals/workload.ts";
import { LocalExecutor } from "../exec/local.ts";
import type { Device } from "../kernel/device.ts";
import type { BatchResult } from "../model/batch.ts";
import { readModelConfig } from "../model/config.ts";
import { loadTokenizer } from "../model/tokenizer.ts";
import { compileRecipe } from "../recipe/compile.ts";
import { singleModel } from "../recipe/genome.ts";
import { loadModels } from "../recipe/models.ts";
import { sessionDevice } from "./resources.ts";

export interface EvaluateOptions {
  readonly split?: "val" | "test" | undefined;
  readonly dataDir?: string | undefined;
  readonly includePaths?: readonly string[] | undefined;
  readonly fewshot?: number | undefined;
  /** Items in all, stratified. */
  readonly limit?: number | undefined;
  /** lm-eval's limit: the first so many of each task. */
  readonly limitFirst?: number | undefined;
  readonly seed?: number | undefined;
  readonly device: Device;
  readonly onProgress?: ((done: number, batches: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Evaluation {
  readonly schemaVersion: 1;
  readonly model: string;
  readonly split: "val" | "test";
  readonly dataHash: string;
  readonly results: SuiteResult;
  readonly scores: readonly ItemScore[];
  /** What task files say that means nothing here. */
  readonly warnings: readonly string[];
}

/**
 * Scores the model at a location (a folder, or one with an adapter after it: see joinLocation), in the type its
 * weights are stored in.
 * @param tasks names of groups or leaf tasks
 * @throws TsmergeError as loading tasks and models does; `interrupted` after the signal
 */
export async function evaluateModel(
  directory: string,
  tasks: readonly string[],
  options: EvaluateOptions,
): Promise<Evaluation> {
  const { split = "test", dataDir, includePaths, fewshot, seed = 0 } = options;
  const suite = await loadTasks(tasks, { split, dataDir, includePaths, fewshot });
  const firsts =
    options.limitFirst === undefined ? suite.items : limitFirst(suite.items, options.limitFirst);
  const items = limitStratified(firsts, options.limit ?? Number.POSITIVE_INFINITY, seed);
  const models = await loadModels([directory], async (reference) => reference);
  const model = models.get(directory)!;
  const tokenizer = await loadTokenizer(model.directory);
  const workload = buildWorkload("eval", items, tokenizer, {
    prefixId: tokenizer.prefixId,
    maxLength: (await readModelConfig(model.directory)).maxPositions,
  });
  const { schedule } = workload;
  const executor = new LocalExecutor({
    device: sessionDevice(options.device),
    workers: 1,
    threads: availableParallelism(),
    schedule: () => schedule,
  });
  const results = new Map<number, BatchResult>();
  try {
    const plan = compileRecipe(singleModel(directory), { models, seed, compat: false });
    const outcome = await executor.submit(
      { id: directory, plan, workloads: [{ name: workload.name, done: [] }] },
      ({ batch, result }) => {
        results.set(batch, result);
        options.onProgress?.(results.size, schedule.batches.length);
      },
      options.signal ?? new AbortController().signal,
    );
    if (!outcome.ok) throw fromWire(outcome.error);
  } finally {
    await executor.close();
  }
  const scores = scoreItems(workload, results);
  return {
    schemaVersion: 1,
    model: directory,
    split,
    dataHash: suite.dataHash,
    results: summarise(suite, scores),
    scores,
    warnings: suite.warnings,
  };
}
