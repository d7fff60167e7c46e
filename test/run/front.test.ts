// The front of a run with two tasks that pull apart: who is on it, what its files say, and that it is measured
// on items that the search did not see.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Workload } from "../../src/evals/workload.ts";
import { openLineage } from "../../src/lineage/lineage.ts";
import { renderFront } from "../../src/report/front.ts";
import type { Contest } from "../../src/run/evolve/contest.ts";
import { runFolder } from "../../src/run/evolve/folder.ts";
import { recordedFront } from "../../src/run/evolve/recorded.ts";
import type { EvolveResult } from "../../src/run/evolve/results.ts";
import { runContest } from "../../src/run/evolve/run.ts";
import type { Nsga2State } from "../../src/search/strategies/nsga2.ts";
import { FAKE_TASK, FakeExecutor, fakeContest, fakeResult } from "./fake-contest.ts";
import { quickFolder } from "./quick-folder.ts";

const root = quickFolder();

const NAMES = ["left", "right"];

/** Even items belong to a task whose best genome lies left, odd ones to one whose best lies right. */
function twoTasks(strategy: string, metric: "logprob" | "acc"): Contest {
  const contest = fakeContest({ strategy, population: 8, items: 40 });
  const { search, selection, report } = contest.workloads;
  const dealt = (workload: Workload): Workload => ({
    ...workload,
    items: workload.items.map((item, i) => ({ ...item, task: NAMES[i % 2]! })),
  });
  return {
    ...contest,
    workloads: { search: dealt(search), selection: dealt(selection), report: dealt(report) },
    tasks: NAMES.map((name) => ({ ...FAKE_TASK, name, metric, leaves: [name] })),
  };
}

const answer: typeof fakeResult = (genome, workload, batch) => {
  const [x, y] = genome as [number, number];
  return fakeResult([x + (batch % 2 === 0 ? 0.4 : -0.2), y], workload, batch);
};

async function play(
  strategy: string,
  folder: string,
  metric: "logprob" | "acc" = "logprob",
): Promise<EvolveResult> {
  const contest = twoTasks(strategy, metric);
  const executor = new FakeExecutor(contest, 2, answer);
  return await runContest({
    ...{ contest, folder: runFolder(folder), configText: "genome: {}\n", environment: {} },
    ...{ budget: { maxEvals: 64 }, workers: 2, threads: 1, openExecutor: () => executor },
    ...{ previousDeath: undefined, onEvent: () => {}, now: Date.now },
    signal: new AbortController().signal,
  });
}

test("nsga2's front is a file a recipe, none clearly beaten by another on the selection items", async () => {
  const folder = join(root, "nsga2");
  const result = await play("nsga2", folder);
  const front = result.front!;
  assert.ok(front.length >= 3, `${front.length} recipes`);
  for (const [i, { tasks: ours }] of front.entries()) {
    // a paired standard error is at most the sum of both
    const isClear = ({ tasks: theirs }: (typeof front)[number], name: string): boolean =>
      theirs[name]!.value - ours[name]!.value > theirs[name]!.stderr! + ours[name]!.stderr!;
    assert.ok(!front.some((other) => NAMES.every((name) => isClear(other, name))));
    if (i > 0) assert.ok(ours[NAMES[0]!]!.value <= front[i - 1]!.tasks[NAMES[0]!]!.value);
  }
  const lineage = openLineage(join(folder, "run.db"), { readonly: true });
  // nsga2 made the state
  const { survivors } = lineage.currentGeneration()!.state as Nsga2State;
  for (const { stderrs } of survivors) {
    assert.ok(stderrs?.length === 2 && stderrs.every((error) => error > 0), `${stderrs}`);
  }
  for (const { recipeHash, tasks } of front) {
    const stored = lineage.results.scores({ recipeHash, split: "selection" });
    for (const name of NAMES) {
      const score = stored.find(({ task }) => task === name)!;
      assert.deepEqual([tasks[name]!.value, tasks[name]!.n], [score.value, 20]);
      assert.ok(tasks[name]!.low! < score.value && score.value < tasks[name]!.high!);
    }
  }
  assert.deepEqual(recordedFront(lineage), JSON.parse(JSON.stringify(front)));
  lineage.close();
  const files = readdirSync(join(folder, "front"));
  assert.deepEqual(
    files,
    front.map((_, i) => `${String(i + 1).padStart(2, "0")}.yaml`),
  );
  const first = readFileSync(join(folder, "front", files[0]!), "utf8");
  assert.match(first, /^# front, 1 of \d+: /);
  assert.match(
    first,
    /# right: logprob -\d\.\d{3} \(-\d\.\d{3} to -?\d\.\d{3}\), 20 selection items/,
  );
  assert.match(renderFront(front), /\| 01\.yaml +\| .*n 20/);
  assert.ok(result.report.length > 0 && result.report[0]!.score.n === 200);
});

test("a finished run's front is written again, and files of a longer one go", async () => {
  const folder = join(root, "nsga2");
  const before = readFileSync(join(folder, "front", "01.yaml"), "utf8");
  writeFileSync(join(folder, "front", "01.yaml"), "changed");
  writeFileSync(join(folder, "front", "99.yaml"), "of a longer front");
  await play("nsga2", folder);
  assert.equal(readFileSync(join(folder, "front", "01.yaml"), "utf8"), before);
  assert.ok(!readdirSync(join(folder, "front")).includes("99.yaml"));
});

test("a front of shares has each task's own share, with Wilson's interval", async () => {
  const { front } = await play("nsga2", join(root, "shares"), "acc");
  for (const { tasks } of front!) {
    for (const { value, n, low, high } of Object.values(tasks)) {
      assert.equal(n, 20);
      assert.ok(low! >= 0 && low! <= value && value <= high! && high! <= 1);
    }
  }
});

test("a strategy without a front has none, and says so when asked", async () => {
  const folder = join(root, "cmaes");
  assert.equal((await play("cmaes", folder)).front, undefined);
  const lineage = openLineage(join(folder, "run.db"), { readonly: true });
  assert.throws(() => recordedFront(lineage), /the run's strategy keeps no front/);
  lineage.close();
});
