// A search of the demo family as users run it, in this process: candidates a minute at 500 search items,
// and whether memory stays flat over 500 candidates.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { evolve } from "../src/run/evolve/evolve.ts";
import type { Row } from "./row.ts";

const ITEMS = 500;
const CANDIDATES = 500;
/** After so many candidates everything that is kept has been loaded. */
const SETTLED = 50;

export async function benchCandidates(): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), "tsmerge-bench-"));
  const file = join(import.meta.dirname, "../configs/demo.yml");
  let done = 0;
  let started = 0;
  let ended = 0;
  let early = 0;
  let late = 0;
  try {
    await evolve(
      {
        file,
        text: await readFile(file, "utf8"),
        runFolder: join(folder, "run"),
        tasks: ["demo"],
        limit: ITEMS,
        // few questions at the end: the search is what is measured
        reportLimit: 40,
        seed: 1,
        // random search neither converges nor repeats a recipe
        strategy: "random",
        budget: { maxEvals: CANDIDATES },
        device: "cpu",
        environment: {},
      },
      {
        onEvent: (event) => {
          if (event.type === "stage" && event.stage === "search") started = performance.now();
          if (event.type !== "scored" || event.stage !== "search") return;
          done++;
          if (done === SETTLED) early = process.memoryUsage().rss;
          if (done !== CANDIDATES) return;
          late = process.memoryUsage().rss;
          ended = performance.now();
        },
      },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return [
    {
      name: `demo candidates a minute at ${ITEMS} search items`,
      value: CANDIDATES / ((ended - started) / 60_000),
      unit: "/min",
      target: "≥ 150",
    },
    {
      name: `RSS after ${CANDIDATES} candidates over RSS after ${SETTLED}`,
      value: late / early,
      unit: "×",
      target: "≤ 1.05",
    },
  ];
}
