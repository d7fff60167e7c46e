// A generation scored as a race: portion by portion, and after each but the last those that will hardly be
// parents stop. Decisions are functions of recorded results, so a killed race is run again to the same end.

import type { Workload } from "../../evals/workload.ts";
import { type RaceRules, stopped } from "../../search/race.ts";
import { contributions } from "./fitness.ts";
import { type Entrant, type Scoring, scoreEntrants, scoresIfKnown, settle } from "./scoring.ts";

/**
 * Scores a generation's entrants on the search items. Returns false if `mayStart` left some out.
 * @param parents how many of them the strategy breeds from
 * @throws TsmergeError as scoreEntrants does
 */
export async function raceEntrants(
  workload: Workload,
  entrants: readonly Entrant[],
  parents: number,
  rules: RaceRules,
  scoring: Scoring,
): Promise<boolean> {
  const { lineage, tasks } = scoring;
  let racing = entrants;
  for (const [index, rung] of workload.rungs.slice(0, -1).entries()) {
    if (!(await scoreEntrants("search", workload, racing, scoring, rung))) return false;
    const known = racing.flatMap((entrant) => {
      const scores = scoresIfKnown(lineage, workload, entrant.recipeHash, rung);
      if (scores === undefined) return []; // it failed before
      const { values } = contributions(tasks, scores);
      return values.every(Number.isFinite) ? [{ entrant, values }] : [];
    });
    const out = stopped(
      known.map(({ values }) => values),
      parents,
      rules,
    );
    const losers = new Set(out.map((k) => known[k]!.entrant));
    for (const loser of losers) {
      const { status } = lineage.candidates.get(loser.id)!;
      if (status === "pending") settle("search", workload, loser, scoring, { stoppedAfter: index });
    }
    racing = known.map(({ entrant }) => entrant).filter((entrant) => !losers.has(entrant));
  }
  return await scoreEntrants("search", workload, racing, scoring);
}
