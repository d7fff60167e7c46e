// Any cut of a token tree into batches scores what plain causal rows score, and a schedule can be stopped
// and taken up again.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import fc from "fast-check";
import type { BatchResult } from "../../src/model/batch.ts";
import { causalBatch } from "../../src/model/decoder/causal.ts";
import { neededBatches } from "../../src/model/decoder/past.ts";
import { createDecoder, type Decoder } from "../../src/model/decoder/runner.ts";
import { type Node, pathTo, randomTree } from "./random-tree.ts";
import { tinyConfig, tinyWeights } from "./tiny.ts";

const CONFIGS = {
  llama: tinyConfig(),
  "a window of 5": tinyConfig({ architectures: ["MistralForCausalLM"], sliding_window: 5 }),
  "a window in one layer": tinyConfig({
    architectures: ["Qwen3ForCausalLM"],
    sliding_window: 4,
    use_sliding_window: true,
    layer_types: ["full_attention", "sliding_attention"],
  }),
};

const decoders = new Map<string, Decoder>();

before(async () => {
  for (const [name, config] of Object.entries(CONFIGS)) {
    const decoder = await createDecoder(config, { device: "cpu", threads: 1 });
    await decoder.setWeights(tinyWeights(config));
    decoders.set(name, decoder);
  }
});

after(async () => {
  for (const decoder of decoders.values()) await decoder.close();
});

function leaves(node: Node): Node[] {
  return node.children.length === 0 ? [node] : node.children.flatMap(leaves);
}

/** For each node but the root: log-probability and greedy flag, from one plain row for each leaf. */
async function plainScores(decoder: Decoder, root: Node) {
  const paths = leaves(root).map(pathTo);
  const batch = causalBatch(paths.map((path) => path.map((node) => node.token)));
  const { result } = await decoder.runBatch(batch);
  const scores = new Map<Node, { logProb: number; greedy: number }>();
  let k = 0;
  for (const path of paths) {
    for (const node of path.slice(1)) {
      scores.set(node, { logProb: result.logProbs[k]!, greedy: result.greedy[k]! });
      k++;
    }
  }
  return scores;
}

for (const name of Object.keys(CONFIGS)) {
  test(`random schedules equal plain causal rows to 1e-4: ${name}`, async () => {
    const decoder = decoders.get(name)!;
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const { root, schedule, wanted } = randomTree(seed, decoder.config.vocabSize);
        const plain = await plainScores(decoder, root);
        const results = new Map<number, BatchResult>();
        await decoder.runSchedule(schedule, {
          onBatch: (batch, result) => void results.set(batch, result),
        });
        assert.equal(results.size, schedule.batches.length);
        assert.equal(wanted.length, plain.size);
        for (const { batch, index, child } of wanted) {
          const { logProb, greedy } = plain.get(child)!;
          assert.ok(Math.abs(results.get(batch)!.logProbs[index]! - logProb) < 1e-4);
          assert.equal(results.get(batch)!.greedy[index], greedy);
        }
      }),
      { numRuns: 25 },
    );
  });
}

/** A tree with at least two levels of anchors. */
function deepTree(vocabulary: number) {
  for (let seed = 0; ; seed++) {
    const tree = randomTree(seed, vocabulary);
    const { anchors, batches } = tree.schedule;
    if (batches.length > 4 && anchors.some((anchor) => new Set(anchor.batch).size > 2)) return tree;
  }
}

test("a schedule taken up again gives the same bits and reports only what was missing", async () => {
  const decoder = decoders.get("llama")!;
  const { schedule } = deepTree(decoder.config.vocabSize);
  const all = new Map<number, BatchResult>();
  await decoder.runSchedule(schedule, { onBatch: (batch, result) => void all.set(batch, result) });
  for (let known = 1; known <= schedule.batches.length; known++) {
    const done = new Set(Array.from({ length: known }, (_, batch) => batch));
    const rest = new Map<number, BatchResult>();
    await decoder.runSchedule(schedule, {
      done,
      onBatch: (batch, result) => void rest.set(batch, result),
    });
    assert.deepEqual(new Map([...all].filter(([batch]) => batch >= known)), rest);
  }
});

test("a done batch runs again only where a later one continues from it", () => {
  const tree = deepTree(40).schedule;
  const alone = Int32Array.from(tree.batches, (_, index) => index + 1);
  const schedule = { ...tree, groupEnds: alone };
  const last = schedule.batches.length - 1;
  const done = new Set(Array.from({ length: last }, (_, batch) => batch));
  const chain = new Set([last]);
  for (const batch of chain) {
    for (const source of schedule.anchors[schedule.batches[batch]!.anchor]?.batch ?? []) {
      chain.add(source);
    }
  }
  assert.deepEqual([...neededBatches(schedule, done)].sort(), [...chain].sort());
  assert.equal(neededBatches(schedule, new Set([...done, last])).size, 0);
});

test("a group of batches is computed whole, and only its missing results are reported", async () => {
  const decoder = decoders.get("llama")!;
  const tree = deepTree(decoder.config.vocabSize).schedule;
  const count = tree.batches.length;
  const schedule = { ...tree, groupEnds: Int32Array.of(count) };
  const scored = [...tree.batches.keys()].filter((i) => tree.batches[i]!.targetRow.length > 0);
  const order: number[] = [];
  await decoder.runSchedule(schedule, { onBatch: (batch) => void order.push(batch) });
  assert.deepEqual(order, [...tree.batches.keys()]);
  const done = new Set(order.filter((index) => index !== scored[1]));
  assert.deepEqual([...neededBatches(schedule, done)].sort(), [...scored].sort());
  const rest: number[] = [];
  await decoder.runSchedule(schedule, { done, onBatch: (batch) => void rest.push(batch) });
  assert.deepEqual(rest, [scored[1]]);
});

test("an aborted signal stops before the next batch", async () => {
  const decoder = decoders.get("llama")!;
  const tree = deepTree(decoder.config.vocabSize).schedule;
  const schedule = { ...tree, groupEnds: Int32Array.from(tree.batches, (_, index) => index + 1) };
  const controller = new AbortController();
  let finished = 0;
  const run = decoder.runSchedule(schedule, {
    signal: controller.signal,
    onBatch: () => {
      if (++finished === 2) controller.abort();
    },
  });
  await assert.rejects(run, { code: "interrupted" });
  assert.equal(finished, 2);
});
