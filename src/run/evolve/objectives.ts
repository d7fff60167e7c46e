// What a strategy with several objectives is told of a generation: each task's value, and how far luck with the items
// can have moved it. Functions of recorded results alone, so a killed run tells the same again.

import type { ItemScore } from "../../evals/item.ts";
import { estimateMean } from "../../evals/metrics.ts";
import type { Told } from "../../search/strategy.ts";
import type { Contest } from "./contest.ts";
import { oriented, taskValues, type WeightedTask } from "./fitness.ts";
import { knownScores, type Scoring } from "./scoring.ts";

type Objectives = Pick<Told, "objectives" | "stderrs">;

/**
 * Values on the search items by recipe, one per task in the run's order; more is better. With standard errors for
 * a strategy that keeps a front: such are never raced, so all candidates answered the same items.
 * @param recipeHashes of scored candidates
 */
export function objectivesOf(
  { strategy, workloads }: Pick<Contest, "strategy" | "workloads">,
  { lineage, tasks }: Pick<Scoring, "lineage" | "tasks">,
  recipeHashes: readonly string[],
): Map<string, Objectives> {
  const known = recipeHashes.map((recipeHash) => {
    const scores = lineage.results.scores({ recipeHash, split: "search" });
    return tasks.map((task) => oriented(task, scores.find((one) => one.task === task.name)!.value));
  });
  const isPaired = strategy.front !== undefined;
  const stderrs = isPaired
    ? pairedStderrs(
        tasks,
        recipeHashes.map((hash) => knownScores(lineage, workloads.search, hash)),
      )
    : [];
  return new Map(
    recipeHashes.map((hash, i) => [
      hash,
      { objectives: known[i]!, ...(isPaired ? { stderrs: stderrs[i]! } : {}) },
    ]),
  );
}

/**
 * Standard errors of each candidate's mean difference from all candidates' mean, item by item, [candidates][tasks]; 0
 * for a task without items, or with others for each candidate.
 */
export function pairedStderrs(
  tasks: readonly WeightedTask[],
  scores: readonly (readonly ItemScore[])[],
): number[][] {
  const byTask = tasks.map((task) => {
    const values = scores.map((own) => taskValues(task, own, task.metric).values);
    const items = values[0]?.length ?? 0;
    if (values.some((own) => own.length !== items)) return scores.map(() => 0);
    const means = Array.from(
      { length: items },
      (_, item) => values.reduce((sum, own) => sum + own[item]!, 0) / values.length,
    );
    return values.map(
      (own) => estimateMean(own.map((value, item) => value - means[item]!)).stderr ?? 0,
    );
  });
  return scores.map((_, k) => byTask.map((stderrs) => stderrs[k]!));
}
