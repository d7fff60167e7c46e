// The choice lists of leaderboard_bbh against the data: every right answer stands in its task's list, but for
// three that the data itself writes otherwise, which no model can get right.

import assert from "node:assert/strict";
import { test } from "node:test";
import { loadTasks } from "../../src/evals/tasks/tasks.ts";
import { DATA_DIR, skipWithoutShared } from "./shared.ts";

test("right answers stand in the choice lists of all 24 tasks", {
  skip: skipWithoutShared,
}, async () => {
  const { items, leaves } = await loadTasks(["leaderboard_bbh"], {
    split: "test",
    dataDir: DATA_DIR,
  });
  assert.equal(leaves.length, 24);
  const odd = items.filter(({ gold }) => gold === -1).map(({ task, target }) => [task, target]);
  assert.deepEqual(odd, [
    ["leaderboard_bbh_movie_recommendation", "Monsters, Inc"],
    ["leaderboard_bbh_ruin_names", "dearth, wind, & fire"],
    ["leaderboard_bbh_ruin_names", "rita, sue and bob poo"],
  ]);
  for (const { task } of leaves) {
    const own = items.filter((item) => item.task === task);
    for (const { choices } of own) assert.deepEqual(choices, own[0]!.choices, task);
  }
});
