// What a run tells while it goes: the pace of its last finishes, and who is the best so far.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { openLineage } from "../../src/lineage/lineage.ts";
import type { RunEvent } from "../../src/run/evolve/events.ts";
import { startPace } from "../../src/run/evolve/pace.ts";
import { startProgress } from "../../src/run/evolve/progress.ts";
import type { Entrant } from "../../src/run/evolve/scoring.ts";
import { quickFolder } from "./quick-folder.ts";

test("the pace is that of the last thirty finishes, once there are two", () => {
  let ms = 0;
  const pace = startPace(() => ms);
  const finish = (afterMs: number): void => {
    ms += afterMs;
    pace.tick();
  };
  finish(1000);
  assert.equal(pace.perMinute(), undefined);
  finish(2000);
  assert.equal(pace.perMinute(), 40); // two in three seconds
  for (let i = 0; i < 30; i++) finish(500);
  assert.equal(pace.perMinute(), 120, "the slow beginning is forgotten");
});

test("a new best is told once, with its gain over the best baseline and the file of its recipe", (t) => {
  const lineage = openLineage(join(quickFolder(), "run.db"));
  t.after(() => lineage.close());
  lineage.begin({ identity: {}, environment: {}, budget: {} });
  lineage.beginSearch({});
  const add = (label: string | number): Entrant => {
    const recipe = { parents: [], recipe: "", recipeHash: `hash of ${label}` };
    const [id] = lineage.candidates.add([
      typeof label === "string"
        ? { kind: "baseline", label, ...recipe }
        : { kind: "search", position: { generation: 0, k: label }, genome: [label], ...recipe },
    ]);
    return { id: id!, plan: undefined!, recipeHash: recipe.recipeHash, required: false };
  };
  const baseline = add("parent:a");
  lineage.candidates.finish(baseline.id, { fitness: 0.5 });
  const events: RunEvent[] = [];
  let ms = 0;
  const progress = startProgress({
    lineage,
    onEvent: (event) => events.push(event),
    now: () => (ms += 1000),
    writeBest: ({ id }) => `${id}.yaml`,
  });
  progress.stage("search", 4, 0);
  const settle = (entrant: Entrant, value: number | undefined, stopped = false): void => {
    const fitness = value === undefined ? undefined : { value, n: 20, stderr: 0.1 };
    if (value === undefined)
      lineage.candidates.fail(entrant.id, { code: "numeric", message: "NaN" });
    progress.settled(entrant, fitness, stopped);
  };
  settle(add(0), 0.4);
  settle(add(1), 0.4); // not better
  settle(add(2), undefined);
  settle(add(3), 0.9, true); // on some of the items: no best
  assert.deepEqual(
    events.flatMap((event) => (event.type === "newBest" ? [event] : [])),
    [
      {
        ...{
          type: "newBest",
          label: "0.00",
          generation: 0,
          evaluation: 1,
          score: 0.4,
          stderr: 0.1,
        },
        ...{ n: 20, delta: 0.4 - 0.5, file: "0.00.yaml" },
      },
    ],
  );
  assert.deepEqual(
    events.flatMap((event) => (event.type === "failed" ? [event] : [])),
    [{ type: "failed", label: "0.02", message: "NaN" }],
  );
  const last = events.at(-1)!;
  assert.ok(last.type === "progress" && last.done === 4 && last.etaSeconds === 0);
  assert.deepEqual(last.best, { label: "0.00", score: 0.4, n: 20, stderr: 0.1 });
});
