// What candidates that a race stopped would have scored on all search items: p-IRT, recorded beside their raw means
// and never in their place. Nothing that is chosen or claimed depends on it.

import type { ItemScore } from "../../evals/item.ts";
import {
  type Answer,
  estimateMean,
  fitResponses,
  LEAST_MODELS,
} from "../../evals/statistics/item-response.ts";
import { wilson } from "../../evals/statistics/statistics.ts";
import type { Candidate, ScoreRecord } from "../../lineage/records.ts";
import { WHOLE_RUN } from "../../lineage/results.ts";
import type { Contest } from "./contest.ts";
import { knownScores, type Scoring } from "./scoring.ts";

/** The metric's name among a candidate's scores. */
const ESTIMATE = "acc p-irt";

/**
 * Estimates the accuracy of every stopped candidate from the answers of those that had all items, if they are
 * enough to fit a model from. A candidate that the model does not know gets its raw mean alone.
 */
export function estimateStopped(
  { workloads: { search } }: Pick<Contest, "workloads">,
  { lineage }: Pick<Scoring, "lineage">,
): void {
  const done = lineage.candidates.list({ kind: "search", status: "done" });
  const whole = distinct(done.filter(({ stoppedAfter }) => stoppedAfter === undefined));
  const known = new Set(whole.map(({ recipeHash }) => recipeHash));
  const stopped = distinct(done.filter(({ recipeHash }) => !known.has(recipeHash)));
  if (whole.length < LEAST_MODELS || stopped.length === 0) return;
  const answersOf = ({ recipeHash, stoppedAfter }: Candidate): Answer[] => {
    const rung = stoppedAfter === undefined ? undefined : search.rungs[stoppedAfter];
    const scores = knownScores(lineage, search, recipeHash, rung);
    return search.items.map((_, item) => answer(scores[item]));
  };
  const model = fitResponses(whole.map(answersOf));
  const rows = stopped.flatMap(({ recipeHash }, index): ScoreRecord[] => {
    const { raw, n, estimate } = estimateMean(model, answersOf(stopped[index]!));
    const row = { recipeHash, split: "search", task: WHOLE_RUN, n } as const;
    const beside: ScoreRecord = {
      ...row,
      metric: "acc",
      value: raw,
      ...wilson(Math.round(raw * n), n),
    };
    return estimate === undefined
      ? [beside]
      : [beside, { ...row, metric: ESTIMATE, value: estimate }];
  });
  lineage.results.putScores(rows);
}

/** One candidate a recipe, the one that had most items. */
function distinct(candidates: readonly Candidate[]): Candidate[] {
  const byRecipe = new Map<string, Candidate>();
  for (const one of candidates) {
    const other = byRecipe.get(one.recipeHash);
    if (other === undefined || (other.items ?? 0) < (one.items ?? 0))
      byRecipe.set(one.recipeHash, one);
  }
  return [...byRecipe.values()];
}

function answer(score: ItemScore | undefined): Answer {
  if (score === undefined) return undefined;
  return score.acc === 1 ? 1 : 0;
}
