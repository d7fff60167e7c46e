// Reads a run folder for people: which run is meant, which candidate, and its recipe. Writes nothing.

import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { TsmergeError } from "../../base/errors.ts";
import { didYouMean } from "../../base/suggest.ts";
import { type Lineage, openLineage } from "../../lineage/lineage.ts";
import type { Candidate } from "../../lineage/records.ts";
import { RUN_DATABASE } from "../../lineage/runs.ts";
import type { EvolveResult, FrontEntry } from "./results.ts";

/** The name under which a finished run stores its result. */
export const RESULT_FINDING = "result";

/** Where run folders lie when only a name is given. */
const DEFAULT_FOLDER = "runs";

/**
 * Opens a run read-only, named by its folder or by its name in `runs`.
 * @throws TsmergeError `usage` when neither holds a run
 */
export function openRecordedRun(name: string): { folder: string; lineage: Lineage } {
  const places = isAbsolute(name) ? [name] : [name, join(DEFAULT_FOLDER, name)];
  const folder = places.find((place) => existsSync(join(place, RUN_DATABASE)));
  if (folder === undefined) {
    throw new TsmergeError("usage", `no run at ${places.join(" or ")}`, {
      hint: "`tsmerge runs` lists the runs of a folder",
    });
  }
  return { folder, lineage: openLineage(join(folder, RUN_DATABASE), { readonly: true }) };
}

/** The result of a finished run; undefined before. */
export function recordedResult(lineage: Lineage): EvolveResult | undefined {
  if (lineage.run()?.stage !== "finished") return undefined;
  return lineage.finding(RESULT_FINDING) as EvolveResult | undefined; // written by run.ts only
}

/**
 * A candidate's recipe as mergekit YAML. `best` is the winner of a finished run, else the best of the
 * search so far.
 * @throws TsmergeError `usage` for an unknown id, or when nothing has been scored yet
 */
export function recordedRecipe(
  lineage: Lineage,
  candidate: string,
): { id: string; recipe: string } {
  if (candidate !== "best") {
    const { id, recipe } = recordedCandidate(lineage, candidate);
    return { id, recipe };
  }
  const result = recordedResult(lineage);
  if (result !== undefined) return { id: result.winner.label, recipe: result.winner.recipe };
  const [best] = lineage.candidates.best();
  if (best === undefined) {
    throw new TsmergeError("usage", "no candidate of this run has been scored yet", {
      hint: "continue the run with the command that began it",
    });
  }
  return { id: best.id, recipe: best.recipe };
}

/**
 * The front of a finished run.
 * @throws TsmergeError `usage` for a run that is not finished, or whose strategy keeps none
 */
export function recordedFront(lineage: Lineage): readonly FrontEntry[] {
  const result = recordedResult(lineage);
  if (result === undefined) {
    throw new TsmergeError("usage", "the run is not finished, so its front is not known yet", {
      hint: "continue it with the command that began it",
    });
  }
  if (result.front !== undefined) return result.front;
  throw new TsmergeError("usage", "the run's strategy keeps no front", {
    hint: "search with --strategy nsga2, or export the winner without --front",
  });
}

/**
 * A candidate by its id, or by the name it has on the shortlist: the distribution mean was scored there first.
 * @throws TsmergeError `usage` for an id that the run does not have
 */
export function recordedCandidate(lineage: Lineage, id: string): Candidate {
  const candidate = lineage.candidates.get(id) ?? lineage.candidates.get(`selection:${id}`);
  if (candidate !== undefined) return candidate;
  const ids = lineage.candidates.list().map((one) => one.id);
  throw new TsmergeError("usage", `the run has no candidate "${id}"${didYouMean(id, ids)}`, {
    hint: "`tsmerge show RUN` lists candidates; `best` is the winner",
  });
}
