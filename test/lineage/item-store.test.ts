// The store of answers as a file: scopes apart, works taken up, several processes at once, foreign files.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import type { Answer } from "../../src/evals/item.ts";
import { openItemStore } from "../../src/lineage/item-store.ts";
import { openLineage } from "../../src/lineage/lineage.ts";
import { temporaryFolder } from "./folder.ts";

const result = (value: number) => ({
  logProbs: Float32Array.of(value, value / 3),
  greedy: Uint8Array.of(1, 0),
});
const answer = (value: number): Answer => ({
  logLikelihoods: [value, -Infinity],
  greedy: [true, false],
  texts: [],
});

test("any answer comes back as it was, to the last bit", (t) => {
  const store = openItemStore(join(temporaryFolder(t), "deep/answers.db"));
  const answers = store.scope({ model: "a" });
  const choice = fc.tuple(fc.double({ noNaN: true }), fc.boolean());
  const texts = fc.array(fc.string({ unit: "grapheme" }));
  let requests = 0;
  fc.assert(
    fc.property(fc.array(choice), texts, (choices, generated) => {
      const request = `r${requests++}`;
      const kept = {
        logLikelihoods: choices.map(([value]) => value),
        greedy: choices.map(([, flag]) => flag),
        texts: generated,
      };
      answers.record({ key: "w", requests: [], batches: new Map() }, new Map(), [
        { request, answer: kept },
      ]);
      assert.deepEqual(answers.known([request, "other"]), new Map([[request, kept]]));
    }),
  );
  store.close();
});

test("scopes that differ in anything share no answer", (t) => {
  const store = openItemStore(join(temporaryFolder(t), "answers.db"));
  const [one, two] = [store.scope({ model: "a", dtype: "auto" }), store.scope({ model: "b" })];
  const work = one.begin(["r"], 1);
  one.record(work, new Map(), [{ request: "r", answer: answer(-1) }]);
  assert.equal(two.known(["r"]).size, 0);
  assert.equal(store.scope({ dtype: "float16", model: "a" }).known(["r"]).size, 0);
  assert.equal(store.scope({ dtype: "auto", model: "a" }).known(["r"]).size, 1);
  store.close();
});

test("a work goes on with the requests it began with, and is forgotten when done", (t) => {
  const path = join(temporaryFolder(t), "answers.db");
  const first = openItemStore(path);
  const begun = first.scope({ model: "a" });
  begun.record(begun.begin(["x"], 2), new Map(), [{ request: "x", answer: answer(-9) }]);
  const work = begun.begin(["x", "y", "z"], 2);
  assert.deepEqual(work.requests, ["y", "z"]);
  begun.record(work, new Map([[0, result(-1)]]), [{ request: "y", answer: answer(-2) }]);
  first.close();

  const second = openItemStore(path);
  const scope = second.scope({ model: "a" });
  const taken = scope.begin(["x", "y", "z"], 2);
  assert.deepEqual(taken.requests, ["y", "z"]);
  assert.deepEqual(taken.batches, new Map([[0, result(-1)]]));
  assert.deepEqual(scope.begin(["x", "y", "z"], 1).requests, ["z"]);
  scope.record(taken, new Map(), [{ request: "z", answer: answer(-3) }]);
  scope.finish(taken);
  const nothing = scope.begin(["x", "y", "z"], 2);
  assert.deepEqual([nothing.requests, nothing.batches.size], [[], 0]);
  second.close();
});

test("two connections write in turns", (t) => {
  const path = join(temporaryFolder(t), "answers.db");
  const stores = [openItemStore(path), openItemStore(path)];
  for (const [index, store] of stores.entries()) {
    const scope = store.scope({ model: "a" });
    scope.record(scope.begin([`r${index}`], 1), new Map(), [
      { request: `r${index}`, answer: answer(-index) },
    ]);
  }
  assert.equal(stores[0]!.scope({ model: "a" }).known(["r0", "r1"]).size, 2);
  for (const store of stores) store.close();
});

test("a run's database is not taken for a store, nor a store for a run's", (t) => {
  const folder = temporaryFolder(t);
  openLineage(join(folder, "run.db")).close();
  assert.throws(() => openItemStore(join(folder, "run.db")), /another program/);
  openItemStore(join(folder, "answers.db")).close();
  assert.throws(() => openLineage(join(folder, "answers.db")), /another program/);
});
