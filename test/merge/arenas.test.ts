// Blocks laid out in arenas: each in one, none too full, and groups together where they fit.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Block, layOutArenas } from "../../src/merge/candidates/arenas.ts";

const LIMIT = 1024;
const aligned = (bytes: number) => Math.ceil(bytes / 64) * 64;
const block = fc.record({ key: fc.constantFrom(..."abcdefghij"), bytes: fc.nat(1500) });
/** Groups in which a key always stands for one block. */
const groups = fc.array(fc.array(block, { maxLength: 5 }), { maxLength: 8 }).map((lists) => {
  const known = new Map<string, Block>();
  for (const one of lists.flat()) if (!known.has(one.key)) known.set(one.key, one);
  return lists.map((list) => list.map(({ key }) => known.get(key)!));
});

test("every block has one arena that holds it, and no arena is larger than the limit or its one block", () => {
  fc.assert(
    fc.property(groups, (some) => {
      const { sizes, arenaOf } = layOutArenas(some, LIMIT);
      const blocks = [...new Map(some.flat().map((one) => [one.key, one])).values()];
      assert.deepEqual([...arenaOf.keys()].sort(), blocks.map(({ key }) => key).sort());
      for (const [arena, size] of sizes.entries()) {
        const inside = blocks.filter(({ key }) => arenaOf.get(key) === arena);
        assert.equal(
          size,
          inside.reduce((sum, { bytes }) => sum + aligned(bytes), 0),
        );
        assert.ok(size <= LIMIT || inside.filter(({ bytes }) => bytes > 0).length === 1);
      }
    }),
  );
});

test("a group that fits is in one arena, but for what an earlier group has placed", () => {
  const [a, b, c] = ["a", "b", "c"].map((key) => ({ key, bytes: 400 }));
  const { arenaOf, sizes } = layOutArenas([[a!], [b!, c!], [a!, c!]], LIMIT);
  assert.equal(arenaOf.get("b"), arenaOf.get("c"));
  assert.notEqual(arenaOf.get("a"), arenaOf.get("b"));
  assert.deepEqual(sizes, [448, 896]);
});
