// The evolve loop against executors that compute nothing: what it asks, records, claims and repeats.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { streamKey, uniform } from "../../src/base/counter-rng.ts";
import { TsmergeError } from "../../src/base/errors.ts";
import { outsideResult } from "../../src/evals/outside.ts";
import { type Workload, withOutside } from "../../src/evals/workload.ts";
import { openLineage } from "../../src/lineage/lineage.ts";
import type { Candidate } from "../../src/lineage/records.ts";
import type { Budget } from "../../src/run/evolve/budget.ts";
import type { Contest } from "../../src/run/evolve/contest.ts";
import type { RunEvent } from "../../src/run/evolve/events.ts";
import { runFolder } from "../../src/run/evolve/folder.ts";
import type { EvolveResult } from "../../src/run/evolve/results.ts";
import { type RunSetup, runContest } from "../../src/run/evolve/run.ts";
import { FAKE_TASK, FakeExecutor, fakeContest, fakeSetup, fakeWorkload } from "./fake-contest.ts";
import { quickFolder } from "./quick-folder.ts";

interface Played {
  readonly result: EvolveResult;
  readonly executor: FakeExecutor;
  readonly events: readonly RunEvent[];
  readonly candidates: readonly Candidate[];
}

async function play(
  path: string,
  budget: Budget,
  contest: Contest = fakeContest(),
  changes: Partial<RunSetup> & { executor?: FakeExecutor } = {},
): Promise<Played> {
  const executor = changes.executor ?? new FakeExecutor(contest);
  const events: RunEvent[] = [];
  const result = await runContest({
    ...fakeSetup(path, budget, contest, executor),
    onEvent: (event) => events.push(event),
    ...changes,
  });
  return { result, executor, events, candidates: candidatesIn(path) };
}

function candidatesIn(path: string): Candidate[] {
  const lineage = openLineage(join(path, "run.db"), { readonly: true });
  try {
    return lineage.candidates.list();
  } finally {
    lineage.close();
  }
}

const searched = (candidates: readonly Candidate[]): Candidate[] =>
  candidates.filter(({ kind }) => kind === "search");

test("a run scores baselines first, then the search, the shortlist and the report", async () => {
  const { result, executor, events } = await play(quickFolder(), { maxEvals: 24 });
  assert.deepEqual(
    executor.jobs.slice(0, 4).map(({ id }) => id),
    ["base", "parent:a", "parent:b", "equal weights"],
  );
  assert.deepEqual(
    events.flatMap((event) => (event.type === "stage" ? [event.stage] : [])),
    ["baselines", "search", "selection", "report"],
  );
  assert.equal(result.search.evaluations, 24);
  assert.equal(result.report[0]!.role, "winner");
  assert.equal(result.improved, true);
  assert.match(result.verdict, /^improved: \+\d+\.\d points against the best parent/);
  assert.equal(result.reportLooks, 1);
});

test("no score is recorded without its n and its interval", async () => {
  const path = quickFolder();
  await play(path, { maxEvals: 8 });
  const lineage = openLineage(join(path, "run.db"), { readonly: true });
  const scores = lineage.results.scores();
  lineage.close();
  assert.ok(scores.length > 0);
  for (const { n, value, low, high } of scores) {
    assert.ok(n >= 20 && low! < value && value < high!, `${low} ${value} ${high} of ${n}`);
  }
});

test("the report items are scored for the winner and the baselines only", async () => {
  const { executor } = await play(quickFolder(), { maxEvals: 12 });
  const reports = executor.jobs.filter(({ workloads }) => workloads[0]!.name === "report");
  assert.equal(reports.length, 5);
});

test("what a strategy observed is no mean: it has to win by its answers", async () => {
  const kinds = async (strategy: string) => {
    const { result } = await play(quickFolder(), { maxEvals: 12 }, fakeContest({ strategy }));
    return result.shortlist.map(({ kind }) => kind);
  };
  assert.equal((await kinds("cmaes")).filter((kind) => kind === "mean").length, 1);
  assert.ok(!(await kinds("random")).includes("mean"));
});

test("evaluations are never more than asked for, and the last ones are not told", async () => {
  const path = quickFolder();
  const { result, candidates } = await play(path, { maxEvals: 10 });
  assert.equal(searched(candidates).length, 10);
  assert.deepEqual(result.search, {
    ended: "10 evaluations done",
    evaluations: 10,
    generations: 2,
    failed: 0,
    items: 200,
    stopped: 0,
  });
});

test("generations and minutes end a run too", async () => {
  const generations = await play(quickFolder(), { generations: 3, maxEvals: 100 });
  assert.equal(searched(generations.candidates).length, 12);
  assert.equal(generations.result.search.ended, "3 generations done");
  let clock = 0;
  const minutes = await play(quickFolder(), { minutes: 0.5 }, fakeContest(), {
    now: () => (clock += 100),
  });
  assert.match(minutes.result.search.ended, /0.5 minutes used/);
});

