// Small real searches over the demo family, as processes that tests can kill, and what must be equal
// between two of them.

import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openLineage } from "../../src/lineage/lineage.ts";
import type { SlowExtra } from "./slow-worker.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const models = join(root, "evals/demo/models");
export const EVOLVE_MAIN = fileURLToPath(new URL("./evolve-main.ts", import.meta.url));

const text = `genome:
  models: [${models}/math, ${models}/geography]
  base_model: ${models}/base
  merge_method: task_arithmetic
  parameters: {weight: {range: [0, 1.5], start: 0.5}}
tasks: [demo]
`;

export interface SearchChanges {
  readonly maxEvals: number;
  readonly workers: number;
  readonly slow?: SlowExtra;
  readonly strategy?: string;
  /** Prints nothing. */
  readonly silent?: boolean;
}

/** argv of evolve-main.ts for a search of two genes. */
export function searchArguments(folder: string, changes: SearchChanges): string[] {
  const { maxEvals, slow, ...others } = changes;
  const worker = slow && { worker: new URL("./slow-worker.ts", import.meta.url), extra: slow };
  const options = {
    file: join(folder, "evolve.yml"),
    text,
    runFolder: folder,
    ...{ limit: 200, reportLimit: 100, seed: 3, population: 4, budget: { maxEvals } },
    ...others,
    ...worker,
  };
  return [EVOLVE_MAIN, JSON.stringify(options)];
}

/** Starts a search in a process of its own; its events are lines on stdout. */
export function startSearch(folder: string, changes: SearchChanges): ChildProcess {
  const argv = [...process.execArgv, ...searchArguments(folder, changes)];
  return spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] });
}

/** Resolves when the process is gone, with its exit code or the signal that ended it. */
export function ended(child: ChildProcess): Promise<number | string> {
  return new Promise((resolve) => {
    child.on("close", (code, signal) => resolve(code ?? signal ?? "unknown"));
  });
}

/** Everything of a run that may not depend on workers, kills or the time of day. */
export function contentOf(folder: string) {
  const lineage = openLineage(join(folder, "run.db"), { readonly: true });
  try {
    const candidates = lineage.candidates.list();
    const hashes = [...new Set(candidates.map(({ recipeHash }) => recipeHash))].sort();
    return {
      stage: lineage.run()?.stage,
      generations: lineage.generations(),
      candidates: candidates
        .map(({ attempts, deaths, mergeMs, scoreMs, ...kept }) => kept)
        .sort((a, b) => (a.id < b.id ? -1 : 1)),
      batches: hashes.map((hash) =>
        ["search", "selection", "report"].map((name) => [
          ...lineage.results.batches(hash, name).entries(),
        ]),
      ),
      scores: lineage.results.scores(),
      result: lineage.finding("result"),
    };
  } finally {
    lineage.close();
  }
}
