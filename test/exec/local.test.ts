// The local executor's contract, with an engine that computes nothing.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { TsmergeError } from "../../src/base/errors.ts";
import type { BatchReport } from "../../src/exec/executor.ts";
import { LocalExecutor } from "../../src/exec/local.ts";
import { FAKE_WORKER, fakeJob, fakeSchedule } from "./fakes.ts";

const never = new AbortController().signal;
const open: LocalExecutor[] = [];
const asked: string[] = [];

function executor(workers: number, extra?: unknown): LocalExecutor {
  const made = new LocalExecutor({
    device: "cpu",
    workers,
    threads: 1,
    schedule: (name) => {
      asked.push(name);
      return fakeSchedule(name === "long" ? 50 : 4);
    },
    workerFile: FAKE_WORKER,
    extra,
  });
  open.push(made);
  return made;
}

afterEach(async () => {
  for (const made of open.splice(0)) await made.close();
  asked.length = 0;
});

test("every batch is reported before the outcome, and batches already done are skipped", async () => {
  const reports: BatchReport[] = [];
  const outcome = await executor(1).submit(
    fakeJob("a", { logProb: -2 }, [{ name: "search", done: [1, 2] }]),
    (report) => reports.push(report),
    never,
  );
  assert.equal(outcome.ok, true);
  assert.deepEqual(
    reports.map((report) => report.batch),
    [0, 3],
  );
  assert.deepEqual([...reports[1]!.result.logProbs], [-5, -5]);
});

test("a schedule crosses to a thread once, and only when a job names it", async () => {
  const one = executor(1);
  await one.submit(fakeJob("a", {}), () => {}, never);
  await one.submit(fakeJob("b", {}), () => {}, never);
  assert.deepEqual(asked, ["search"]);
  await one.submit(fakeJob("c", {}, [{ name: "report", done: [] }]), () => {}, never);
  assert.deepEqual(asked, ["search", "report"]);
});

test("candidates run at once, one in each worker", async () => {
  const two = executor(2);
  // both threads are up before it is counted
  await Promise.all(
    ["x", "y"].map((id) => two.submit(fakeJob(id, { batchMs: 100 }), () => {}, never)),
  );
  let running = 0;
  let most = 0;
  const jobs = ["a", "b", "c"].map(async (id) => {
    let first = true;
    await two.submit(
      fakeJob(id, { batchMs: 50 }),
      () => {
        if (first) most = Math.max(most, ++running);
        first = false;
      },
      never,
    );
    running--;
  });
  await Promise.all(jobs);
  assert.equal(most, 2);
});

test("a bad candidate is an outcome and the next one runs", async () => {
  const one = executor(1);
  const thrown = await one.submit(fakeJob("a", { behaviour: "throw" }), () => {}, never);
  assert.deepEqual(thrown.ok ? undefined : thrown.error.code, "numeric");
  const nan = await one.submit(fakeJob("b", { behaviour: "nan" }), () => {}, never);
  assert.match(nan.ok ? "" : nan.error.message, /gives NaN .* batch 0 of search/);
  assert.equal((await one.submit(fakeJob("c", {}), () => {}, never)).ok, true);
});

test("cancelling stops at the next batch and leaves the thread usable", async () => {
  const one = executor(1);
  const stop = new AbortController();
  let batches = 0;
  const running = one.submit(
    fakeJob("a", { batchMs: 5 }, [{ name: "long", done: [] }]),
    () => {
      if (++batches === 2) stop.abort();
    },
    stop.signal,
  );
  await assert.rejects(
    running,
    (error) => error instanceof TsmergeError && error.code === "interrupted",
  );
  assert.ok(batches < 6, `${batches} batches ran after the stop`);
  assert.equal((await one.submit(fakeJob("b", {}), () => {}, never)).ok, true);
});

test("an engine that cannot start is an error of the run, not of a candidate", async () => {
  const one = executor(1, "broken");
  await assert.rejects(
    one.submit(fakeJob("a", {}), () => {}, never),
    /no device in this test/,
  );
});

test("webgpu takes one worker", () => {
  assert.throws(
    () =>
      new LocalExecutor({
        device: "webgpu",
        workers: 2,
        threads: 1,
        schedule: () => fakeSchedule(1),
      }),
    /takes one worker, not 2/,
  );
});
