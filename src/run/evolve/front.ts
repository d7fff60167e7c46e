// What a strategy with several objectives hands back: the finalists that no other, baselines included, clearly
// beats, on items that the search did not see. Fronts on search items hold luck.

import type { ItemScore } from "../../evals/item.ts";
import { clearlyDominates } from "../../search/pareto.ts";
import { searchedScore, taskDifference } from "./comparison.ts";
import type { Contest } from "./contest.ts";
import { fitnessOf, oriented, type WeightedTask } from "./fitness.ts";
import { recipeFile } from "./recipe-file.ts";
import type { FrontEntry, Interval } from "./results.ts";
import type { Finalist } from "./shortlist.ts";

/**
 * The front, best in the first task first. One beats another clearly if it is in no task worse by more than one
 * paired standard error and in some better by more; the better ones by fitness are asked first.
 * @param selected answers to the selection items by label, of those that did not fail
 */
export function frontOf(
  contest: Contest,
  finalists: readonly Finalist[],
  selected: ReadonlyMap<string, readonly ItemScore[]>,
): FrontEntry[] {
  const { tasks } = contest;
  const scored = finalists.flatMap((finalist) => {
    const scores = selected.get(finalist.label);
    return scores === undefined
      ? []
      : [{ finalist, scores, fitness: fitnessOf(tasks, scores).value }];
  });
  scored.sort((a, b) => b.fitness - a.fitness);
  const kept: typeof scored = [];
  for (const one of scored) {
    if (!kept.some((other) => clearlyBeats(tasks, other.scores, one.scores))) kept.push(one);
  }
  const front = kept
    .filter(({ finalist }) => finalist.kind !== "baseline")
    .map(({ finalist, scores }) => {
      const values = tasks.map((task) => searchedScore(task, scores));
      return { finalist, values, first: oriented(tasks[0]!, values[0]!.value) };
    })
    .sort((a, b) => b.first - a.first);
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

function clearlyBeats(
  tasks: readonly WeightedTask[],
  ours: readonly ItemScore[],
  theirs: readonly ItemScore[],
): boolean {
  const differences = tasks.map((task) => taskDifference(task, task.metric, ours, theirs));
  return clearlyDominates(
    differences.map(({ value }) => value),
    differences.map(({ stderr }) => stderr ?? 0),
  );
}

/** `math: logprob -0.512 (-0.601 to -0.423), 120 selection items` */
function scoreLine({ name, metric }: WeightedTask, { value, n, low, high }: Interval): string {
  const interval =
    low === null || high === null ? "" : ` (${low.toFixed(3)} to ${high.toFixed(3)})`;
  return `${name}: ${metric} ${value.toFixed(3)}${interval}, ${n} selection items`;
}