test("a finished run answers from its folder and computes nothing", async () => {
  const path = quickFolder();
  const first = await play(path, { maxEvals: 8 });
  const again = await play(path, { maxEvals: 8 });
  assert.deepEqual(again.result, first.result);
  assert.equal(again.executor.jobs.length, 0);
  const smaller = await play(path, { maxEvals: 4 });
  assert.deepEqual(smaller.result, first.result);
});

test("a larger budget extends a run to what it would have been at once", async () => {
  const path = quickFolder();
  const first = await play(path, { maxEvals: 10 });
  const extended = await play(path, { maxEvals: 24 });
  const atOnce = await play(quickFolder(), { maxEvals: 24 });
  assert.deepEqual(scores(searched(extended.candidates)), scores(searched(atOnce.candidates)));
  assert.deepEqual(extended.result.report, atOnce.result.report);
  assert.notEqual(extended.result.winner.recipeHash, first.result.winner.recipeHash);
  assert.equal(extended.result.reportLooks, 2);
});

test("workers do not change the result", async () => {
  const one = fakeContest();
  const alone = await play(quickFolder(), { maxEvals: 18 }, one, {
    executor: new FakeExecutor(one, 1),
  });
  const many = await play(quickFolder(), { maxEvals: 18 }, one, {
    executor: new FakeExecutor(one, 7),
  });
  assert.deepEqual(many.result, alone.result);
});

test("another run's folder is refused with what differs", async () => {
  const path = quickFolder();
  await play(path, { maxEvals: 4 });
  await assert.rejects(
    play(path, { maxEvals: 4 }, fakeContest({ seed: 2 })),
    /another run; what differs:\s+seed: 1 in the folder, 2 now/,
  );
});

test("a failing candidate is recorded, ranks last, and the search goes on", async () => {
  const contest = fakeContest({
    config: ([x]) => ({ fail: x! > 0.4 && x! < 0.45 }),
    population: 8,
  });
  const { result, candidates, events } = await play(quickFolder(), { maxEvals: 40 }, contest);
  const failed = candidates.filter(({ status }) => status === "failed");
  assert.ok(failed.length > 0, "the formula should make some fail");
  assert.equal(result.search.failed, failed.length);
  assert.equal(failed[0]!.error!.message, "not finite");
  assert.equal(searched(candidates).length, 40);
  assert.ok(events.some((event) => event.type === "failed"));
});

test("a candidate whose score is not finite fails and the search goes on", async () => {
  const isBad = (x: number): boolean => x > 0.1 && x < 0.3;
  const contest = fakeContest();
  const executor = new FakeExecutor(contest, 2, ([x], _, batch) => ({
    logProbs: Float32Array.of(isBad(x!) ? -Infinity : -x!, -batch),
    greedy: new Uint8Array(2),
  }));
  const { candidates } = await play(quickFolder(), { maxEvals: 12 }, contest, { executor });
  assert.equal(searched(candidates).length, 12);
  const failed = searched(candidates).filter(({ status }) => status === "failed");
  assert.ok(failed.length > 0 && failed.length < 12, `${failed.length} failed`);
  assert.ok(failed.every(({ genome, error }) => isBad(genome![0]!) && error?.code === "numeric"));
});

test("random scores end with: no improvement shown", async () => {
  for (const seed of [1, 2, 3]) {
    const contest = fakeContest({ seed });
    const executor = new FakeExecutor(contest, 2, (genome, workload, batch) => {
      const key = streamKey("random", seed, ...genome, workload, batch);
      return {
        logProbs: Float32Array.of(Math.log(uniform(key, 0)), Math.log(uniform(key, 1))),
        greedy: new Uint8Array(2),
      };
    });
    const { result } = await play(quickFolder(), { maxEvals: 20 }, contest, { executor });
    assert.equal(result.improved, false);
    assert.match(result.verdict, /no improvement shown$/);
  }
});

test("a crash is held against who was running, a kill from outside against nobody", async () => {
  const contest = fakeContest();
  const dying = (): FakeExecutor => {
    const executor = new FakeExecutor(contest, 1);
    const submit = executor.submit.bind(executor);
    executor.submit = async (job, onBatch) => {
      if (job.id === "0.01") throw new TsmergeError("interrupted", "as if the process had died");
      return submit(job, onBatch);
    };
    return executor;
  };
  const path = quickFolder();
  const die = (previousDeath: string | undefined): Promise<unknown> =>
    assert.rejects(
      play(path, { maxEvals: 4 }, contest, { executor: dying(), previousDeath }),
      /as if the process had died/,
    );
  await die(undefined);
  await die("SIGKILL");
  await die("SIGKILL");
  await die("SIGABRT");
  assert.deepEqual(
    searched(candidatesIn(path)).map(({ deaths }) => deaths),
    [0, 1, 0, 0],
  );
  const { candidates } = await play(path, { maxEvals: 4 }, contest, { previousDeath: "SIGSEGV" });
  assert.deepEqual(
    searched(candidates).map(({ status }) => status),
    ["done", "failed", "done", "done"],
  );
});

