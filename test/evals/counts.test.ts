// What the token trie saves on real data, counted: 5-shot MMLU, all 14,042 questions, under two tokenizers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { loadTasks } from "../../src/evals/tasks/tasks.ts";
import type { TextTokenizer } from "../../src/evals/trie/piece-encoder.ts";
import { buildWorkload, type Workload } from "../../src/evals/workload.ts";
import type { ScheduleCost } from "../../src/model/batch.ts";
import { DATA_IF_THERE, skipWithoutShared } from "./shared.ts";
import { demoTokenizer, llama3Tokenizer } from "./tokenizers.ts";

async function workload(
  task: string,
  tokenizer: TextTokenizer,
  maxLength: number,
): Promise<Workload> {
  const { items } = await loadTasks([task], { split: "test", dataDir: DATA_IF_THERE });
  return buildWorkload(task, items, tokenizer, { prefixId: 0, maxLength });
}

/** Under a tenth of the nodes is padding, and under twice the needed pairs are computed. */
function assertFrugal({ nodes, paddingSlots, computedPairs, neededPairs }: ScheduleCost): void {
  assert.ok(paddingSlots < nodes / 10, `${paddingSlots} padding slots for ${nodes} nodes`);
  assert.ok(computedPairs <= 2 * neededPairs, `${computedPairs} pairs, ${neededPairs} needed`);
}

test("5-shot MMLU under Llama 3's tokenizer: 1.31 M nodes instead of 9.6 M tokens", {
  skip: skipWithoutShared,
}, async () => {
  const { schedule, counts } = await workload("mmlu", await llama3Tokenizer(), 8192);
  assert.equal(schedule.cost.nodes, 1_312_953);
  assert.equal(schedule.cost.naiveTokens, 9_583_920); // equal prompts counted once
  assert.deepEqual(counts, { seams: 0, separate: 0, truncated: 0 });
  assertFrugal(schedule.cost);
});

test("5-shot MMLU under the demo's tokenizer, cut at 4,096 positions: 7.37 M nodes instead of 23.6 M", {
  skip: skipWithoutShared,
}, async () => {
  const { schedule, counts } = await workload("mmlu", await demoTokenizer(), 4096);
  assert.equal(schedule.cost.nodes, 7_371_946);
  assert.equal(schedule.cost.naiveTokens, 23_579_599);
  assert.deepEqual(counts, { seams: 0, separate: 0, truncated: 4 * 1919 });
  assertFrugal(schedule.cost);
});

test("the demo's 1,000 questions: 11,464 nodes instead of 51,652 tokens", async () => {
  const { schedule, counts } = await workload("demo", await demoTokenizer(), 4096);
  const { nodes, naiveTokens, paddingSlots } = schedule.cost;
  assert.deepEqual([nodes, naiveTokens], [11_464, 51_652]);
  assert.deepEqual(counts, { seams: 0, separate: 0, truncated: 0 });
  // Pairs are not bounded here: prompts of 15 tokens need few, and short rows cost calls instead.
  assert.ok(paddingSlots < nodes / 10, `${paddingSlots} padding slots`);
});
