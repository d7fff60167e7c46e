import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { sha256 } from "../../src/base/hash.ts";
import type { Item } from "../../src/evals/item.ts";
import {
  limitFirst,
  limitStratified,
  purposesOf,
  purposesOfOne,
  purposesOfSplits,
  splitItems,
} from "../../src/evals/splits.ts";
import { loadTasks } from "../../src/evals/tasks/tasks.ts";
import { DATA_DIR, skipWithoutShared } from "./shared.ts";

function itemsOf(sizes: Readonly<Record<string, number>>): Item[] {
  return Object.entries(sizes).flatMap(([task, size]) =>
    Array.from({ length: size }, (_, docId) => ({
      task,
      docId,
      hash: sha256(`${task}/${docId}`),
      context: "",
      continuations: [],
      choices: [],
      gold: 0,
      document: {},
      target: 0,
    })),
  );
}

function countByTask(items: readonly Item[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { task } of items) counts[task] = (counts[task] ?? 0) + 1;
  return counts;
}

const isSubsequence = (part: readonly Item[], whole: readonly Item[]): boolean => {
  let at = 0;
  for (const item of whole) if (item === part[at]) at++;
  return at === part.length;
};

test("a split gives every item one part, keeps order and follows the fractions", () => {
  const items = itemsOf({ a: 6000, b: 4000 });
  const { search, selection, report } = splitItems(items, {
    search: 0.5,
    selection: 0.2,
    report: 0.3,
  });
  assert.equal(search.length + selection.length + report.length, items.length);
  assert.ok([search, selection, report].every((part) => isSubsequence(part, items)));
  for (const [part, fraction] of [
    [search, 0.5],
    [selection, 0.2],
    [report, 0.3],
  ] as const) {
    const sigma = Math.sqrt((fraction * (1 - fraction)) / items.length);
    assert.ok(Math.abs(part.length / items.length - fraction) < 4 * sigma, String(part.length));
  }
  // The same text goes the same way in any company.
  const alone = splitItems(items.slice(17, 18), { search: 0.5, selection: 0.2, report: 0.3 });
  const company = search.includes(items[17]!)
    ? alone.search
    : [...alone.selection, ...alone.report];
  assert.deepEqual(company, [items[17]]);
});

test("shares that do not sum to 1 are refused", () => {
  assert.throws(() => splitItems([], { a: 0.5, b: 0.4 }), /0\.9 instead of 1/);
});

test("no text serves two purposes, duplicates included", () => {
  const val = itemsOf({ a: 200 });
  const test = [...val.slice(0, 3), ...itemsOf({ b: 50 })];
  const own = purposesOfSplits(val, test);
  assert.deepEqual(own.dropped, val.slice(0, 3));
  assert.deepEqual(own.report, test);
  const one = purposesOfOne([...val, ...val]);
  for (const { search, selection, report } of [own, one]) {
    const hashes = [search, selection, report].map(
      (part) => new Set(part.map((item) => item.hash)),
    );
    const all = new Set(hashes.flatMap((set) => [...set]));
    assert.equal(
      all.size,
      hashes.reduce((sum, set) => sum + set.size, 0),
    );
  }
});

test("a task without val is dealt by hash beside one with splits, and still no text serves two", () => {
  const val = itemsOf({ split: 200 });
  const own = itemsOf({ split: 260 }).slice(200);
  // three questions of the task without splits also stand in the other's val
  const alone = [...itemsOf({ alone: 300 }), ...val.slice(0, 3)].map((item) => ({
    ...item,
    task: "alone",
  }));
  const { search, selection, report } = purposesOf(val, [...own, ...alone]);
  assert.equal(report.filter((item) => item.task === "split").length, own.length);
  for (const part of [search, selection, report]) {
    assert.ok(part.some((item) => item.task === "alone"));
  }
  const hashes = [search, selection, report].map((part) => new Set(part.map(({ hash }) => hash)));
  for (const hash of hashes[2]!) assert.ok(!hashes[0]!.has(hash) && !hashes[1]!.has(hash));
  for (const hash of hashes[1]!) assert.ok(!hashes[0]!.has(hash));
});

test("MMLU's val is cut near 60/40 without the 27 questions that stand in test too", {
  skip: skipWithoutShared,
}, async () => {
  const val = await loadTasks(["mmlu"], { split: "val", dataDir: DATA_DIR, fewshot: 0 });
  const report = await loadTasks(["mmlu"], { split: "test", dataDir: DATA_DIR, fewshot: 0 });
  const { search, selection, dropped } = purposesOfSplits(val.items, report.items);
  assert.equal(dropped.length, 27);
  assert.equal(search.length + selection.length, 1531 - 27);
  assert.ok(Math.abs(search.length / 1504 - 0.6) < 0.03, String(search.length));
});

test("a stratified limit gives n in all, proportional, at least one each, in order", () => {
  const strata = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(strata, fc.integer({ min: 1, max: 400 }), fc.nat(), (sizes, n, seed) => {
      const items = itemsOf(Object.fromEntries(sizes.map((size, i) => [`t${i}`, size])));
      const kept = limitStratified(items, n, seed);
      assert.equal(kept.length, Math.min(n, items.length));
      assert.ok(isSubsequence(kept, items));
      assert.deepEqual(limitStratified(items, n, seed), kept);
      const counts = countByTask(kept);
      if (n < sizes.length) return;
      const surplus = sizes.filter((size) => (n * size) / items.length < 1).length;
      sizes.forEach((size, i) => {
        const quota = Math.min(1, n / items.length) * size;
        const count = counts[`t${i}`] ?? 0;
        assert.ok(count >= 1 && count <= size, "at least one of each");
        assert.ok(count < Math.max(1, quota + 1) + 1e-9 && count > quota - 1 - surplus);
      });
    }),
  );
});

test("another seed keeps other items; a larger limit keeps a smaller one's", () => {
  const items = itemsOf({ a: 100, b: 300 });
  const kept = limitStratified(items, 40, 1);
  assert.deepEqual(countByTask(kept), { a: 10, b: 30 });
  assert.notDeepEqual(limitStratified(items, 40, 2), kept);
  const larger = new Set(limitStratified(items, 80, 1));
  assert.ok(kept.every((item) => larger.has(item)));
});

test("lm-eval's limit takes the first of each task, or a fraction rounded up", () => {
  const items = itemsOf({ a: 10, b: 3 });
  assert.deepEqual(countByTask(limitFirst(items, 5)), { a: 5, b: 3 });
  assert.deepEqual(countByTask(limitFirst(items, 0.25)), { a: 3, b: 1 });
  assert.deepEqual(
    limitFirst(items, 2).map((item) => item.docId),
    [0, 1, 0, 1],
  );
});
