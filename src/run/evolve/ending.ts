// The honest end of a run: the shortlist meets the selection items, the winner meets the report items,
// beside every baseline. Each stage is scored like the search, so it resumes like the search.

import { contentHash } from "../../base/hash.ts";
import type { ItemScore } from "../../evals/item.ts";
import { itemCount } from "../../evals/workload.ts";
import type { Split } from "../../lineage/records.ts";
import { compare, isCounted, reportedByLeaf, reportedScore, tested } from "./comparison.ts";
import type { Contest } from "./contest.ts";
import { objectiveName, type WeightedTask } from "./fitness.ts";
import { frontOf } from "./front.ts";
import { recipeFile } from "./recipe-file.ts";
import {
  type Comparison,
  type EvolveResult,
  RESULTS_SCHEMA,
  type ReportRow,
  type SearchEnd,
  type ShortlistEntry,
  verdictOf,
} from "./results.ts";
import { baselineFailed, knownScores, type Scoring, scoreEntrants } from "./scoring.ts";
import { type Finalist, type Standing, shortlistOf, standingsOf } from "./shortlist.ts";
import { winnerOf } from "./winner.ts";

/** The finding under which the winners that met the report items are listed. */
const REPORTED = "reported";

/** Chooses the winner, reports on it, and says what was shown. `onStage` is told before each stage. */
export async function runEnding(
  contest: Contest,
  end: SearchEnd,
  scoring: Scoring,
  onStage: (stage: "selection" | "report", candidates: number) => void,
): Promise<EvolveResult> {
  const { lineage } = scoring;
  const finalists = shortlistOf(contest, lineage);
  lineage.setStage("selection");
  onStage("selection", finalists.length);
  const selection = await scoreFinalists("selection", finalists, contest, scoring);
  const selected = selectionScores(contest, finalists, selection, scoring);
  const standings = standingsOf(contest, finalists, selected);
  const winner = winnerOf(contest.tasks, finalists, selected);

  const baselines = finalists.filter(({ kind }) => kind === "baseline");
  const reported = winner.kind === "baseline" ? baselines : [winner, ...baselines];
  lineage.setStage("report");
  onStage("report", reported.length);
  const fitness = await scoreFinalists("report", reported, contest, scoring);
  const looks = countLook(winner, scoring);

  const rows = reportRows(contest, winner, reported, fitness, scoring);
  const counted = isCounted(contest.tasks);
  const { improved, verdict } = verdictOf(rows, {
    isCounted: counted,
    blind: blindPrograms(contest, scoring),
  });
  return {
    schemaVersion: RESULTS_SCHEMA,
    identity: contentHash(contest.identity),
    seed: contest.seed,
    metric: objectiveName(contest.tasks),
    tasks: contest.tasks.map(({ name, weight, metric, reported, isMinimised }) => ({
      ...{ name, weight, metric, reported, direction: isMinimised ? "minimise" : "maximise" },
    })),
    reportMetric: reportMetricOf(contest.tasks),
    isCounted: counted,
    improved,
    verdict,
    winner: {
      label: winner.label,
      recipeHash: winner.composition.hash,
      recipe: recipeFile(contest, winner.composition, [`winner: ${winner.label}`, verdict]),
    },
    report: rows,
    ...(contest.strategy.front === undefined
      ? {}
      : { front: frontOf(contest, finalists, selected) }),
    shortlist: finalists.map((finalist) =>
      entryOf(finalist, selection, standings.get(finalist.label), scoring),
    ),
    search: end,
    items: {
      search: itemsOf("search", contest, scoring),
      selection: itemsOf("selection", contest, scoring),
      report: itemsOf("report", contest, scoring),
    },
    reportLooks: looks,
  };
}

/** Programs that were not told the split, or reported items of the search again: recognised by ids of theirs. */
function blindPrograms(
  { tasks, workloads, baselines }: Contest,
  { lineage }: Pick<Scoring, "lineage">,
): string[] {
  const { hash } = baselines[0]!.composition;
  return tasks
    .filter(({ isBlind }) => isBlind !== undefined)
    .filter(({ name, isBlind }) => {
      const itemsIn = (split: Split): string[] =>
        knownScores(lineage, workloads[split], hash).flatMap((score) =>
          score.task === name ? score.hash : [],
        );
      const searched = new Set(itemsIn("search"));
      return isBlind === true || itemsIn("report").some((item) => searched.has(item));
    })
    .map(({ name }) => name);
}

/** Items of a split: those of programs are known from what they reported of the first baseline. */
function itemsOf(
  split: Split,
  { workloads, baselines }: Contest,
  { lineage }: Pick<Scoring, "lineage">,
): number {
  const workload = workloads[split];
  const hasProgram = workload.outside?.some(({ kind }) => kind === "command") === true;
  const reported = lineage.results.fitness(baselines[0]!.composition.hash, split)?.n;
  return (hasProgram ? reported : undefined) ?? itemCount(workload);
}

