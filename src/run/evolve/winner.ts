// Who is handed back, decided on the selection items. What a search observed as best was lucky too; the mean of its
// distribution no luck has chosen. So the mean goes home unless another is clearly better, a baseline too: the
// one-standard-error rule (Breiman, Friedman, Olshen and Stone 1984, §3.4.3), with the mean as the simple one.

import type { ItemScore } from "../../evals/item.ts";
import { reportedDifference } from "./comparison.ts";
import type { WeightedTask } from "./fitness.ts";
import type { Finalist } from "./shortlist.ts";

/**
 * The mean, or the best of those that are above it by more than one paired standard error; the best of all where the
 * strategy has no mean, of equals the first. They are compared by the reported metric, in a search by `logprob` by the
 * probability of the right choice: what accuracy estimates, without its coarse steps.
 * @param finalists baselines first
 * @param scores by label, on the same items, of those that did not fail: every baseline at least
 */
export function winnerOf(
  tasks: readonly WeightedTask[],
  finalists: readonly Finalist[],
  scores: ReadonlyMap<string, readonly ItemScore[]>,
): Finalist {
  const scored = finalists.filter(({ label }) => scores.has(label));
  const smooth = new Map([...scores].map(([label, own]) => [label, smoothed(tasks, own)]));
  const against = (one: Finalist, other: Finalist) =>
    reportedDifference(tasks, smooth.get(one.label)!, smooth.get(other.label)!);
  const best = (some: readonly Finalist[]): Finalist =>
    some.reduce((high, one) => (against(one, high).value > 0 ? one : high));
  const mean = scored.find(({ kind }) => kind === "mean");
  if (mean === undefined) return best(scored);
  const better = scored.filter((one) => {
    const { value, stderr } = against(one, mean);
    return value > (stderr ?? 0); // a program's score without an error is taken for exact
  });
  return best([mean, ...better]);
}

/** Answers with the right choice's probability for right or wrong, where the search follows its logarithm. */
function smoothed(
  tasks: readonly WeightedTask[],
  scores: readonly ItemScore[],
): readonly ItemScore[] {
  const followed = tasks.filter(
    ({ metric, reported }) => metric === "logprob" && reported === "acc",
  );
  const leaves = new Set(followed.flatMap((task) => task.leaves));
  return scores.map((score) =>
    leaves.has(score.task) ? { ...score, acc: Math.exp(score.logprob) } : score,
  );
}
