// Schedules in portions: each portion's results come from its own batches, and nothing is lost between them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { interleaved } from "../../src/evals/splits.ts";
import { loadTasks } from "../../src/evals/tasks/tasks.ts";
import { buildWorkload } from "../../src/evals/workload.ts";
import { demoTokenizer } from "./tokenizers.ts";

const { items } = await loadTasks(["demo"], { split: "test" });
const mixed = interleaved(items, 1);
const options = { prefixId: 0, maxLength: 4096 };

test("every beginning of the interleaved items is a stratified sample", () => {
  assert.deepEqual(new Set(mixed), new Set(items));
  const tasks = [...new Set(items.map(({ task }) => task))];
  for (const end of [40, 250, 500]) {
    for (const task of tasks) {
      const count = mixed.slice(0, end).filter((item) => item.task === task).length;
      assert.ok(Math.abs(count - end / tasks.length) <= 1, `${count} of ${task} in ${end}`);
    }
  }
  assert.deepEqual(interleaved([...items].reverse(), 1), mixed);
  assert.notDeepEqual(interleaved(items, 2), mixed);
});

test("items up to a rung need that rung's batches alone", async () => {
  const tokenizer = await demoTokenizer();
  const ends = [250, 500, 750, 1000];
  const whole = buildWorkload("search", mixed, tokenizer, options);
  const raced = buildWorkload("search", mixed, tokenizer, { ...options, rungEnds: ends });
  const { batches } = whole.schedule;
  assert.deepEqual(whole.rungs, [{ items: 1000, batches: batches.length, generations: 0 }]);
  assert.deepEqual(
    raced.rungs.map((rung) => rung.items),
    ends,
  );
  assert.deepEqual(raced.choiceStarts, whole.choiceStarts);
  assert.deepEqual(raced.targetStarts, whole.targetStarts);
  raced.rungs.forEach((rung, index) => {
    const before = raced.rungs[index - 1] ?? { items: 0, batches: 0 };
    const targetOf = (item: number): number => raced.targetStarts[raced.choiceStarts[item]!]!;
    const own = raced.targetBatches.subarray(targetOf(before.items), targetOf(rung.items));
    assert.ok(own.every((batch) => batch >= before.batches && batch < rung.batches));
    for (const { anchor } of raced.schedule.batches.slice(before.batches, rung.batches)) {
      if (anchor < 0) continue;
      const { batch, lastUse } = raced.schedule.anchors[anchor]!;
      assert.ok(batch.every((each) => each >= before.batches && each < rung.batches));
      assert.ok(lastUse < rung.batches);
    }
  });
  const { nodes } = raced.schedule.cost;
  assert.ok(nodes >= whole.schedule.cost.nodes, "shared prefixes are computed once a portion");
  assert.ok(nodes < 2 * whole.schedule.cost.nodes, `${nodes} nodes`);
});
