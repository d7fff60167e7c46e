// Who is scored on the selection items: the baselines, the strategy's own recommendation (the mean of its
// distribution), the front of a strategy that keeps one, and the best of the search. A recipe stands once, under the first of its names.

import type { Lineage } from "../lineage/lineage.ts";
import { searchId } from "../lineage/records.ts";
import type { Composition, Contest } from "./contest.ts";
import type { ShortlistEntry } from "./results.ts";

export interface Finalist {
  readonly label: string;
  readonly kind: ShortlistEntry["kind"];
  readonly composition: Composition;
}

/** How many of the search's best are scored again. */
const TOP = 8;

/** The shortlist, baselines first: on equal scores the simpler one wins. */
export function shortlistOf(contest: Contest, lineage: Lineage): Finalist[] {
  const { number, state } = lineage.currentGeneration()!;
  const finalists: Finalist[] = contest.baselines.map(({ label, composition }) => ({
    label,
    kind: "baseline",
    composition,
  }));
  const known = new Set(finalists.map(({ composition }) => composition.hash));
  const add = (label: string, kind: Finalist["kind"], composition: Composition): void => {
    if (known.has(composition.hash)) return;
    known.add(composition.hash);
    finalists.push({ label, kind, composition });
  };
  // before anything was told it is only the point that the search started from
  if (number > 0) {
    const mean = contest.compose(contest.strategy.recommend(state));
    add(`mean of generation ${number}`, "mean", mean);
  }
  const population = contest.strategy.populationSize(state);
  for (const ordinal of contest.strategy.front?.(state) ?? []) {
    const id = searchId(Math.floor(ordinal / population), ordinal % population);
    add(id, "search", contest.compose(lineage.candidates.get(id)!.genome!));
  }
  const best = lineage.candidates.best(Number.MAX_SAFE_INTEGER);
  const distinct = [...new Map(best.toReversed().map((one) => [one.recipeHash, one])).values()];
  for (const { id, genome } of distinct.toReversed().slice(0, TOP)) {
    add(id, "search", contest.compose(genome!));
  }
  return finalists;
}
