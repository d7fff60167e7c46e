// What the token trie saves on bundled tasks, counted under Llama 3's tokenizer. "Naive" is one forward pass
// for each choice, equal sequences counted once.

import assert from "node:assert/strict";
import { test } from "node:test";
import { loadTasks } from "../../src/evals/tasks/tasks.ts";
import { buildWorkload } from "../../src/evals/workload.ts";
import { DATA_DIR, skipWithoutShared } from "./shared.ts";
import { llama3Tokenizer } from "./tokenizers.ts";

for (const [task, fewshot, nodes, naive] of [
  ["truthfulqa_mc2", 0, 50_351, 995_576], // 19.8 times less
  ["truthfulqa_mc1", 0, 38_824, 697_871],
  ["winogrande", 0, 27_324, 53_123],
  ["arc_challenge", 25, 1_092_124, 4_032_123], // of 4,385,716 with repeated sequences
] as const) {
  test(`${task}, ${fewshot} examples: ${nodes} nodes instead of ${naive} tokens`, {
    skip: skipWithoutShared,
  }, async () => {
    const { items } = await loadTasks([task], { split: "test", dataDir: DATA_DIR, fewshot });
    const options = { prefixId: 128_000, maxLength: 8192 };
    const { schedule, counts } = buildWorkload(task, items, await llama3Tokenizer(), options);
    const { cost } = schedule;
    assert.deepEqual([cost.nodes, cost.naiveTokens], [nodes, naive]);
    assert.deepEqual(counts, { seams: 0, separate: 0, truncated: 0 });
    assert.ok(cost.paddingSlots < nodes / 10, `${cost.paddingSlots} padding slots`);
  });
}

test("gsm8k_cot: 78320 nodes instead of 942684 prompt tokens, a twelfth", {
  skip: skipWithoutShared,
}, async () => {
  const { items } = await loadTasks(["gsm8k_cot"], { split: "test", dataDir: DATA_DIR });
  const options = { prefixId: 128_000, maxLength: 8192, tokenizerFolder: "llama3" };
  const { schedule } = buildWorkload("t", items, await llama3Tokenizer(), options);
  const { cost, generations } = schedule;
  assert.deepEqual([cost.nodes, cost.naiveTokens], [78_320, 942_684]);
  assert.equal(
    generations.reduce((sum, { prompts }) => sum + prompts.length, 0),
    1319,
  );
  for (const { shared, prompts, stop } of generations) {
    const keys = prompts.reduce((sum, { own }) => sum + own.slot.length + stop.maxTokens, 0);
    assert.ok(prompts.length <= 64 && shared.slot.length + keys <= 16_384);
  }
});
