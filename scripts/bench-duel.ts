// The duel on the demo family, with real merges: `auto` and the winner it hands back against CMA-ES on accuracy and its
// best observed candidate (mergekit-evolve's rule), at equal budgets: the rival searches on as many items more as our
// choice of a winner takes. Truth is the 1,000 report questions, which neither saw. Prints a Markdown table on stdout.
// Usage: bench-duel.ts [--from SEED]: ten seeds from there.

import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { markdownTable } from "markdown-table";
import { mean, sampleStandardDeviation } from "simple-statistics";
import type { SuiteResult } from "../src/evals/results.ts";
import { openLineage } from "../src/lineage/lineage.ts";
import type { EvolveResult } from "../src/run/evolve/results.ts";

const SEEDS = 10;
const EVALUATIONS = 150;
/** mergekit-evolve's users give it about so many. */
const ITEMS = 100;
const ROOT = join(import.meta.dirname, "..");

function tsmerge(program: "tsmerge" | "tsmerge-evolve", words: readonly string[]): string {
  const script = join(ROOT, "src/cli", `${program}.ts`);
  const all = ["--import", "tsx", script, ...words, "--quiet"];
  const stdio: ["ignore", "pipe", "inherit"] = ["ignore", "pipe", "inherit"];
  return execFileSync(process.execPath, all, { cwd: ROOT, stdio, encoding: "utf8" });
}

function evolve(
  seed: number,
  folder: string,
  evaluations: number,
  words: readonly string[],
): EvolveResult {
  const run = ["configs/demo.yml", "--task", "demo", "--seed", `${seed}`, "--run-folder", folder];
  const size = ["--limit", `${ITEMS}`, "--max-evals", `${evaluations}`, "--report-limit", "1000"];
  return JSON.parse(tsmerge("tsmerge-evolve", [...run, ...size, ...words, "--json"]));
}

/** What a run's best observed candidate claims, and its accuracy on the report questions. */
function bestObserved(folder: string): { claimed: number; truth: number } {
  const lineage = openLineage(join(folder, "run.db"), { readonly: true });
  const [best] = lineage.candidates.best();
  lineage.close();
  if (best?.fitness === undefined) throw new Error(`${folder}: nothing was scored`);
  const output = join(folder, "best-observed");
  tsmerge("tsmerge", ["export", folder, "--candidate", best.id, "-o", output]);
  const store = ["--store", join(folder, "items.db")];
  const model = join(output, "model");
  const scored = tsmerge("tsmerge", ["eval", model, "--tasks", "demo", "--json", ...store]);
  const { results } = JSON.parse(scored) as { results: SuiteResult }; // the command's own schema
  const demo = results.groups.find(({ task }) => task === "demo");
  if (demo?.metrics.acc === undefined) throw new Error(`${model}: no accuracy`);
  return { claimed: best.fitness, truth: demo.metrics.acc.value };
}

const { values } = parseArgs({ options: { from: { type: "string", default: "1" } } });
const first = Number(values.from);
const folder = await mkdtemp(join(tmpdir(), "tsmerge-duel-"));
try {
  const rows: string[][] = [];
  const gains: number[] = [];
  for (let seed = first; seed < first + SEEDS; seed++) {
    const own = join(folder, `auto-${seed}`);
    const ours = evolve(seed, own, EVALUATIONS, ["--strategy", "auto"]);
    const choice = (ours.shortlist.length * ours.items.selection) / ITEMS;
    const rival = join(folder, `cmaes-${seed}`);
    const as = ["--strategy", "cmaes", "--metric", "acc"];
    evolve(seed, rival, EVALUATIONS + Math.ceil(choice), as);
    const { claimed, truth } = bestObserved(rival);
    const winner = ours.report.find(({ won }) => won)!.score.value;
    gains.push(winner - truth);
    rows.push(
      [seed, claimed, truth, winner, winner - truth].map((x, i) =>
        i === 0 ? `${x}` : x.toFixed(3),
      ),
    );
  }
  const error = sampleStandardDeviation(gains) / Math.sqrt(SEEDS);
  const head = ["seed", "best observed claims", "its truth", "auto's winner", "difference"];
  process.stdout.write(`${markdownTable([head, ...rows])}\n\n`);
  process.stdout.write(
    `${EVALUATIONS} candidates on ${ITEMS} items: ${(100 * mean(gains)).toFixed(1)} points ± ${(100 * error).toFixed(1)} (standard error over ${SEEDS} seeds)\n`,
  );
} finally {
  await rm(folder, { recursive: true, force: true });
}
