// Which tasks of a search are scored outside this process, and what that leaves to do here.

import type { Item } from "../../evals/item.ts";
import { endpointParts, type OutsidePart } from "../../evals/outside.ts";
import type { CommandSource, TaskChoice, TaskSource } from "../../recipe/search/task-choice.ts";
import type { WeightedTask } from "./fitness.ts";

/** Tasks that are scored elsewhere, by name. */
export type Sources = ReadonlyMap<string, TaskSource>;

export function sourcesOf(tasks: readonly TaskChoice[]): Sources {
  return new Map(
    tasks.flatMap(({ name, source }) => (source === undefined ? [] : [[name, source]])),
  );
}

/** Candidates at once: with a program, which may take the whole machine, one unless the user says otherwise. */
export function askedWorkers(asked: number | undefined, sources: Sources): number | undefined {
  return asked ?? (sources.size > 0 ? 1 : undefined);
}

/** A user's program as a task: its score is its metric. */
export function programTask(
  { name, weight }: TaskChoice,
  { isMinimised, command }: CommandSource,
): WeightedTask {
  const text = [command].flat().join(" ");
  return {
    ...{ name, weight, metric: "score", reported: "score", isMinimised, isCounted: false },
    ...{ leaves: [name], isBlind: !text.includes("{split}") },
  };
}

/**
 * A split's items as what is scored here and what is not: a leaf that several tasks asked for belongs to the first.
 * @param tasks in the order of the search file
 */
export function dealOutside(
  items: readonly Item[],
  tasks: readonly WeightedTask[],
  sources: Sources,
): { readonly here: readonly Item[]; readonly parts: readonly OutsidePart[] } {
  const ownerOf = ({ task }: Item): string | undefined =>
    tasks.find(({ leaves }) => leaves.includes(task))?.name;
  const owners = new Map(items.map((item) => [item, ownerOf(item)]));
  const parts = [...sources].flatMap(([task, { kind }]): OutsidePart[] =>
    kind === "command"
      ? [{ kind, task }]
      : endpointParts(
          task,
          items.filter((item) => owners.get(item) === task),
        ),
  );
  return { here: items.filter((item) => !sources.has(owners.get(item) ?? "")), parts };
}

/** What a user should know of programs before they run. */
export function programNotes(tasks: readonly WeightedTask[], sources: Sources): string[] {
  return tasks.flatMap(({ name, isBlind }) => {
    if (sources.get(name)?.kind !== "command") return [];
    return isBlind
      ? [
          `${name}: its command has no {split}, so the report asks what the search asked: no improvement can be shown`,
        ]
      : [
          `${name}: a program of yours, which is told the split (search, selection or report) and has to ask other questions in each`,
        ];
  });
}
