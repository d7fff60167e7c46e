// The transitions of a run, one by one: what each allows, refuses and leaves behind.

import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { TsmergeError, toWire } from "../../src/base/errors.ts";
import { differences } from "../../src/lineage/identity.ts";
import { type Lineage, openLineage } from "../../src/lineage/lineage.ts";
import type { NewCandidate } from "../../src/lineage/records.ts";
import { temporaryFolder } from "./folder.ts";

const RUN = {
  identity: { config: { sigma: 0.2 }, seed: 1 },
  environment: {},
  budget: { evals: 8 },
};

function begun(t: TestContext): Lineage {
  const lineage = openLineage(join(temporaryFolder(t), "run.db"), { now: () => 1234 });
  t.after(() => lineage.close());
  lineage.begin(RUN);
  lineage.beginSearch({ mean: [0.1] });
  return lineage;
}

function candidate(k: number, recipeHash = `hash-${k}`, generation = 0): NewCandidate {
  const position = { generation, k };
  const recipe = `weight: ${k}\n`;
  return { kind: "search", position, genome: [k, 0.1], parents: [], recipe, recipeHash };
}

const FAILURE = toWire(new TsmergeError("numeric", "the merge has a NaN", { hint: "lower it" }));

test("the same identity resumes, with another budget and environment", (t) => {
  const lineage = begun(t);
  const later = { ...RUN, environment: { node: "24" }, budget: { evals: 16 } };
  assert.equal(lineage.begin(later), "resumed");
  const { environment, budget, identity, stage } = lineage.run()!;
  assert.deepEqual({ environment, budget, identity, stage }, { ...later, stage: "search" });
  const reordered = { seed: 1, config: { sigma: 0.2 } };
  assert.equal(lineage.begin({ ...RUN, identity: reordered }), "resumed");
});

test("another identity is refused with every difference and both values", (t) => {
  const lineage = begun(t);
  const identity = { config: { sigma: 0.3, tasks: ["mmlu"] }, seed: 1 };
  assert.throws(
    () => lineage.begin({ ...RUN, identity }),
    (error) => {
      assert.ok(error instanceof TsmergeError && error.code === "lineage");
      assert.match(error.message, /another run/);
      assert.match(error.message, /config\.sigma: 0\.2 in the folder, 0\.3 now/);
      assert.match(error.message, /config\.tasks: absent in the folder, \["mmlu"\] now/);
      assert.doesNotMatch(error.message, /seed/);
      assert.match(error.hint!, /--run-folder/);
      return true;
    },
  );
  assert.deepEqual(lineage.run()?.identity, RUN.identity);
});

test("differences are none exactly for equal JSON, and name the deepest key", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      assert.deepEqual(differences(value, structuredClone(value)), []);
    }),
  );
  const recorded = { models: ["a", "b"], limit: 5, gone: true };
  const asked = { models: ["a", "c", "d"], limit: { items: 5 } };
  assert.deepEqual(
    differences(recorded, asked).map(({ path }) => path),
    ["models[1]", "models[2]", "limit", "gone"],
  );
});

test("candidates are added once, and another recipe in the same place is refused", (t) => {
  const { candidates } = begun(t);
  assert.deepEqual(candidates.add([candidate(0), candidate(1)]), ["0.00", "0.01"]);
  candidates.start("0.01");
  assert.deepEqual(candidates.add([candidate(0), candidate(1), candidate(2)]), [
    "0.00",
    "0.01",
    "0.02",
  ]);
  assert.equal(candidates.get("0.01")?.status, "running");
  assert.throws(() => candidates.add([candidate(3), candidate(2, "other")]), /0\.02 came out with/);
  assert.equal(candidates.get("0.03"), undefined); // all or nothing
  assert.deepEqual(candidates.get("0.00"), {
    ...candidate(0),
    ...{ id: "0.00", status: "pending", attempts: 0, deaths: 0 },
  });
});

test("genomes come back bit for bit", (t) => {
  const { candidates } = begun(t);
  let k = 0;
  fc.assert(
    fc.property(fc.array(fc.double({ noNaN: true, noDefaultInfinity: true })), (genome) => {
      const [id] = candidates.add([{ ...candidate(k), genome }]);
      k += 1;
      // JSON has one zero
      assert.deepEqual(
        candidates.get(id!)?.genome,
        genome.map((gene) => gene + 0),
      );
    }),
    { numRuns: 50 },
  );
});

