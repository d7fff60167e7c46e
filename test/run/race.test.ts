// A raced search: who is stopped, what is spent and told, and that neither workers nor interruptions show.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { TsmergeError } from "../../src/base/errors.ts";
import { openLineage } from "../../src/lineage/lineage.ts";
import type { Candidate } from "../../src/lineage/records.ts";
import type { Budget } from "../../src/run/evolve/budget.ts";
import type { Contest } from "../../src/run/evolve/contest.ts";
import type { EvolveResult } from "../../src/run/evolve/results.ts";
import { runContest } from "../../src/run/evolve/run.ts";
import { racedEnds } from "../../src/run/evolve/workloads.ts";
import type { RaceRules } from "../../src/search/race.ts";
import { FakeExecutor, fakeContest, fakeResult, fakeSetup } from "./fake-contest.ts";
import { quickFolder } from "./quick-folder.ts";

const ITEMS = 80;
const RULES: RaceRules = { rule: "test", rungs: 4, error: 0.3 };
const contestWith = (race: RaceRules | undefined): Contest =>
  fakeContest({ items: ITEMS, population: 8, ...(race && { race }) });

async function play(
  path: string,
  budget: Budget,
  contest: Contest,
  executor = new FakeExecutor(contest),
): Promise<{ result: EvolveResult; candidates: Candidate[]; states: unknown[] }> {
  const result = await runContest({
    ...fakeSetup(path, budget, contest, executor),
    now: () => 0,
  });
  const lineage = openLineage(join(path, "run.db"), { readonly: true });
  try {
    const search = lineage.candidates.list({ kind: "search" });
    // how often the work was taken up may differ, what came of it may not
    const candidates = search.map((one) => ({ ...one, attempts: 0 }));
    return { result, candidates, states: [lineage.currentGeneration()] };
  } finally {
    lineage.close();
  }
}

for (const race of [RULES, { ...RULES, rule: "halving", rungs: 3 }] as const) {
  test(`${race.rule}: those stopped rank last, count what they had and are never handed back`, async () => {
    const { result, candidates } = await play(quickFolder(), { maxEvals: 32 }, contestWith(race));
    const out = candidates.filter(({ stoppedAfter }) => stoppedAfter !== undefined);
    assert.ok(out.length >= 4, `${out.length} of ${candidates.length} stopped`);
    assert.equal(result.search.stopped, out.length);
    assert.ok(out.every(({ items }) => items! < ITEMS && items! >= 20));
    const rest = candidates.filter((one) => !out.includes(one));
    assert.ok(rest.every(({ items }) => items === ITEMS));
    const spent = candidates.reduce((sum, { items }) => sum + items!, 0);
    assert.equal(result.search.items, spent);
    const stopped = new Set(out.map(({ id }) => id));
    assert.ok(result.shortlist.every(({ label }) => !stopped.has(label)));
  });
}

test("a budget of items is never overshot, and a race makes more of it", async () => {
  const budget = { items: 32 * ITEMS };
  const plain = await play(quickFolder(), budget, contestWith(undefined));
  const raced = await play(quickFolder(), budget, contestWith(RULES));
  assert.equal(plain.result.search.evaluations, 32);
  assert.equal(plain.result.search.ended, `${32 * ITEMS} items used`);
  assert.ok(raced.result.search.items <= 32 * ITEMS);
  assert.ok(raced.result.search.evaluations > 32);
});

test("order of arrival does not change a race", async () => {
  const contest = contestWith(RULES);
  const alone = await play(quickFolder(), { maxEvals: 32 }, contest, new FakeExecutor(contest, 1));
  const many = await play(quickFolder(), { maxEvals: 32 }, contest, new FakeExecutor(contest, 7));
  assert.deepEqual(many, alone);
});

test("a race that is interrupted anywhere ends as if it had not been", async () => {
  const contest = contestWith(RULES);
  const whole = await play(quickFolder(), { maxEvals: 24 }, contest);
  for (const stop of [5, 9, 14, 23, 31, 38]) {
    const path = quickFolder();
    const executor = new FakeExecutor(contest);
    const submit = executor.submit.bind(executor);
    executor.submit = async (job, onBatch) => {
      if (executor.jobs.length >= stop) throw new TsmergeError("interrupted", "stopped here");
      return submit(job, onBatch);
    };
    await assert.rejects(play(path, { maxEvals: 24 }, contest, executor), /stopped here/);
    assert.deepEqual(await play(path, { maxEvals: 24 }, contest), whole, `after ${stop} jobs`);
  }
});