test("a baseline that the process died with is tried again when the user asks again", async () => {
  const contest = fakeContest();
  const path = quickFolder();
  const executor = new FakeExecutor(contest, 1);
  const submit = executor.submit.bind(executor);
  executor.submit = async (job, onBatch) => {
    const isLast = job.id === "selection:parent:b";
    if (isLast) throw new TsmergeError("interrupted", "as if the process had died");
    return submit(job, onBatch);
  };
  const die = (previousDeath: string | undefined, message: RegExp): Promise<void> =>
    assert.rejects(play(path, { maxEvals: 4 }, contest, { executor, previousDeath }), message);
  await die(undefined, /as if/);
  await die("SIGABRT", /as if/);
  await die("SIGABRT", /baseline parent:b cannot be scored: the process died 2 times/);
  const { result } = await play(path, { maxEvals: 4 }, contest);
  assert.equal(result.search.evaluations, 4);
});

test("a larger budget says what the run was begun with, not what it would begin with", async () => {
  const path = quickFolder();
  const told = async (evaluations: number): Promise<RunEvent[]> => {
    const contest = fakeContest({ strategy: "auto" });
    const { population: _, ...problem } = { ...contest.problem, evaluations };
    const { events } = await play(path, { maxEvals: evaluations }, { ...contest, problem });
    return events.filter(({ type }) => type === "note" || type === "started");
  };
  const [note, started] = await told(8);
  assert.deepEqual(await told(40), [note, { ...started, resumed: true, budget: { maxEvals: 40 } }]);
  assert.match(note?.type === "note" ? note.text : "", /6 candidates a generation/);
});

test("a budget of items counts those that a program reports", async () => {
  const contest = fakeContest();
  const own = (name: string): Workload =>
    withOutside(fakeWorkload(name, 0), [{ kind: "command", task: "fake" }]);
  const programs: Contest = {
    ...contest,
    workloads: { search: own("search"), selection: own("selection"), report: own("report") },
    tasks: [{ ...FAKE_TASK, metric: "score", reported: "score", isCounted: false, isBlind: false }],
  };
  const executor = new FakeExecutor(programs, 2);
  executor.submit = async ({ id, plan, workloads: [asked] }, onBatch) => {
    const genome = plan.config.genome as number[]; // fakeContest's
    const items = Array.from({ length: 10 }, (_, i) => genome[0]! + i);
    onBatch({
      id,
      workload: asked!.name,
      batch: 0,
      result: outsideResult(JSON.stringify({ items })),
    });
    return { ok: true, id, mergeMs: 1, scoreMs: 1 };
  };
  for (const [items, evaluations] of [
    [40, 4],
    [69, 6],
  ] as const) {
    const { result } = await play(quickFolder(), { items }, programs, { executor });
    assert.equal(result.search.evaluations, evaluations);
    assert.equal(result.search.ended, `${items} items used`);
  }
});

test("a recipe that came before is not computed again, and a plateau says what helps", async () => {
  const contest = fakeContest();
  const same = { ...contest, compose: () => contest.compose([0.6, 0.4]) };
  const { executor, candidates, events } = await play(quickFolder(), { maxEvals: 12 }, same);
  const notes = events.flatMap((event) => (event.type === "note" ? [event.text] : []));
  assert.equal(notes.filter((text) => text.startsWith("plateau: all 4 candidates")).length, 1);
  const jobs = executor.jobs.filter(({ workloads }) => workloads[0]!.name === "search");
  assert.equal(jobs.length, 4 + 1);
  assert.equal(new Set(searched(candidates).map(({ fitness }) => fitness)).size, 1);
});

test("the run folder holds the config, the best recipe, the result and the events", async () => {
  const path = quickFolder();
  const { result } = await play(path, { maxEvals: 8 });
  const files = runFolder(path);
  assert.equal(readFileSync(files.config, "utf8"), "genome: {}\n");
  assert.deepEqual(JSON.parse(readFileSync(files.results, "utf8")), result);
  const best = readFileSync(files.bestConfig, "utf8");
  assert.match(best, /^# winner: /);
  assert.match(best, /# tsmerge: \{"seed":1,/);
  const events = readFileSync(files.events, "utf8").trim().split("\n");
  assert.equal(JSON.parse(events.at(-1)!).type, "finished");
});

/** What must be equal between two runs of one seed, whatever happened to them. */
function scores(candidates: readonly Candidate[]): unknown[] {
  return candidates.map(({ id, genome, recipeHash, parents, status, fitness, error }) => ({
    ...{ id, genome, recipeHash, parents, status, fitness, error },
  }));
}