test("an attempt is counted before it starts, and a candidate ends once", (t) => {
  const { candidates } = begun(t);
  candidates.add([candidate(0), candidate(1), candidate(2)]);
  candidates.start("0.00");
  assert.throws(() => candidates.start("0.00"), /0\.00 is running/);
  candidates.finish("0.00", { fitness: -0.5, timings: { mergeMs: 3, scoreMs: 40.5 } });
  assert.throws(() => candidates.fail("0.00", FAILURE), /0\.00 is done/);
  candidates.start("0.01");
  candidates.fail("0.01", FAILURE);
  assert.throws(() => candidates.finish("0.01", { fitness: 1 }), /0\.01 is failed/);
  assert.throws(() => candidates.start("9.99"), /9\.99 is unknown/);
  candidates.finish("0.02", { fitness: -0.25 }); // a known recipe needs no attempt
  const [done, failed] = candidates.list();
  assert.deepEqual(
    [done!.fitness, done!.mergeMs, done!.scoreMs, done!.attempts],
    [-0.5, 3, 40.5, 1],
  );
  assert.deepEqual(failed!.error, FAILURE);
  assert.deepEqual(candidates.counts(), { pending: 0, running: 0, done: 2, failed: 1 });
  assert.deepEqual(
    candidates.best(5).map(({ id }) => id),
    ["0.02", "0.00"],
  );
});

test("a fitness that is no number is refused", (t) => {
  const { candidates } = begun(t);
  candidates.add([candidate(0)]);
  for (const fitness of [Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => candidates.finish("0.00", { fitness }), /the fitness of candidate 0\.00/);
  }
});

test("a generation is told once, when all its candidates have ended", (t) => {
  const lineage = begun(t);
  lineage.beginSearch({ mean: ["ignored: there is a generation"] });
  lineage.candidates.add([candidate(0), candidate(1)]);
  lineage.candidates.finish("0.00", { fitness: 1 });
  assert.throws(() => lineage.tellGeneration(0, {}), /candidate 0\.01 is pending/);
  lineage.candidates.fail("0.01", FAILURE);
  lineage.tellGeneration(0, { mean: [0.1 + 0.2] });
  assert.throws(() => lineage.tellGeneration(0, {}), /1 is the current/);
  assert.deepEqual(lineage.currentGeneration(), { number: 1, state: { mean: [0.1 + 0.2] } });
  assert.deepEqual(
    lineage.generations().map(({ number }) => number),
    [0, 1],
  );
});

test("a stop costs a running candidate nothing; two deaths give it up", (t) => {
  const { candidates } = begun(t);
  candidates.add([candidate(0), candidate(1), candidate(2)]);
  const nothing = { failed: [], suspects: [] };
  for (let stop = 0; stop < 5; stop++) {
    candidates.start("0.00");
    assert.deepEqual(candidates.takeUp(undefined), nothing);
  }
  candidates.start("0.00");
  candidates.start("0.01");
  assert.deepEqual(candidates.takeUp("SIGABRT"), { failed: [], suspects: ["0.00", "0.01"] });
  candidates.start("0.00");
  assert.deepEqual(candidates.takeUp("SIGSEGV"), { failed: ["0.00"], suspects: ["0.01"] });
  const failed = candidates.get("0.00")!;
  assert.equal(failed.attempts, 7);
  assert.match(failed.error!.message, /the process died 2 times .* the last time by SIGSEGV/);
  assert.equal(candidates.get("0.01")?.status, "pending");
});

test("a recipe that ended before is found by its hash, the earliest of its kind", (t) => {
  const { candidates } = begun(t);
  candidates.add([candidate(0, "same"), candidate(1, "same"), candidate(2, "other")]);
  assert.equal(candidates.settledTwin("same"), undefined);
  candidates.finish("0.01", { fitness: 2 });
  assert.equal(candidates.settledTwin("same")?.id, "0.01");
  candidates.finish("0.00", { fitness: 2 });
  assert.equal(candidates.settledTwin("same")?.id, "0.00");
  assert.equal(candidates.settledTwin("same", "baseline"), undefined);
});

