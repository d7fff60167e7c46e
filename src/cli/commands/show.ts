// `tsmerge show RUN [CANDIDATE]`: what a run tried and found, or one candidate in full.

import { Command } from "commander";
import { jsonOption } from "../options.ts";

/** Search candidates that `show RUN` lists, best first. */
const SHOWN = 10;

export function showCommand(): Command {
  return new Command("show")
    .description("show a run, or one candidate of it")
    .argument("<run>", "run folder, or its name in runs/")
    .argument("[candidate]", "candidate id such as 3.07 or parent:math, or best")
    .addOption(jsonOption())
    .action(show);
}

async function show(
  run: string,
  candidate: string | undefined,
  flags: { readonly json?: boolean },
): Promise<void> {
  const { openRecordedRun } = await import("../../run/evolve/recorded.ts");
  const { lineage } = openRecordedRun(run);
  try {
    const { data, text } =
      candidate === undefined ? await wholeRun(lineage) : await oneCandidate(lineage, candidate);
    process.stdout.write(
      flags.json === true ? `${JSON.stringify({ schemaVersion: 1, ...data })}\n` : `${text}\n`,
    );
  } finally {
    lineage.close();
  }
}

type Lineage = import("../../lineage/lineage.ts").Lineage;

interface Shown {
  readonly data: Readonly<Record<string, unknown>>;
  readonly text: string;
}

async function wholeRun(lineage: Lineage): Promise<Shown> {
  const { renderCandidates } = await import("../../report/runs.ts");
  const { renderEnding } = await import("../../report/ending.ts");
  const { recordedResult } = await import("../../run/evolve/recorded.ts");
  const result = recordedResult(lineage);
  const fitnessOf = (recipeHash: string) => lineage.results.fitness(recipeHash, "search");
  const best = lineage.candidates.best(SHOWN);
  const baselines = lineage.candidates.list({ kind: "baseline" });
  const counts = lineage.candidates.counts();
  const run = lineage.run();
  const parts = [
    `stage ${run?.stage ?? "new"}: ${counts.done} candidates done, ${counts.failed} failed, ${counts.pending + counts.running} open`,
    "",
    renderCandidates([...best, ...baselines], fitnessOf),
    ...(result === undefined ? [] : ["", renderEnding(result)]),
  ];
  return { data: { run, counts, best, baselines, result }, text: parts.join("\n") };
}

async function oneCandidate(lineage: Lineage, name: string): Promise<Shown> {
  const { renderScores } = await import("../../report/runs.ts");
  const { recordedCandidate, recordedRecipe } = await import("../../run/evolve/recorded.ts");
  const { id, recipe } = recordedRecipe(lineage, name);
  const candidate = recordedCandidate(lineage, id);
  const scores = lineage.results.scores({ recipeHash: candidate.recipeHash });
  const facts = [
    `candidate ${id}: ${candidate.status}, ${candidate.attempts} attempt${candidate.attempts === 1 ? "" : "s"}`,
    ...(candidate.error === undefined ? [] : [`error: ${candidate.error.message}`]),
    ...(candidate.genome === undefined ? [] : [`genome: ${candidate.genome.join(" ")}`]),
    `recipe hash: ${candidate.recipeHash}`,
    "",
    renderScores(scores),
    "",
    recipe.trimEnd(),
  ];
  return { data: { candidate, scores }, text: facts.join("\n") };
}
