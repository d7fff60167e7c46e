// The demo search under five seeds, as a user runs it: accuracy of the winner on all report questions,
// against the best parent and the equal-weight merge. Prints a Markdown table on stdout.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { markdownTable } from "markdown-table";
import type { Comparison, EvolveResult } from "../src/run/evolve/results.ts";

const SEEDS = [1, 2, 3, 4, 5];
const EVALUATIONS = 150;
const ROOT = join(import.meta.dirname, "..");

async function evolveDemo(seed: number, folder: string): Promise<EvolveResult> {
  const words = [
    ...["--import", "tsx", "src/cli/tsmerge-evolve.ts", "configs/demo.yml", "--task", "demo"],
    ...["--max-evals", String(EVALUATIONS), "--seed", String(seed), "--run-folder", folder],
    ...["--report-limit", "1000", "--json", "--quiet"],
  ];
  const child = spawn(process.execPath, words, {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  for await (const chunk of child.stdout) output += String(chunk);
  return JSON.parse(output) as EvolveResult; // the command's own schema
}

function cells(comparison: Comparison | undefined): string[] {
  if (comparison === undefined) return ["", ""];
  return [`${(100 * comparison.delta).toFixed(1)}`, comparison.p?.toExponential(1) ?? ""];
}

const folder = await mkdtemp(join(tmpdir(), "tsmerge-bench-"));
try {
  const rows: string[][] = [];
  const accuracies: number[] = [];
  for (const seed of SEEDS) {
    const started = performance.now();
    const result = await evolveDemo(seed, join(folder, String(seed)));
    const seconds = (performance.now() - started) / 1000;
    const winner = result.report.find(({ won }) => won);
    if (winner === undefined) throw new Error(`seed ${seed}: the report has no winner`);
    const { value, low, high, n } = winner.score;
    accuracies.push(value);
    rows.push([
      String(seed),
      winner.label,
      value.toFixed(3),
      `${low?.toFixed(3)}–${high?.toFixed(3)}`,
      String(n),
      ...cells(winner.againstBestParent),
      ...cells(winner.againstEqualWeights),
      seconds.toFixed(0),
    ]);
  }
  accuracies.sort((a, b) => a - b);
  const head = ["seed", "winner", "acc", "95 % interval", "n"];
  const more = ["Δ best parent", "p", "Δ equal weights", "p", "seconds"];
  process.stdout.write(`${markdownTable([[...head, ...more], ...rows])}\n\n`);
  process.stdout.write(
    `median accuracy ${accuracies[2]!.toFixed(3)}, lowest ${accuracies[0]!.toFixed(3)}\n`,
  );
} finally {
  await rm(folder, { recursive: true, force: true });
}