test("labelled candidates stand apart from the search", (t) => {
  const { candidates } = begun(t);
  const parent = { kind: "baseline", label: "parent:math", parents: [] } as const;
  candidates.add([candidate(0), { ...parent, recipe: "", recipeHash: "p" }]);
  candidates.finish("parent:math", { fitness: 9 });
  assert.deepEqual(candidates.best(), []);
  assert.deepEqual(
    candidates.list().map(({ id }) => id),
    ["parent:math", "0.00"],
  );
  assert.deepEqual(candidates.list({ kind: "baseline", status: "done" })[0]?.label, "parent:math");
  assert.equal(candidates.counts("baseline").done, 1);
});

test("batch results are kept bit for bit, once, also empty ones and views", (t) => {
  const { results } = begun(t);
  const wide = Float32Array.of(9, -0.1, Number.NEGATIVE_INFINITY, 9);
  const result = { logProbs: wide.subarray(1, 3), greedy: Uint8Array.of(1, 0) };
  const empty = { logProbs: new Float32Array(0), greedy: new Uint8Array(0) };
  const other = { logProbs: Float32Array.of(5), greedy: Uint8Array.of(1) };
  const at = { recipeHash: "r", workload: "search" };
  results.recordBatches([
    { ...at, batch: 3, result },
    { ...at, batch: 0, result: empty },
    { ...at, workload: "report", batch: 1, result: other },
  ]);
  results.recordBatches([{ ...at, batch: 3, result: other }]);
  assert.deepEqual(results.completedBatches("r", "search"), [0, 3]);
  assert.deepEqual(
    [...results.batches("r", "search")],
    [
      [0, empty],
      [3, { logProbs: Float32Array.of(-0.1, Number.NEGATIVE_INFINITY), greedy: result.greedy }],
    ],
  );
});

test("batches of unequal length are refused, and none of their transaction stays", (t) => {
  const { results } = begun(t);
  const at = { recipeHash: "r", workload: "search" };
  const good = { logProbs: Float32Array.of(1), greedy: Uint8Array.of(1) };
  const bad = { logProbs: Float32Array.of(1, 2), greedy: Uint8Array.of(1) };
  assert.throws(
    () =>
      results.recordBatches([
        { ...at, batch: 0, result: good },
        { ...at, batch: 1, result: bad },
      ]),
    (error) => error instanceof TsmergeError && /SQLITE_CONSTRAINT_CHECK/.test(error.message),
  );
  assert.deepEqual(results.completedBatches("r", "search"), []);
});

test("scores are replaced by key and found by recipe or split", (t) => {
  const { results } = begun(t);
  const score = { recipeHash: "r", split: "search", task: "demo", metric: "acc", n: 10 } as const;
  results.putScores([
    { ...score, value: 0.5 },
    { ...score, split: "report", value: 0.4 },
  ]);
  results.putScores([{ ...score, value: 0.6, stderr: 0.1, low: 0.3, high: 0.8 }]);
  assert.deepEqual(results.scores({ split: "search" }), [
    { ...score, value: 0.6, stderr: 0.1, low: 0.3, high: 0.8 },
  ]);
  assert.equal(results.scores({ recipeHash: "r" }).length, 2);
  assert.deepEqual(results.scores({ recipeHash: "s" }), []);
});

test("joined transitions happen together or not at all", (t) => {
  const lineage = begun(t);
  lineage.candidates.add([candidate(0)]);
  assert.throws(
    () =>
      lineage.transaction(() => {
        lineage.candidates.start("0.00");
        lineage.putFinding("winner", "0.00");
        throw new Error("interrupted");
      }),
    /^Error: interrupted$/,
  );
  assert.equal(lineage.candidates.get("0.00")?.status, "pending");
  assert.equal(lineage.finding("winner"), undefined);
});

test("findings are replaced by name; stages and times are kept", (t) => {
  const lineage = begun(t);
  lineage.putFinding("winner", { id: "0.00" });
  lineage.putFinding("winner", { id: "0.01" });
  assert.deepEqual(lineage.finding("winner"), { id: "0.01" });
  lineage.setStage("finished");
  const { stage, createdMs, updatedMs } = lineage.run()!;
  assert.deepEqual([stage, createdMs, updatedMs], ["finished", 1234, 1234]);
});
