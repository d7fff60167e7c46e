// What `tsmerge runs` and `tsmerge show` print: tables over the lineage, as Markdown text.

import { markdownTable } from "markdown-table";
import type { Candidate, ScoreRecord } from "../lineage/records.ts";
import type { RunSummary, UnreadableRun } from "../lineage/runs.ts";

/** One line a run, latest activity last. */
export function renderRuns(runs: readonly (RunSummary | UnreadableRun)[]): string {
  const rows = runs.map((run) =>
    "unreadable" in run
      ? [run.directory, "unreadable", "", "", "", "", "", run.unreadable.message]
      : [
          run.directory,
          run.stage,
          String(run.counts.done),
          String(run.counts.failed),
          ...scoreCells(run.bestScore),
          new Date(run.updatedMs).toISOString().slice(0, 16).replace("T", " "),
        ],
  );
  const head = [
    ...["run", "stage", "done", "failed"],
    ...["best search score", "±", "n", "last activity (UTC)"],
  ];
  return markdownTable([head, ...rows], { align: ["l", "l", "r", "r", "r", "r", "r", "l"] });
}

/** Candidates with their scores on the search items; n and interval stand beside each score. */
export function renderCandidates(
  candidates: readonly Candidate[],
  fitnessOf: (recipeHash: string) => ScoreRecord | undefined,
): string {
  const rows = candidates.map((candidate) => [
    candidate.id,
    candidate.status,
    ...scoreCells(fitnessOf(candidate.recipeHash)),
    candidate.recipeHash.slice(0, 12),
  ]);
  const head = ["candidate", "status", "search score", "±", "n", "recipe"];
  return markdownTable([head, ...rows], { align: ["l", "l", "r", "r", "r", "l"] });
}

/** Value, standard error and n; empty before anything is scored. */
function scoreCells(score: ScoreRecord | undefined): [string, string, string] {
  if (score === undefined) return ["", "", ""];
  return [score.value.toFixed(4), score.stderr?.toFixed(4) ?? "", String(score.n)];
}

/** Every score of one candidate. */
export function renderScores(scores: readonly ScoreRecord[]): string {
  const rows = scores.map(({ split, task, metric, n, value, stderr, low, high }) => [
    split,
    task,
    metric,
    value.toFixed(4),
    stderr?.toFixed(4) ?? "",
    low === undefined || high === undefined ? "" : `${low.toFixed(4)}–${high.toFixed(4)}`,
    String(n),
  ]);
  const head = ["split", "task", "metric", "value", "stderr", "95 % interval", "n"];
  return markdownTable([head, ...rows], { align: ["l", "l", "l", "r", "r", "r", "r"] });
}
