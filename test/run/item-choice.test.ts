// Which items are asked: names with wildcards, limits of both kinds, places in a task.

import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseItems } from "../../src/run/eval/item-choice.ts";

const counted = async (names: readonly string[], options: object = {}) => {
  const { items } = await chooseItems(names, options);
  const tasks = new Set(items.map(({ task }) => task));
  return [items.length, tasks.size];
};

test("a wildcard is every name it matches, and one without a match is an error", async () => {
  assert.deepEqual(await counted(["demo_*"], { limitFirst: 2 }), [8, 4]);
  assert.deepEqual(await counted(["demo_ma*", "demo_math"], { limitFirst: 2 }), [2, 1]);
  await assert.rejects(chooseItems(["demo.*"], {}), /no task matches "demo\.\*"/);
});

test("a limit is so many in all or a share; the first of each task are another", async () => {
  assert.deepEqual(await counted(["demo"], { limit: 10 }), [10, 4]);
  assert.deepEqual(await counted(["demo"], { limit: 0.05 }), [50, 4]);
  assert.deepEqual(await counted(["demo"], { limitFirst: 0.1 }), [100, 4]);
});

test("items are named by their places, and a place without an item is an error", async () => {
  const { items } = await chooseItems(["demo_math", "demo_code"], {
    samples: { demo_math: [3, 1], demo_code: [249] },
  });
  assert.deepEqual(
    items.map(({ task, docId }) => [task, docId]),
    [
      ["demo_math", 1],
      ["demo_math", 3],
      ["demo_code", 249],
    ],
  );
  const asked = (samples: Record<string, number[]>) => chooseItems(["demo_math"], { samples });
  await assert.rejects(asked({ demo_math: [250] }), /question 250 of demo_math, which has 250/);
  await assert.rejects(asked({ demo_mth: [0] }), /not asked; did you mean "demo_math"/);
});
