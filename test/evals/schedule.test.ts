// Random sequences, scheduled and simulated: whatever the tree looks like, each node is computed once, sees
// exactly its ancestors, and each target can be found again.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { TokenPair } from "../../src/evals/trie/pairs.ts";
import { schedulePairs } from "../../src/evals/trie/schedule.ts";
import { simulate } from "./simulate.ts";

const token = fc.integer({ min: 0, max: 2 });

/** Few different tokens and a common start, so that prefixes, branches and equal sequences are frequent. */
const pairArbitrary: fc.Arbitrary<TokenPair> = fc
  .tuple(
    fc.integer({ min: 0, max: 9 }),
    fc.array(token, { minLength: 1, maxLength: 14 }),
    fc.array(token, { minLength: 1, maxLength: 4 }),
  )
  .map(([shared, rest, targets]) => {
    const tokens = Int32Array.from([...new Array<number>(shared).fill(1), ...rest]);
    return { tokens, targets: Int32Array.from(targets.slice(0, tokens.length)) };
  });

const pairsArbitrary = fc.array(pairArbitrary, { minLength: 1, maxLength: 30 });
const slotsArbitrary = fc.integer({ min: 2, max: 40 });

test("every node is computed once, sees its ancestors, and every target is scored once", () => {
  fc.assert(
    fc.property(pairsArbitrary, slotsArbitrary, (pairs, slots) => {
      const scheduled = schedulePairs(pairs, slots);
      const { schedule } = scheduled;
      const simulation = simulate(schedule);

      const prefixes = new Set(
        pairs.flatMap(({ tokens }) =>
          Array.from(tokens, (_, end) => tokens.slice(0, end + 1).join(" ")),
        ),
      );
      const computed = simulation.seen.flat().filter((text) => text !== undefined);
      assert.equal(new Set(computed).size, computed.length, "no node twice");
      assert.deepEqual(new Set(computed), prefixes);

      const used = new Set<string>();
      pairs.forEach(({ tokens, targets }, pair) => {
        const start = scheduled.targetStarts[pair]!;
        assert.equal(scheduled.targetStarts[pair + 1]! - start, targets.length);
        targets.forEach((target, i) => {
          const batchIndex = scheduled.targetBatches[start + i]!;
          const k = scheduled.targetIndices[start + i]!;
          used.add(`${batchIndex}/${k}`);
          const batch = schedule.batches[batchIndex]!;
          const slot = batch.scoreSlots[batch.targetRow[k]!]!;
          const length = tokens.length - targets.length + i + 1;
          assert.equal(simulation.seen[batchIndex]![slot], tokens.slice(0, length).join(" "));
          assert.equal(batch.targetToken[k], target);
        });
      });
      const results = schedule.batches.reduce((sum, batch) => sum + batch.targetToken.length, 0);
      assert.equal(used.size, results, "no result that nobody reads, no target twice");

      const { cost, groupEnds, batches } = schedule;
      assert.equal(groupEnds.at(-1), batches.length, "every batch is in a group");
      assert.ok(groupEnds.every((end, group) => end > (groupEnds[group - 1] ?? 0)));
      assert.equal(cost.nodes, prefixes.size);
      assert.equal(cost.paddingSlots, simulation.paddingSlots);
      assert.equal(cost.computedPairs, simulation.computedPairs);
      assert.equal(cost.neededPairs, simulation.neededPairs);
      for (const { rows, columns } of schedule.batches) {
        assert.ok(rows === 1 ? columns <= slots : rows * columns <= slots);
      }
    }),
    { numRuns: 300 },
  );
});

test("the schedule depends on the set of sequences, not on their order, and is plain data", () => {
  const shuffled = pairsArbitrary.chain((pairs) =>
    fc.tuple(fc.constant(pairs), fc.shuffledSubarray(pairs, { minLength: pairs.length })),
  );
  fc.assert(
    fc.property(shuffled, slotsArbitrary, ([pairs, others], slots) => {
      const { schedule } = schedulePairs(pairs, slots);
      assert.deepEqual(schedulePairs(others, slots).schedule, schedule);
      assert.deepEqual(structuredClone(schedule), schedule);
    }),
    { numRuns: 50 },
  );
});

test("an anchor's memory ends with its last use", () => {
  fc.assert(
    fc.property(pairsArbitrary, slotsArbitrary, (pairs, slots) => {
      const { schedule } = schedulePairs(pairs, slots);
      const lastUses = schedule.anchors.map((_, anchor) =>
        schedule.batches.findLastIndex((batch) => batch.anchor === anchor),
      );
      assert.deepEqual(
        schedule.anchors.map((anchor) => anchor.lastUse),
        lastUses,
      );
    }),
    { numRuns: 50 },
  );
});

test("a long chain is cut into equal parts and shares the memory of its anchors", () => {
  const tokens = Int32Array.from({ length: 1200 }, (_, i) => i);
  const { schedule } = schedulePairs([{ tokens, targets: Int32Array.of(7) }], 512);
  assert.deepEqual(
    schedule.batches.map(({ rows, columns }) => [rows, columns]),
    [
      [1, 400],
      [1, 400],
      [1, 400],
    ],
  );
  const [short, long] = schedule.anchors;
  assert.equal(short?.batch.buffer, long?.batch.buffer);
});
