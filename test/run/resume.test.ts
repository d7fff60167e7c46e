// Real models, real threads, real SIGKILL: whatever happens to the process, the database ends up the same.

import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { streamKey, uniform } from "../../src/base/counter-rng.ts";
import { openLineage } from "../../src/lineage/lineage.ts";
import { quickFolder } from "./quick-folder.ts";
import { contentOf, ended, startSearch } from "./searches.ts";

const KILLS = 20;
/** A life ends after 1 to this many batches, so that the last one ends near the end of the run. */
const MOST_BATCHES = 58;

/** How far the run is, and batches of candidates that are not done: what these continue from. */
function stateOf(path: string): { stage: string | undefined; partialBatches: number } {
  const lineage = openLineage(join(path, "run.db"), { readonly: true });
  try {
    const counts = lineage.candidates
      .list({ status: "running" })
      .map(({ recipeHash }) => lineage.results.completedBatches(recipeHash, "search").length);
    return {
      stage: lineage.run()?.stage,
      partialBatches: counts.reduce((sum, batches) => sum + batches, 0),
    };
  } finally {
    lineage.close();
  }
}

/** Resolves when the process has printed a line so many times. */
async function printed(child: ChildProcess, line: string, times: number): Promise<void> {
  let seen = 0;
  for await (const one of createInterface({ input: child.stdout! })) {
    if (one === line && ++seen === times) return;
  }
}

test(`${KILLS} kills with two workers end in the same database as none with one`, async (t) => {
  const [killed, calm] = [quickFolder(), quickFolder()];
  const size = { maxEvals: 10 };
  const slow = { batchMs: 10 };
  let interruptedBatches = 0;
  const stages: unknown[] = [];
  let kills = 0;
  for (; kills < KILLS; kills++) {
    const child = startSearch(killed, { ...size, workers: 2, slow });
    const gone = ended(child);
    const batches = 1 + Math.floor(MOST_BATCHES * uniform(streamKey("kill", kills), 0));
    await Promise.race([printed(child, '{"type":"batch"}', batches), gone]);
    child.kill("SIGKILL");
    if ((await gone) !== "SIGKILL") break;
    const { stage, partialBatches } = stateOf(killed);
    stages.push(stage);
    interruptedBatches += partialBatches;
  }
  assert.equal(await ended(startSearch(killed, { ...size, workers: 2 })), 0);
  assert.equal(await ended(startSearch(calm, { ...size, workers: 1 })), 0);
  t.diagnostic(
    `killed in ${stages.join(", ")}; ${interruptedBatches} batches of unfinished candidates kept`,
  );
  assert.equal(kills, KILLS, "the search was over before it was killed often enough");
  assert.ok(interruptedBatches > 0, "no kill met a candidate with recorded batches");
  assert.deepEqual(contentOf(killed), contentOf(calm));
});