/** Fitness of each finalist on a split, by label; a finalist that failed there has none. */
async function scoreFinalists(
  split: Exclude<Split, "search">,
  finalists: readonly Finalist[],
  contest: Contest,
  scoring: Scoring,
): Promise<ReadonlyMap<string, number>> {
  const { candidates } = scoring.lineage;
  const ids = candidates.add(
    finalists.map(({ label, composition }) => ({
      kind: "shortlist",
      label: `${split}:${label}`,
      parents: [],
      recipe: composition.text,
      recipeHash: composition.hash,
    })),
  );
  const entrants = finalists.map(({ kind, composition }, index) => ({
    id: ids[index]!,
    plan: composition.plan,
    recipeHash: composition.hash,
    required: kind === "baseline",
  }));
  await scoreEntrants(split, contest.workloads[split], entrants, scoring);
  return new Map(
    finalists.flatMap(({ label, kind }, index): [string, number][] => {
      const { fitness, error } = candidates.get(ids[index]!)!;
      // a parent that cannot be scored leaves nothing to compare with
      if (fitness === undefined && kind === "baseline") throw baselineFailed(label, error!);
      return fitness === undefined ? [] : [[label, fitness]];
    }),
  );
}

/** Each finalist's answers to the selection items, by label; of those that did not fail. */
function selectionScores(
  contest: Contest,
  finalists: readonly Finalist[],
  selection: ReadonlyMap<string, number>,
  { lineage }: Scoring,
): Map<string, readonly ItemScore[]> {
  const scored = finalists.filter(({ label }) => selection.has(label));
  return new Map(
    scored.map(({ label, composition }) => [
      label,
      knownScores(lineage, contest.workloads.selection, composition.hash),
    ]),
  );
}

/** How many winners have met the report items, this one included. */
function countLook({ composition }: Finalist, { lineage }: Scoring): number {
  const known = lineage.finding(REPORTED);
  const hashes = new Set(Array.isArray(known) ? known : []).add(composition.hash);
  lineage.putFinding(REPORTED, [...hashes]);
  return hashes.size;
}

function reportRows(
  contest: Contest,
  winner: Finalist,
  reported: readonly Finalist[],
  fitness: ReadonlyMap<string, number>,
  { lineage }: Scoring,
): ReportRow[] {
  const { workloads, tasks } = contest;
  const scores = new Map(
    reported.map(({ label, composition }) => [
      label,
      knownScores(lineage, workloads.report, composition.hash),
    ]),
  );
  const against = (label: string, rival: string): Comparison =>
    compare(tasks, scores.get(label)!, scores.get(rival)!, contest.seed);
  const singles = contest.baselines.filter(({ role }) => role === "parent" || role === "base");
  // the best on the report items themselves: the hardest rival that hindsight can pick
  const bestParent = singles.reduce((best, one) =>
    tested(tasks, scores.get(one.label)!, scores.get(best.label)!).delta > 0 ? one : best,
  ).label;
  const equal = contest.baselines.find(({ role }) => role === "equal")?.label;
  return reported.map(
    ({ label, kind }): ReportRow => ({
      role:
        kind === "baseline"
          ? contest.baselines.find((baseline) => baseline.label === label)!.role
          : "winner",
      label,
      won: label === winner.label,
      bestParent: label === bestParent,
      score: reportedScore(tasks, scores.get(label)!),
      tasks: reportedByLeaf(tasks, scores.get(label)!),
      fitness: fitness.get(label)!,
      ...(label === bestParent ? {} : { againstBestParent: against(label, bestParent) }),
      ...(label === equal || equal === undefined
        ? {}
        : { againstEqualWeights: against(label, equal) }),
    }),
  );
}

/** The reported metrics with their direction; a mean of several tasks has more as better. */
function reportMetricOf(tasks: readonly WeightedTask[]): string {
  const names = new Set(
    tasks.map(({ reported, isMinimised }) => `${reported} ${isMinimised ? "↓" : "↑"}`),
  );
  if (isCounted(tasks) || tasks.length === 1) return [...names].join(", ");
  return names.size === 1 && tasks.every((task) => task.isCounted)
    ? `weighted ${[...names].join()}`
    : "score ↑";
}

function entryOf(
  { label, kind, composition }: Finalist,
  selection: ReadonlyMap<string, number>,
  standing: Standing | undefined,
  { lineage }: Scoring,
): ShortlistEntry {
  const search = kind === "mean" ? undefined : lineage.candidates.get(label)?.fitness;
  const chosen = selection.get(label);
  return {
    label,
    kind,
    recipeHash: composition.hash,
    ...(search === undefined ? {} : { search }),
    ...(chosen === undefined ? {} : { selection: chosen }),
    ...standing,
  };
}