test("a candidate that fails in a race is out of it, and stays so after a restart", async () => {
  const contest = fakeContest({
    ...{ items: ITEMS, population: 8, race: RULES },
    config: ([x]) => ({ fail: x! > 0.4 && x! < 0.46 }),
  });
  const { result, candidates } = await play(quickFolder(), { maxEvals: 40 }, contest);
  assert.ok(result.search.failed > 0);
  assert.equal(candidates.filter(({ status }) => status === "failed").length, result.search.failed);
});

test("a candidate that fails while it writes texts is out of the race, and the others go on", async () => {
  const base = fakeContest({
    ...{ items: ITEMS, population: 8, race: RULES },
    config: ([x]) => ({ fail: x! > 0.4 && x! < 0.46 }),
  });
  // each portion ends with a text, which no item's score needs
  const { search } = base.workloads;
  const rungs = search.rungs.map((rung, index) => ({ ...rung, generations: index + 1 }));
  const after = { after: -1, shared: { batch: new Int32Array(0), slot: new Int32Array(0) } };
  const generation = { ...after, prompts: [], stop: { until: [], maxTokens: 1 } };
  const schedule = { ...search.schedule, generations: rungs.map(() => generation) };
  const withTexts = { ...base.workloads, search: { ...search, rungs, schedule } };
  const contest = { ...base, workloads: withTexts };
  const executor = new FakeExecutor(contest);
  executor.submit = async ({ id, plan, workloads: [asked] }, onBatch) => {
    const { genome, fail } = plan.config as { genome: number[]; fail?: boolean }; // fakeContest's
    const { name, done } = asked!;
    const { schedule } = Object.values(withTexts).find((one) => one.name === name)!;
    for (let batch = 0; batch < schedule.batches.length + schedule.generations.length; batch++) {
      if (done.includes(batch)) continue;
      const isText = batch >= schedule.batches.length;
      if (isText && fail === true) {
        return { ok: false, id, error: { code: "numeric", message: "not finite" } };
      }
      onBatch({ id, workload: name, batch, result: fakeResult(genome, name, batch) });
    }
    return { ok: true, id, mergeMs: 1, scoreMs: 1 };
  };
  const { result } = await play(quickFolder(), { maxEvals: 40 }, contest, executor);
  assert.ok(result.search.failed > 0);
  assert.equal(result.search.evaluations, 40);
});

test("candidates are compared where every task has been asked something", () => {
  const [many, few] = [{ leaves: ["many"] }, { leaves: ["few"] }];
  const items = Array.from({ length: 80 }, (_, i) => ({ task: i % 50 === 45 ? "few" : "many" }));
  assert.deepEqual(racedEnds(items, [many], RULES), [20, 40, 60, 80]);
  assert.deepEqual(racedEnds(items, [many, few], RULES), [60, 80]);
});

test("estimates of those that stopped stand beside their raw means, with the n of what was seen", async () => {
  const base = contestWith(RULES);
  const contest = { ...base, race: { ...RULES, estimate: "p-irt" as const } };
  const path = quickFolder();
  const { candidates } = await play(path, { maxEvals: 80 }, contest);
  const lineage = openLineage(join(path, "run.db"), { readonly: true });
  try {
    const rows = candidates
      .filter(({ stoppedAfter }) => stoppedAfter !== undefined)
      .map((one) => ({ one, scores: lineage.results.scores({ recipeHash: one.recipeHash }) }));
    const estimated = rows.filter(({ scores }) =>
      scores.some(({ metric }) => metric === "acc p-irt"),
    );
    assert.ok(estimated.length > 0 && estimated.length >= rows.length / 2);
    for (const { one, scores } of rows) {
      const raw = scores.find(({ metric, split }) => metric === "acc" && split === "search");
      assert.equal(raw?.n, one.items);
      assert.ok(raw!.low! <= raw!.value && raw!.value <= raw!.high!);
      assert.equal(lineage.results.fitness(one.recipeHash, "search")?.value, one.fitness);
    }
  } finally {
    lineage.close();
  }
});
