// Whether int8 screening is worth it on this machine: the demo models and some random merges of them are scored in
// float32 and in int8, and it is offered only if it is faster and ranks them the same.

import { join } from "node:path";
import { streamKey, uniform } from "../../base/counter-rng.ts";
import { fromWire, TsmergeError } from "../../base/errors.ts";
import type { Item } from "../../evals/item.ts";
import { limitStratified } from "../../evals/splits.ts";
import { kendallTau } from "../../evals/statistics/statistics.ts";
import { loadTasks } from "../../evals/tasks/tasks.ts";
import { buildWorkload, scoreItems } from "../../evals/workload.ts";
import { LocalExecutor } from "../../exec/local.ts";
import type { MergePlan } from "../../merge/plan.ts";
import type { BatchResult } from "../../model/batch.ts";
import { readModelConfig } from "../../model/config.ts";
import { loadTokenizer } from "../../model/tokenizer.ts";
import type { Device } from "../../ort/session.ts";
import { compileRecipe } from "../../recipe/compile/compile.ts";
import { loadModels } from "../../recipe/compile/models.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import { singleModel } from "../../recipe/search/baselines.ts";

/** The demo family that ships: evals/ stands two folders above this file in src and in dist. */
const FAMILY = join(import.meta.dirname, "../../../evals/demo/models");
const BASE = join(FAMILY, "base");
const SPECIALISTS = ["math", "geography", "spanish", "code"].map((name) => join(FAMILY, name));

/** Merges with random weights, besides the models themselves. */
const MERGES = 20;
/** Items of all four subjects; the check takes a few seconds. */
const ITEMS = 60;
/** What is asked of it: less agreement would choose other models, less speed is not worth the difference. */
const LEAST_TAU = 0.9;
const LEAST_SPEEDUP = 1.1;

export interface ScreeningCheck {
  /** Kendall's τ between the mean log-probabilities in float32 and in int8. */
  readonly tau: number;
  /** Time of the decoder in float32 over that in int8. */
  readonly speedup: number;
  readonly candidates: number;
}

/**
 * @throws TsmergeError `usage` for what int8 cannot score; `device` where it is slower or ranks otherwise, with figures
 */
export async function refuseUnlessScreened(items: readonly Item[], device: Device): Promise<void> {
  const hint = "leave --dtype int8 out";
  if (device !== "cpu") {
    throw new TsmergeError("usage", `int8 screening runs on the CPU, not on ${device}`, { hint });
  }
  const generated = items.find(({ judgement }) => judgement?.kind === "generation");
  if (generated !== undefined) {
    throw new TsmergeError("usage", `${generated.task} generates texts, which int8 does not`, {
      hint,
    });
  }
  const { tau, speedup, candidates } = await checkScreening();
  if (tau >= LEAST_TAU && speedup >= LEAST_SPEEDUP) return;
  throw new TsmergeError(
    "device",
    `int8 screening is not offered on this CPU: ${speedup.toFixed(2)} times as fast as float32 (${LEAST_SPEEDUP} are asked), and Kendall's tau over ${candidates} demo models is ${tau.toFixed(2)} (${LEAST_TAU})`,
    { hint },
  );
}

/** Scores the demo family both ways, on this CPU. */
export async function checkScreening(): Promise<ScreeningCheck> {
  const models = await loadModels([BASE, ...SPECIALISTS], async (reference) => reference);
  const recipes = [...[BASE, ...SPECIALISTS].map(singleModel), ...randomMerges()];
  const plans = recipes.map((recipe) => compileRecipe(recipe, { models, seed: 0, compat: false }));
  const { items } = await loadTasks(["demo"], { split: "val" });
  const tokenizer = await loadTokenizer(BASE);
  const { maxPositions: maxLength } = await readModelConfig(BASE);
  const asked = limitStratified(items, ITEMS, 0);
  const limits = { prefixId: tokenizer.prefixId, maxLength };
  const workload = buildWorkload("screening", asked, tokenizer, limits);
  const { schedule } = workload;

  const [exact, screened] = [false, true].map((int8) => ({
    executor: new LocalExecutor({
      // one thread: the ratio is the same, and a busy machine disturbs it less
      ...{ device: "cpu", workers: 1, threads: 1, int8 },
      schedule: () => schedule,
    }),
    scores: [] as number[],
    ms: 0,
  }));
  try {
    for (const [index, plan] of plans.entries()) {
      for (const way of [exact!, screened!]) {
        const { score, ms } = await scoreOne(way.executor, plan, index, (results) => {
          const scores = scoreItems(workload, results);
          return scores.reduce((sum, { logprob }) => sum + logprob, 0) / scores.length;
        });
        way.scores.push(score);
        if (index > 0) way.ms += ms; // the first one starts the engine
      }
    }
  } finally {
    await Promise.all([exact!.executor.close(), screened!.executor.close()]);
  }
  return {
    tau: kendallTau(exact!.scores, screened!.scores),
    speedup: exact!.ms / screened!.ms,
    candidates: plans.length,
  };
}

async function scoreOne(
  executor: LocalExecutor,
  plan: MergePlan,
  index: number,
  meanOf: (results: ReadonlyMap<number, BatchResult>) => number,
): Promise<{ score: number; ms: number }> {
  const results = new Map<number, BatchResult>();
  const outcome = await executor.submit(
    { id: `screening ${index}`, plan, workloads: [{ name: "screening", done: [] }] },
    ({ batch, result }) => void results.set(batch, result),
    new AbortController().signal,
  );
  if (!outcome.ok) throw fromWire(outcome.error);
  return { score: meanOf(results), ms: outcome.scoreMs };
}

/** Task arithmetic of all specialists, each with a weight between 0 and 1. */
function randomMerges(): Recipe[] {
  return Array.from({ length: MERGES }, (_, merge): Recipe => {
    const key = streamKey("screening", merge);
    const sources = SPECIALISTS.map((model, index) => ({
      model,
      parameters: { weight: uniform(key, index) },
    }));
    return {
      method: "task_arithmetic",
      base: BASE,
      slices: [{ sources: [{ model: BASE, parameters: {} }, ...sources], parameters: {} }],
      parameters: {},
      dtype: "bfloat16",
    };
  });
}
