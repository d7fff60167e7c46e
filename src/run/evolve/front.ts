// What a strategy with several objectives hands back: the finalists that no other, baselines included, beats in
// every task, on items that the search did not see. Fronts on search items hold luck.

import { dominates } from "../../search/pareto.ts";
import { searchedScore } from "./comparison.ts";
import type { Contest } from "./contest.ts";
import { oriented, type WeightedTask } from "./fitness.ts";
import { recipeFile } from "./recipe-file.ts";
import type { FrontEntry, Interval } from "./results.ts";
import { knownScores, type Scoring } from "./scoring.ts";
import type { Finalist } from "./shortlist.ts";

/** @param finalists those that were scored on the selection items */
export function frontOf(
  contest: Contest,
  finalists: readonly Finalist[],
  { lineage }: Pick<Scoring, "lineage">,
): FrontEntry[] {
  const { tasks, workloads } = contest;
  const scored = finalists.map((finalist) => {
    const scores = knownScores(lineage, workloads.selection, finalist.composition.hash);
    const values = tasks.map((task) => {
      const own = scores.filter(({ task: leaf }) => task.leaves.includes(leaf));
      return searchedScore(task, own);
    });
    const objectives = values.map(({ value }, i) => oriented(tasks[i]!, value));
    return { finalist, values, objectives };
  });
  const front = scored
    .filter(({ finalist }) => finalist.kind !== "baseline")
    .filter(({ objectives }) => !scored.some((other) => dominates(other.objectives, objectives)))
    .sort((a, b) => b.objectives[0]! - a.objectives[0]!);
  return front.map(({ finalist: { label, composition }, values }, index) => ({
    label,
    recipeHash: composition.hash,
    tasks: Object.fromEntries(tasks.map(({ name }, i) => [name, values[i]!])),
    recipe: recipeFile(contest, composition, [
      `front, ${index + 1} of ${front.length}: ${label}`,
      ...tasks.map((task, i) => scoreLine(task, values[i]!)),
    ]),
  }));
}

/** `math: logprob -0.512 (-0.601 to -0.423), 120 selection items` */
function scoreLine({ name, metric }: WeightedTask, { value, n, low, high }: Interval): string {
  const interval =
    low === null || high === null ? "" : ` (${low.toFixed(3)} to ${high.toFixed(3)})`;
  return `${name}: ${metric} ${value.toFixed(3)}${interval}, ${n} selection items`;
}
