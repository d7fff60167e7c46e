// Who is scored on the selection items, and how sure the choice among them is: the baselines, the strategy's own
// recommendation (the mean of its distribution), the front of a strategy that keeps one, and the best of the search.
// A recipe stands once, under the first of its names.

import type { ItemScore } from "../../evals/item.ts";
import { holm, pairedBootstrap } from "../../evals/statistics/statistics.ts";
import type { Lineage } from "../../lineage/lineage.ts";
import { searchId } from "../../lineage/records.ts";
import { groupsOf, reportedItems, reportedScore, requireSameItems, tested } from "./comparison.ts";
import type { Composition, Contest } from "./contest.ts";
import type { Interval, ShortlistEntry } from "./results.ts";

export interface Finalist {
  readonly label: string;
  readonly kind: ShortlistEntry["kind"];
  readonly composition: Composition;
}

/** How many of the search's best are scored again. */
const TOP = 8;
/** Of a search, with its mean; a front may add more. */
export const FINALISTS = TOP + 1;

/** The shortlist, baselines first: of equals the first wins, and they are the simplest. */
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
  const done = lineage.candidates.best(Number.MAX_SAFE_INTEGER);
  // best first: of candidates with one recipe the last that the map is given stands, the best
  const best = [
    ...new Map(done.toReversed().map((one) => [one.recipeHash, one])).values(),
  ].reverse();
  // before anything was told it is only the point that the search started from
  if (number > 0) {
    const mean = contest.compose(contest.strategy.recommend(state));
    // some strategies recommend one that they observed: luck may have chosen it, as it did the others
    const observed = best.find(({ recipeHash }) => recipeHash === mean.hash);
    if (observed === undefined) add(`mean of generation ${number}`, "mean", mean);
    else add(observed.id, "search", mean);
  }
  const population = contest.strategy.populationSize(state);
  for (const ordinal of contest.strategy.front?.(state) ?? []) {
    const id = searchId(Math.floor(ordinal / population), ordinal % population);
    add(id, "search", contest.compose(lineage.candidates.get(id)!.genome!));
  }
  for (const { id, genome } of best.slice(0, TOP)) {
    add(id, "search", contest.compose(genome!));
  }
  return finalists;
}

/** How sure a place on the shortlist is, on the selection items. */
export interface Standing {
  /** What the report would say of it, of these items. */
  readonly reported: Interval;
  /** How often it is the best of the shortlist when items are resampled, the same for all; absent without items. */
  readonly chance?: number;
  /** Against the best baseline, adjusted for all of the shortlist's comparisons (Holm); absent for baselines. */
  readonly p?: number | null;
}

/** Each finalist's standing, by label. @param scores of those that did not fail, on the same items */
export function standingsOf(
  { tasks, seed }: Pick<Contest, "tasks" | "seed">,
  finalists: readonly Finalist[],
  scores: ReadonlyMap<string, readonly ItemScore[]>,
): Map<string, Standing> {
  const scored = finalists.filter(({ label }) => scores.has(label));
  for (const { label } of scored) {
    requireSameItems(scores.get(scored[0]!.label)!, scores.get(label)!);
  }
  const items = scored.map(({ label }) => reportedItems(tasks, scores.get(label)!));
  const { best } = pairedBootstrap(
    items.map(({ values }) => values),
    { seed, groups: groupsOf(items[0]!) },
  );
  const hasItems = [...scores.values()].flat().every(({ summary }) => summary === undefined);
  const baseline = scored
    .filter(({ kind }) => kind === "baseline")
    .map(({ label }) => scores.get(label)!)
    .reduce((high, one) => (tested(tasks, one, high).delta > 0 ? one : high));
  const merges = scored.filter(({ kind }) => kind !== "baseline");
  const raw = merges.map(({ label }) => tested(tasks, scores.get(label)!, baseline).p);
  const adjusted = holm(raw.map((p) => p ?? 1));
  const standings = new Map(
    scored.map(({ label }, i): [string, Standing] => {
      const reported = reportedScore(tasks, scores.get(label)!);
      return [label, hasItems ? { reported, chance: best[i]! } : { reported }];
    }),
  );
  merges.forEach(({ label }, i) => {
    const p = raw[i] === null ? null : adjusted[i]!;
    standings.set(label, { ...standings.get(label)!, p });
  });
  return standings;
}
