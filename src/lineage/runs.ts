// The runs in a folder, as `tsmerge runs` lists them: one subfolder with a run.db each. Reads only; a run
// that cannot be read is listed with the reason, never left out.

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { toWire, type WireError } from "../base/errors.ts";
import { ioError } from "../base/io-error.ts";
import { openLineage } from "./lineage.ts";
import type { Candidate, CandidateStatus, RunRecord, ScoreRecord } from "./records.ts";

/** The name of the database in a run folder. */
export const RUN_DATABASE = "run.db";

export interface RunSummary extends RunRecord {
  readonly directory: string;
  /** Candidates of the search by status; baselines are not counted. */
  readonly counts: Record<CandidateStatus, number>;
  readonly generation: number | undefined;
  readonly best: Candidate | undefined;
  /** Its fitness on the search items, with n and standard error. */
  readonly bestScore: ScoreRecord | undefined;
}

export interface UnreadableRun {
  readonly directory: string;
  readonly unreadable: WireError;
}

/** The runs in the subfolders of a folder, latest activity last, unreadable ones first; none if it is missing. Throws TsmergeError `io`. */
export function listRuns(folder: string): (RunSummary | UnreadableRun)[] {
  if (!existsSync(folder)) return [];
  const runs = namesIn(folder)
    .sort()
    .map((name) => join(folder, name))
    .filter((directory) => existsSync(join(directory, RUN_DATABASE)))
    .flatMap((directory) => summaries(directory));
  return runs.sort((a, b) => activity(a) - activity(b));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (cause) {
    throw ioError("list", folder, cause);
  }
}

function activity(run: RunSummary | UnreadableRun): number {
  return "unreadable" in run ? 0 : run.updatedMs;
}

/** One summary, or none for a database that its run has not been written to yet. */
function summaries(directory: string): (RunSummary | UnreadableRun)[] {
  try {
    const lineage = openLineage(join(directory, RUN_DATABASE), { readonly: true });
    try {
      const run = lineage.run();
      if (run === undefined) return [];
      const generation = lineage.currentGeneration()?.number;
      const [best] = lineage.candidates.best();
      const bestScore = best && lineage.results.fitness(best.recipeHash, "search");
      return [
        {
          ...run,
          directory,
          counts: lineage.candidates.counts(),
          generation,
          ...{ best, bestScore },
        },
      ];
    } finally {
      lineage.close();
    }
  } catch (error) {
    return [{ directory, unreadable: toWire(error) }];
  }
}
